"""Commands of sagas, read from the wire. A value that no sender of ours writes raises ValueError or KeyError."""

from datetime import datetime

from services.credit_ledger.domain.model.commands import (
    AuthorizeTenders,
    CaptureTenders,
    ClawBackFromMerchant,
    PayGiftCardShare,
    RefundTenders,
    ReleaseTenders,
    ReturnBankDeposit,
    ReverseRefund,
)
from services.credit_ledger.domain.model.terms import NEVER_FREE, CreditTerms
from services.credit_ledger.wire.scalars import CAUSES, PLANS, ROUTES, STRATEGIES, tenders_of
from services.runtime.ground.codec import Entry
from services.runtime.ground.scalars import instant_from_wire
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import commands_pb2 as pb


def terms_of(terms: tender_pb2.CreditTerms) -> CreditTerms:
    """The terms of a credit tender, with the defaults of the contract."""
    return CreditTerms(
        plan=PLANS.from_wire[terms.plan], instalment_count=terms.instalment_count or 1, fee_ppm=terms.fee_ppm,
        defer_months=terms.defer_months or 1, flat_fee_minor=terms.flat_fee_minor, term_days=terms.term_days or 1,
        free_days=terms.free_days if terms.HasField("free_days") else NEVER_FREE,
        strategy=STRATEGIES.from_wire[terms.strategy], route=ROUTES.from_wire[terms.route],
    )


def authorize_tenders(body: pb.AuthorizeTenders) -> AuthorizeTenders:
    """Hold credit and take deposits. Without a credit share the terms do not matter (P2, P3)."""
    return AuthorizeTenders(
        account_id=body.account_id, order_id=body.order_id, customer_id=body.customer_id, merchant_id=body.merchant_id,
        tenders=tenders_of(body), terms=terms_of(body.terms) if body.HasField("terms") else CreditTerms(),
        payment_reference=body.payment_reference,
    )


def release_tenders(body: pb.ReleaseTenders) -> ReleaseTenders:
    """Give back what is held, as a quote pinned it (P5, P6)."""
    return ReleaseTenders(
        account_id=body.account_id, order_id=body.order_id, merchant_id=body.merchant_id, tenders=tenders_of(body),
        cause=CAUSES.from_wire[body.cause], expected_account_version=body.expected_account_version,
        quote_valid_until=_quoted(body),
    )


def return_bank_deposit(body: pb.ReturnBankDeposit) -> ReturnBankDeposit:
    """Give the bank payment of a rejected order back (PM-5)."""
    return ReturnBankDeposit(
        body.account_id, body.order_id, body.customer_id, body.bank_minor, body.payment_reference
    )


def capture_tenders(body: pb.CaptureTenders) -> CaptureTenders:
    """Capture a shipment's share (P4)."""
    return CaptureTenders(body.account_id, body.order_id, body.merchant_id, tenders_of(body))


def refund_tenders(body: pb.RefundTenders) -> RefundTenders:
    """Refund these shares, as a quote pinned them (P10 to P14, P18, P21)."""
    return RefundTenders(
        account_id=body.account_id, order_id=body.order_id, merchant_id=body.merchant_id, refund_id=body.refund_id,
        tenders=tenders_of(body), expected_account_version=body.expected_account_version,
        quote_valid_until=_quoted(body), uncovered_gift_minor=body.uncovered_gift_minor,
        goods_back=body.goods_back,
    )


def reverse_refund(body: pb.ReverseRefund) -> ReverseRefund:
    """Undo a refund (P24)."""
    return ReverseRefund(body.account_id, body.order_id, body.merchant_id, body.refund_id)


def pay_gift_card_share(body: pb.PayGiftCardShare) -> PayGiftCardShare:
    """Pay a merchant what card_redemption owes (3.3)."""
    return PayGiftCardShare(body.merchant_id, body.amount_minor)


def claw_back_from_merchant(body: pb.ClawBackFromMerchant) -> ClawBackFromMerchant:
    """Claim a gift card's refund from a merchant that was paid for it, or give the claim up (P23, P24)."""
    return ClawBackFromMerchant(body.merchant_id, body.order_id, body.amount_minor, body.undone)


def _quoted(body: pb.ReleaseTenders | pb.RefundTenders) -> datetime | None:
    """Until when the quote holds that this accepts; None without one."""
    return instant_from_wire(body.quote_valid_until, reckoned=True) if body.HasField("quote_valid_until") else None


COMMANDS = (
    Entry(AuthorizeTenders, pb.AuthorizeTenders, from_wire=authorize_tenders),
    Entry(ReleaseTenders, pb.ReleaseTenders, from_wire=release_tenders),
    Entry(ReturnBankDeposit, pb.ReturnBankDeposit, from_wire=return_bank_deposit),
    Entry(CaptureTenders, pb.CaptureTenders, from_wire=capture_tenders),
    Entry(RefundTenders, pb.RefundTenders, from_wire=refund_tenders),
    Entry(ReverseRefund, pb.ReverseRefund, from_wire=reverse_refund),
    Entry(PayGiftCardShare, pb.PayGiftCardShare, from_wire=pay_gift_card_share),
    Entry(ClawBackFromMerchant, pb.ClawBackFromMerchant, from_wire=claw_back_from_merchant),
)
"""Every command that a saga sends, with its reader."""
