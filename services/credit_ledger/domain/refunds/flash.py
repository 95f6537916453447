"""The second step of a FLASH refund: the network confirms in
24 h, or two people complete it by hand (PM-1, PM-2, MA-3)."""

from dataclasses import replace
from datetime import timedelta

from services.credit_ledger.domain.adjustments.papers import dated, two_people
from services.credit_ledger.domain.core.outcome import applied
from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.commands import AdjustRefund, ConfirmFlashRefund
from services.credit_ledger.domain.model.events import FlashRefundConfirmed, FlashRefundExpired
from services.credit_ledger.domain.model.operation import Facts
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.refunds.posting import FLASH_HOURS, FLASH_TIMER, credit_side, posted, told
from services.kernel.decision import Command
from services.kernel.errors import FailedPrecondition
from services.kernel.ids import derived


def confirm(position: Position, body: ConfirmFlashRefund) -> Applied:
    """The network confirms the order's oldest pending refund; fees and overdue marks count at this instant."""
    row = _pending(position, body.order_id)
    if _late(position, row):
        raise FailedPrecondition("CHANNEL_TIMEOUT", f"{row.id} was to be confirmed within {FLASH_HOURS} h")
    return _complete(position, row, "refund_confirm", RefundState.SUCCEEDED)


def adjust(position: Position, body: AdjustRefund) -> Applied:
    """Two people complete a refund that the network did not confirm in time."""
    if not position.replaying:
        two_people(body.maker, body.checker, body.evidence)
    row = _pending(position, body.order_id)
    if not _late(position, row):
        raise FailedPrecondition("AGREEMENT_STATE", f"the network may still confirm {row.id}")
    effective = dated(position, body.effective_date, row.accepted_at, body.reaches_back)
    adjustment = Adjustment(
        id=derived("adj", row.id), account_id=row.account_id, order_id=row.order_id, refund_id=row.id,
        maker=body.maker, checker=body.checker, evidence=body.evidence, reason=body.reason, posted_at=position.at,
        effective_date=effective,
    )
    return _complete(position.plus(adjustment), row, "manual_adjust", RefundState.SUCCEEDED_MANUAL)


def expire(position: Position, refund_id: str) -> Applied:
    """More than 24 h have passed: the refund needs a person, and the order is told (SC-5)."""
    row = position.find(CreditRefund, refund_id)
    cleared = ((FLASH_TIMER, refund_id),)
    if row is None or row.state is not RefundState.PENDING_CHANNEL or not _late(position, row):
        return Applied(position.plus(cleared=cleared), None, logged=False)
    notice = Command("order", row.order_id, FlashRefundExpired(row.order_id, row.id), id=f"expired/{row.id}")
    after = position.plus(replace(row, state=RefundState.EXCEPTION), commands=(notice,), cleared=cleared)
    return Applied(after, None, logged=False)


def _pending(position: Position, order_id: str) -> CreditRefund:
    waiting = [row for row in position.family(CreditRefund) if row.open and row.order_id == order_id]
    if not waiting:
        raise FailedPrecondition("NO_PENDING_REFUND", f"no refund of {order_id} waits for the network")
    return min(waiting, key=lambda row: (row.accepted_at, row.id))


def _late(position: Position, row: CreditRefund) -> bool:
    return position.at > row.accepted_at + timedelta(hours=FLASH_HOURS)


def _complete(position: Position, row: CreditRefund, op: str, state: RefundState) -> Applied:
    """Post the credit side now, against what waits in transit."""
    before = position.agreement(row.order_id)
    side = credit_side(position, before, row.tenders.credit_minor, row.id)
    transit = ((books.TRANSIT_FLASH, "", row.tenders.credit_minor),)
    position = posted(side, op, transit, row.id, row.tenders)
    agreement = position.agreement(row.order_id)
    manual = state is RefundState.SUCCEEDED_MANUAL
    notice = Command(
        "order", row.order_id, FlashRefundConfirmed(row.order_id, row.id, position.at, manual), id=f"confirmed/{row.id}"
    )
    position = position.plus(
        replace(row, state=state, posted_at=position.at), commands=(notice,), cleared=((FLASH_TIMER, row.id),),
    )
    return applied(
        position, agreement, op, row.tenders, before=before, reference=row.id,
        facts=Facts(paid_out=side.waterfall.paid_out), refund_id=row.id, refund_state=state, **told(side),
    )
