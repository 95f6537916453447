"""Facts and notices, written to the wire. The same fact always gives the same bytes."""

from services.credit_ledger.domain.model import events
from services.credit_ledger.domain.model.reconciliation import RailDifferenceFound, RailDifferenceResolved
from services.credit_ledger.wire.scalars import ACCOUNT_STATES, AGREEMENT_STATES, DIFFERENCE_KINDS, LEG_STEPS
from services.runtime.ground.scalars import date_to_wire, instant_field
from settlement.credit_ledger.v1 import events_pb2 as pb
from settlement.credit_ledger.v1 import notices_pb2


def account_opened(fact: events.AccountOpened) -> pb.AccountOpened:
    """An account exists."""
    return pb.AccountOpened(account_id=fact.account_id, customer_id=fact.customer_id, limit_minor=fact.limit_minor)


def limit_granted(fact: events.LimitGranted) -> pb.LimitGranted:
    """The limit changed."""
    return pb.LimitGranted(account_id=fact.account_id, limit_minor=fact.limit_minor)


def wallet_funded(fact: events.WalletFunded) -> pb.WalletFunded:
    """Money came into the wallet."""
    return pb.WalletFunded(account_id=fact.account_id, amount_minor=fact.amount_minor)


def account_state_changed(fact: events.AccountStateChanged) -> pb.AccountStateChanged:
    """The account's state changed."""
    return pb.AccountStateChanged(
        account_id=fact.account_id, state=ACCOUNT_STATES.to_wire[fact.state], reason=fact.reason
    )


def tenders_authorized(fact: events.TendersAuthorized) -> pb.TendersAuthorized:
    """Credit is held, deposits are taken."""
    credit, wallet, bank, coupon = fact.tenders
    return pb.TendersAuthorized(
        account_id=fact.account_id, order_id=fact.order_id, credit_minor=credit, wallet_minor=wallet, bank_minor=bank,
        coupon_minor=coupon,
    )


def tenders_released(fact: events.TendersReleased) -> pb.TendersReleased:
    """They were given back."""
    credit, wallet, bank, coupon = fact.tenders
    return pb.TendersReleased(
        account_id=fact.account_id, order_id=fact.order_id, credit_minor=credit, wallet_minor=wallet, bank_minor=bank,
        coupon_minor=coupon, agreement_state=AGREEMENT_STATES.to_wire[fact.agreement_state],
    )


def tenders_captured(fact: events.TendersCaptured) -> pb.TendersCaptured:
    """A shipment was captured."""
    credit, wallet, bank, coupon = fact.tenders
    return pb.TendersCaptured(
        account_id=fact.account_id, order_id=fact.order_id, credit_minor=credit, wallet_minor=wallet, bank_minor=bank,
        coupon_minor=coupon,
    )


def refund_posted(fact: events.RefundPosted) -> pb.RefundPosted:
    """A refund took effect."""
    credit, wallet, bank, coupon = fact.tenders
    return pb.RefundPosted(
        account_id=fact.account_id, order_id=fact.order_id, refund_id=fact.refund_id, credit_minor=credit,
        wallet_minor=wallet, bank_minor=bank, coupon_minor=coupon, principal_minor=fact.principal_minor,
        credit_balance_minor=fact.credit_balance_minor, agreement_state=AGREEMENT_STATES.to_wire[fact.agreement_state],
    )


def flash_refund_accepted(fact: events.FlashRefundAccepted) -> pb.FlashRefundAccepted:
    """A refund waits for the network."""
    return pb.FlashRefundAccepted(
        account_id=fact.account_id, order_id=fact.order_id, refund_id=fact.refund_id, credit_minor=fact.credit_minor
    )


def refund_reversed(fact: events.RefundReversed) -> pb.CreditRefundReversed:
    """A refund was undone."""
    return pb.CreditRefundReversed(account_id=fact.account_id, order_id=fact.order_id, refund_id=fact.refund_id)


def repayment_received(fact: events.RepaymentReceived) -> pb.RepaymentReceived:
    """The customer repaid."""
    return pb.RepaymentReceived(
        account_id=fact.account_id, repayment_id=fact.repayment_id, amount_minor=fact.amount_minor,
        principal_minor=fact.principal_minor, credit_balance_minor=fact.credit_balance_minor,
    )


def statement_issued(fact: events.StatementIssued) -> pb.StatementIssued:
    """A statement was cut."""
    return pb.StatementIssued(
        account_id=fact.account_id, bill_date=date_to_wire(fact.bill_date), due_date=date_to_wire(fact.due_date),
        amount_minor=fact.amount_minor, offset_minor=fact.offset_minor,
    )


def late_fees_accrued(fact: events.LateFeesAccrued) -> pb.LateFeesAccrued:
    """Late fees were charged."""
    return pb.LateFeesAccrued(
        account_id=fact.account_id, through=date_to_wire(fact.through), amount_minor=fact.amount_minor
    )


def late_fees_waived(fact: events.LateFeesWaived) -> pb.LateFeesWaived:
    """Late fees were waived."""
    return pb.LateFeesWaived(account_id=fact.account_id, amount_minor=fact.amount_minor, reason=fact.reason)


def credit_balance_paid_out(fact: events.CreditBalancePaidOut) -> pb.CreditBalancePaidOut:
    """Credit balance is on its way."""
    return pb.CreditBalancePaidOut(account_id=fact.account_id, amount_minor=fact.amount_minor, leg_id=fact.leg_id)


def agreement_charged_off(fact: events.AgreementChargedOff) -> pb.AgreementChargedOff:
    """Principal was written off."""
    return pb.AgreementChargedOff(account_id=fact.account_id, order_id=fact.order_id, amount_minor=fact.amount_minor)


def leg_settled(fact: events.LegSettled) -> pb.LegSettled:
    """A rail paid a leg."""
    return pb.LegSettled(account_id=fact.account_id, leg_id=fact.leg_id, amount_minor=fact.amount_minor)


def leg_rerouted(fact: events.LegRerouted) -> pb.LegRerouted:
    """A closed instrument's money went to the wallet."""
    return pb.LegRerouted(account_id=fact.account_id, leg_id=fact.leg_id, amount_minor=fact.amount_minor)


def leg_failed(fact: events.LegFailed) -> pb.LegFailed:
    """A leg needs a person."""
    return pb.LegFailed(account_id=fact.account_id, leg_id=fact.leg_id, detail=fact.detail)


def leg_stepped(fact: events.LegStepped) -> pb.LegStepped:
    """A leg took a step that has no event of its own."""
    return pb.LegStepped(
        account_id=fact.account_id, leg_id=fact.leg_id, order_id=fact.order_id, refund_id=fact.refund_id,
        step=LEG_STEPS.to_wire[fact.step], amount_minor=fact.amount_minor, detail=fact.detail,
    )


def payment_charged_back(fact: events.PaymentChargedBack) -> pb.PaymentChargedBack:
    """A payment is not refundable any more."""
    return pb.PaymentChargedBack(
        account_id=fact.account_id, order_id=fact.order_id, payment_reference=fact.payment_reference,
        notice_id=fact.notice_id, amount_minor=fact.amount_minor,
    )


def difference_found(fact: RailDifferenceFound) -> pb.RailDifferenceFound:
    """The rail and the legs do not agree on a payment."""
    found = fact.difference
    return pb.RailDifferenceFound(
        leg_id=found.key, kind=DIFFERENCE_KINDS.to_wire[found.kind], account_id=found.account_id,
        reference=found.reference, leg_minor=found.leg_minor, rail_minor=found.rail_minor, detail=found.detail,
    )


def difference_resolved(fact: RailDifferenceResolved) -> pb.RailDifferenceResolved:
    """The rail's list and the leg agree again."""
    return pb.RailDifferenceResolved(leg_id=fact.key, kind=DIFFERENCE_KINDS.to_wire[fact.kind])


def adjustment_posted(fact: events.AdjustmentPosted) -> pb.AdjustmentPosted:
    """Two people adjusted an account."""
    return pb.AdjustmentPosted(
        account_id=fact.account_id, order_id=fact.order_id, adjustment_id=fact.adjustment_id, case_id=fact.case_id,
        wallet_minor=fact.wallet_minor, credit_balance_minor=fact.credit_balance_minor,
        receivable_minor=fact.receivable_minor,
    )


def merchant_paid(fact: events.MerchantPaid) -> pb.MerchantPaid:
    """A merchant was settled with."""
    return pb.MerchantPaid(merchant_id=fact.merchant_id, amount_minor=fact.amount_minor, paid_minor=fact.paid_minor)


def flash_refund_confirmed(notice: events.FlashRefundConfirmed) -> notices_pb2.FlashRefundConfirmed:
    """To the order: its pending refund is done."""
    return notices_pb2.FlashRefundConfirmed(
        order_id=notice.order_id, refund_id=notice.refund_id, confirm_time=instant_field(notice.confirmed_at),
        manual=notice.manual,
    )


def flash_refund_expired(notice: events.FlashRefundExpired) -> notices_pb2.FlashRefundExpired:
    """To the order: its pending refund needs people."""
    return notices_pb2.FlashRefundExpired(order_id=notice.order_id, refund_id=notice.refund_id)


def bank_refund_settled(notice: events.BankRefundSettled) -> notices_pb2.BankRefundSettled:
    """To the order: a bank-card refund arrived."""
    return notices_pb2.BankRefundSettled(
        order_id=notice.order_id, refund_id=notice.refund_id, leg_id=notice.leg_id, amount_minor=notice.amount_minor,
        rerouted=notice.rerouted, manual=notice.manual,
    )


def bank_refund_stepped(notice: events.BankRefundStepped) -> notices_pb2.BankRefundStepped:
    """To the order: a bank-card refund took a step."""
    return notices_pb2.BankRefundStepped(
        order_id=notice.order_id, refund_id=notice.refund_id, leg_id=notice.leg_id, step=LEG_STEPS.to_wire[notice.step],
        amount_minor=notice.amount_minor, step_time=instant_field(notice.at), detail=notice.detail,
    )
