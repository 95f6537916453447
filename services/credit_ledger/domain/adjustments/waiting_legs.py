"""A leg that the rail refused, or never answered for, waits for a
person: asked about once more, or settled by hand (MA-1 to MA-4).

In a replay both change nothing: what rails pay is no part of it.
"""

from datetime import date

from services.credit_ledger.domain.adjustments.papers import dated, reasoned, two_people
from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs.ends import settled_by_hand
from services.credit_ledger.domain.legs.life import asked_again
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.commands import RetryLeg, SettleLeg
from services.credit_ledger.domain.model.leg import LegEnd, LegState, RefundLeg
from services.kernel.errors import FailedPrecondition, InvalidArgument, NotFound
from services.kernel.ids import derived
from services.kernel.people import is_named


def retry(position: Position, body: RetryLeg) -> Applied:
    """Ask the rail first, under the same id; only what it never received is sent (PM-6)."""
    if position.replaying:
        return Applied(position, None)
    leg = _waiting(position, body.leg_id)
    if not is_named(body.operator_id) or not body.reason:
        raise InvalidArgument("INVALID_ARGUMENT", "a retry says who asks for it and why")
    if leg.end is LegEnd.KEPT:
        raise FailedPrecondition("PAYMENT_NOT_REFUNDABLE", f"the acquirer kept {leg.id} for a chargeback (PM-8)")
    position, again = asked_again(position, leg)
    return Applied(position, again, leg.order_id, leg.id)


def settle(position: Position, body: SettleLeg) -> Applied:
    """The money was paid from the bank: P7 with the bank in place of the channel, and the papers on record."""
    if position.replaying:
        return Applied(position, None)
    two_people(body.maker, body.checker, body.evidence)
    reasoned(body.reason)
    leg = _waiting(position, body.leg_id)
    if body.order_id != leg.order_id:
        raise InvalidArgument("INVALID_ARGUMENT", f"{leg.id} is of order {leg.order_id or 'none'} (MA-2)")
    effective = dated(position, body.effective_date, leg.created_at, body.reaches_back)
    adjustment = on_record(position, leg, body, effective)
    position, settled = settled_by_hand(position.plus(adjustment), leg, adjustment.id)
    return Applied(position, settled, leg.order_id, adjustment.id)


def on_record(position: Position, leg: RefundLeg, body: SettleLeg, effective: date) -> Adjustment:
    """Who settled a leg by hand, and on what evidence."""
    return Adjustment(
        id=derived("adj", leg.id), account_id=leg.account_id, order_id=leg.order_id,
        refund_id=leg.refund_id or leg.id, maker=body.maker, checker=body.checker, evidence=body.evidence,
        reason=body.reason, posted_at=position.at, effective_date=effective,
    )


def _waiting(position: Position, leg_id: str) -> RefundLeg:
    """The account's leg, if it waits for a person."""
    leg = position.find(RefundLeg, leg_id)
    if leg is None or leg.account_id != position.account.id:
        raise NotFound("LEG_NOT_FOUND", f"there is no leg {leg_id}")
    if leg.state is not LegState.EXCEPTION:
        raise FailedPrecondition("LEG_STATE", f"{leg.id} is {leg.state}: the rail has it")
    return leg
