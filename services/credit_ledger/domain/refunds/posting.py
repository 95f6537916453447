"""The refund of an order's tenders in this book (P10 to P14, P17 to P19, P23; FLASH: P21). RA-1: principal first.

Reads the account, the agreement and the merchant's share; more only if a surplus is to be spent.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from services.credit_ledger.domain.core.outcome import applied
from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.core.quote_pins import check_quote
from services.credit_ledger.domain.legs.life import launched
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.merchants import shares
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState
from services.credit_ledger.domain.model.books import Lines
from services.credit_ledger.domain.model.commands import RefundTenders
from services.credit_ledger.domain.model.effects import Step
from services.credit_ledger.domain.model.events import FlashRefundAccepted, RefundPosted
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.operation import Facts
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import Route
from services.credit_ledger.domain.refunds.allocation import Allocation, allocate
from services.credit_ledger.domain.refunds.surplus import Waterfall, spend_surplus
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition
from services.kernel.journal import Unit, post

FLASH_TIMER = "flash_timeout"
"""The kind of the timer that turns an unconfirmed flash refund into an exception; its key is the refund."""

FLASH_HOURS = 24
"""The network may confirm within 24 hours, the last instant included (PM-2, SC-5)."""

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class CreditSide:
    """What a refund did on the credit side: the allocation, and where its surplus went."""

    position: Position
    allocation: Allocation
    waterfall: Waterfall

    @property
    def principal_minor(self) -> int:
        """All principal that is no longer owed, and so the limit that comes back."""
        return self.allocation.principal_minor + self.waterfall.principal_minor

    @property
    def lines(self) -> Lines:
        """The credit lines of the refund's CNY journal."""
        return (*self.allocation.refund_lines(), *self.waterfall.lines)


def refund(position: Position, body: RefundTenders) -> Applied:
    """Refund these shares of an order; a refund of 0 is accepted and does nothing (PR-6)."""
    agreement, tenders = position.agreement(body.order_id), position.checked(body.tenders)
    if agreement.state in (AgreementState.DRAFT, AgreementState.REVOKED):
        raise FailedPrecondition("AGREEMENT_STATE", f"{body.order_id} has not shipped")
    if not tenders.within(agreement.refundable):
        raise FailedPrecondition("REFUND_EXCEEDS_REMAINING", f"{body.order_id}: {agreement.refundable} is left")
    check_quote(position, body)
    if tenders.bank_minor and agreement.charged_back_at is not None and not (body.goods_back or position.replaying):
        raise FailedPrecondition("PAYMENT_NOT_REFUNDABLE", f"{agreement.payment_reference} was charged back (PM-8)")
    if not any(tenders):
        done = applied(
            position, agreement, "refund", tenders, refund_id=body.refund_id, refund_state=RefundState.SUCCEEDED
        )
        return replace(done, logged=False)
    agreement = replace(agreement, refunded=agreement.refunded.plus(tenders), version=agreement.version + 1)
    if agreement.terms.route is Route.FLASH and tenders.credit_minor:
        return _accept_flash(position, agreement, body)
    return _refund(position, agreement, body)


def credit_side(position: Position, agreement: Agreement, credit_minor: int, refund_id: str) -> CreditSide:
    """Post the credit share of a refund at the position's instant: allocation, fees, surplus."""
    allocation = allocate(agreement, credit_minor, position.at)
    waterfall = spend_surplus(position, allocation.agreement, allocation.surplus_minor, refund_id)
    account = waterfall.position.account
    account = replace(
        account, used_minor=account.used_minor - allocation.principal_minor - waterfall.principal_minor,
        credit_balance_minor=account.credit_balance_minor + waterfall.balance_minor,
        receivable_minor=account.receivable_minor + waterfall.short_minor,
    )
    return CreditSide(waterfall.position.plus(account=account), allocation, waterfall)


def posted(side: CreditSide, op: str, other: Lines, refund_id: str, tenders: Tenders) -> Position:
    """The position with the journals of a refund, one CNY, one LIMIT,
    and `fee_adjust` where a fee moved (P17, P19), and its event."""
    agreement, principal = side.allocation.agreement, side.principal_minor
    owner, order_id = agreement.account_id, agreement.order_id
    return side.position.plus(
        journals=(
            *post(op, Unit.CNY, (*other, *side.lines), order_id),
            *post("fee_adjust", Unit.CNY, side.allocation.fee_lines(), order_id),
            *books.limit_restored(op, owner, principal, order_id),
        ),
        event=RefundPosted(
            account_id=owner, order_id=order_id, refund_id=refund_id, tenders=tenders, principal_minor=principal,
            credit_balance_minor=side.waterfall.balance_minor,
            agreement_state=side.position.agreement(order_id).state,
        ),
    )


def told(side: CreditSide) -> dict[str, object]:
    """What the effect of a refund says about its credit side."""
    return {
        "principal_refunded_minor": side.allocation.principal_minor, "recovered_minor": side.allocation.recovered_minor,
        "fee_back_minor": side.allocation.fee_back_minor, "uses": side.waterfall.uses,
        "given_back": side.waterfall.given_back, "credit_balance_minor": side.waterfall.balance_minor,
        "limit_restored_minor": side.principal_minor, "steps": (*_chain(side), *side.waterfall.steps),
    }


def _refund(position: Position, agreement: Agreement, body: RefundTenders) -> Applied:
    before = position.agreement(body.order_id)
    position, facts, other, identity = _other_tenders(position, agreement, body)
    side = credit_side(position, agreement, body.tenders.credit_minor, body.refund_id)
    if side.waterfall.paid_out:
        facts = replace(facts, paid_out=side.waterfall.paid_out)
    position = posted(side, "refund", other, body.refund_id, body.tenders)
    agreement = position.agreement(body.order_id)
    return applied(
        position, agreement, "refund", body.tenders, before=before, reference=body.refund_id, facts=facts,
        refund_id=body.refund_id, refund_state=RefundState.SUCCEEDED, leg_id=identity, **told(side),
    )


def _accept_flash(position: Position, agreement: Agreement, body: RefundTenders) -> Applied:
    """The first of two steps: merchant and other tenders now, the credit share when the network confirms (PM-1)."""
    position, facts, other, identity = _other_tenders(position, agreement, body)
    credit = body.tenders.credit_minor
    row = CreditRefund(
        id=body.refund_id, account_id=position.account.id, order_id=body.order_id, merchant_id=agreement.merchant_id,
        tenders=body.tenders, state=RefundState.PENDING_CHANNEL, accepted_at=position.at,
    )
    due_at = position.at + timedelta(hours=FLASH_HOURS) + _SECOND
    position = position.plus(
        agreement, row,
        journals=post("refund_accept", Unit.CNY, (*other, (books.TRANSIT_FLASH, "", -credit)), body.order_id),
        event=FlashRefundAccepted(position.account.id, body.order_id, body.refund_id, credit),
        timers=(Timer(FLASH_TIMER, row.id, position.account.id, due_at),),
    )
    return applied(
        position, agreement, "refund_accept", body.tenders, reference=body.refund_id, facts=facts,
        refund_id=body.refund_id, refund_state=RefundState.PENDING_CHANNEL, leg_id=identity,
    )


def _other_tenders(
    position: Position, agreement: Agreement, body: RefundTenders
) -> tuple[Position, Facts, Lines, str]:
    """The merchant gives all shares and the coupon back; wallet and bank card get theirs (RA-7, A24, P23)."""
    tenders = body.tenders
    taken = shares.take(position, agreement.merchant_id, tenders.total_minor, body.uncovered_gift_minor)
    account = taken.position.account
    position = taken.position.plus(agreement)
    if tenders.wallet_minor:
        position = position.plus(account=replace(account, wallet_minor=account.wallet_minor + tenders.wallet_minor))
    identity = leg_id(body.refund_id) if tenders.bank_minor else ""
    position = launched(
        position, identity, rail=Rail.CARD, reference=agreement.payment_reference, amount_minor=tenders.bank_minor,
        order_id=body.order_id, refund_id=body.refund_id,
    )
    lines = taken.lines + _tender_lines(tenders, account.id)
    return position, Facts(merchant_payable_minor=taken.payable_minor), lines, identity


def _tender_lines(tenders: Tenders, account_id: str) -> Lines:
    return (
        (books.COUPON, "", -tenders.coupon_minor), (books.WALLET, account_id, -tenders.wallet_minor),
        (books.TRANSIT_CARD, "", -tenders.bank_minor),
    )


def _chain(side: CreditSide) -> tuple[Step, ...]:
    """The links of the credit share: principal, fees, and the surplus that they leave."""
    allocation = side.allocation
    if not allocation.surplus_minor:
        return allocation.steps
    principal, recovered, back = allocation.principal_minor, allocation.recovered_minor, allocation.fee_back_minor
    inputs = (allocation.surplus_minor - back + principal + recovered, -principal, -recovered, back)
    return (*allocation.steps, Step("RA-5", "sum", allocation.surplus_minor, inputs))
