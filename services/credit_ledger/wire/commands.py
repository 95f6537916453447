"""Commands of sagas, read from the wire. A value that no sender of ours writes raises ValueError or KeyError."""

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
    """P2, P3. Without a credit share the terms do not matter."""
    terms = terms_of(body.terms) if body.HasField("terms") else CreditTerms()
    return AuthorizeTenders(
        body.account_id, body.order_id, body.customer_id, body.merchant_id, tenders_of(body), terms, body.payment_reference
    )


def release_tenders(body: pb.ReleaseTenders) -> ReleaseTenders:
    """P5, P6."""
    return ReleaseTenders(
        body.account_id, body.order_id, body.merchant_id, tenders_of(body), CAUSES.from_wire[body.cause],
        body.expected_account_version,
        instant_from_wire(body.quote_valid_until, True) if body.HasField("quote_valid_until") else None,
    )


def return_bank_deposit(body: pb.ReturnBankDeposit) -> ReturnBankDeposit:
    """PM-5."""
    return ReturnBankDeposit(
        body.account_id, body.order_id, body.customer_id, body.bank_minor, body.payment_reference
    )


def capture_tenders(body: pb.CaptureTenders) -> CaptureTenders:
    """P4."""
    return CaptureTenders(body.account_id, body.order_id, body.merchant_id, tenders_of(body))


def refund_tenders(body: pb.RefundTenders) -> RefundTenders:
    """P10 to P14, P18, P21."""
    return RefundTenders(
        body.account_id, body.order_id, body.merchant_id, body.refund_id, tenders_of(body),
        body.expected_account_version,
        instant_from_wire(body.quote_valid_until, True) if body.HasField("quote_valid_until") else None,
        body.uncovered_gift_minor,
    )


def reverse_refund(body: pb.ReverseRefund) -> ReverseRefund:
    """P24."""
    return ReverseRefund(body.account_id, body.order_id, body.merchant_id, body.refund_id)


def pay_gift_card_share(body: pb.PayGiftCardShare) -> PayGiftCardShare:
    """DOMAIN 3.3."""
    return PayGiftCardShare(body.merchant_id, body.amount_minor)


def claw_back(body: pb.ClawBackFromMerchant) -> ClawBackFromMerchant:
    """P23, P24."""
    return ClawBackFromMerchant(body.merchant_id, body.order_id, body.amount_minor, body.undone)
