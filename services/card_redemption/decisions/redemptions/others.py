"""Vouchers and what recyclers pay (RD-28, P29, P35)."""

from datetime import datetime

from services.card_redemption.decisions.redemptions.finding import fresh, party, redemption_of
from services.card_redemption.domain.redemption import recyclers, vouchers
from services.card_redemption.domain.redemption.commands import (
    IssueVoucher,
    RecordChannelFee,
    RecordRemittance,
    UseVoucher,
)
from services.card_redemption.domain.redemption.plans import RemittancePlan, VoucherPlan
from services.card_redemption.sagas import launched
from services.kernel.decision import Decision, Known
from services.kernel.messages import Message


def issue_voucher(known: Known, body: IssueVoucher, message: Message, now: datetime) -> Decision:
    """Console the customer, once."""
    order, card = redemption_of(known, body.redemption_id, message.key, body.customer_id)
    return vouchers.issued(order, card, now).decided()


def use_voucher(known: Known, body: UseVoucher, message: Message, now: datetime) -> Decision:
    """Spend some of it, in one of its categories."""
    order, card = redemption_of(known, body.redemption_id, message.key, body.customer_id)
    voucher = vouchers.usable(order, body.category, body.amount_minor)
    begun = vouchers.use_begun(order, card, fresh("saga", message), now)
    return launched(begun, VoucherPlan(party(order), voucher.id, body.category, body.amount_minor), now).decided()


def record_channel_fee(known: Known, body: RecordChannelFee, message: Message, now: datetime) -> Decision:
    """The recycler keeps a fee of what it owes."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    return recyclers.fee_kept(order, card, body.amount_minor, now).decided()


def record_remittance(known: Known, body: RecordRemittance, message: Message, now: datetime) -> Decision:
    """The recycler pays, into the credit ledger's bank."""
    order, card = redemption_of(known, body.redemption_id, message.key)
    recyclers.must_owe(order, body.amount_minor)
    begun = recyclers.remitting(order, card, fresh("saga", message), now)
    plan = RemittancePlan(party(order), order.terms.channel, body.reference, body.amount_minor)
    return launched(begun, plan, now).decided()
