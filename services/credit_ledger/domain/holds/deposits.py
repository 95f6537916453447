"""The bank payment of a rejected order: the acquirer took it
before we refused, so it goes back through the rail (PM-5)."""

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs.life import launched, rejected_leg_id
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState
from services.credit_ledger.domain.model.commands import ReturnBankDeposit
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.leg import Rail, RefundLeg
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound

OP = "deposit_return"


def give_back(position: Position, body: ReturnBankDeposit) -> Applied:
    """Send the payment back, once, to where it came from. The book moves with the end of the leg; the reference stays
    claimed, so that no later order is paid with money that has left."""
    if not position.replaying:
        _may_give_back(position, body)
    identity, tenders = rejected_leg_id(body.order_id), Tenders(bank_minor=body.bank_minor)
    position = launched(
        position.plus(PaymentReference(body.payment_reference, body.order_id)), identity, rail=Rail.CARD,
        reference=body.payment_reference, amount_minor=body.bank_minor, order_id=body.order_id,
    )
    effect = CreditEffect(
        op=OP, order_id=body.order_id, account_id=position.account.id, account_version=position.before.version + 1,
        posted_at=position.at, moved=tenders, agreement_state=AgreementState.REVOKED,
        available_minor=position.account.available_minor, leg_id=identity,
    )
    return Applied(position, effect, body.order_id, identity, moved=tenders.vector())


def _may_give_back(position: Position, body: ReturnBankDeposit) -> None:
    """Money that serves another order, or went back before,
    stays where it is (OP-4); the account may be in any state."""
    account = position.account
    if account.customer_id != body.customer_id:
        raise NotFound("ACCOUNT_NOT_FOUND", f"{account.id} is not {body.customer_id}'s")
    if body.bank_minor <= 0 or not body.payment_reference:
        detail = "a bank-card tender goes with the acquirer's payment reference (PM-5)"
        raise InvalidArgument("INVALID_ARGUMENT", detail)
    if position.find(Agreement, body.order_id) is not None:
        raise AlreadyExists("AGREEMENT_STATE", f"{body.order_id} has an agreement: it was not rejected")
    claimed = position.find(PaymentReference, body.payment_reference)
    if claimed is not None and claimed.order_id not in ("", body.order_id):
        raise FailedPrecondition("PAYMENT_REFERENCE_USED", f"{body.payment_reference} pays another order (OP-4)")
    if position.find(RefundLeg, rejected_leg_id(body.order_id)) is not None:
        raise FailedPrecondition("PAYMENT_REFERENCE_USED", f"{body.payment_reference} went back before")
