"""Stopping a payout: only where nothing of it is under way is it certain that it is not yet paid (OP-2)."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs.payouts import PAYOUT_TIMER
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.redemption_events import RedemptionPayoutStopped
from services.credit_ledger.domain.model.redemptions import NetReceivable, StopRedemptionPayout
from services.credit_ledger.domain.payouts.paying import told
from services.credit_ledger.domain.receivables.netting import netted
from services.credit_ledger.domain.receivables.owners import owned_by
from services.kernel.errors import NotFound


def stop(position: Position, body: StopRedemptionPayout) -> Applied:
    """Stop a payout that waits; what of it had paid a debt is owed again. One that is under way or over stays, and the
    answer says how far it is."""
    payout = position.find(RedemptionPayout, body.payout_id)
    if position.replaying:
        position = position if payout is None else _stopped(position, payout)
        return Applied(position, None, body.order_id, body.payout_id)
    owned_by(position, body.customer_id)
    if payout is None or payout.account_id != position.account.id:
        raise NotFound("PAYOUT_NOT_FOUND", f"{position.account.id} has no payout {body.payout_id}")
    if payout.state is not PayoutState.WAITING:
        return Applied(position, told(position, payout.id), logged=False)
    if payout.netted_minor:
        position = netted(position, NetReceivable(
            payout.account_id, payout.order_id, payout.id, -payout.netted_minor
        ))
        payout = replace(payout, netted_minor=0)
    position = _stopped(position, payout).log(body, position.at, body.order_id, payout.id)
    return Applied(position, told(position, payout.id), body.order_id, payout.id, logged=False)


def _stopped(position: Position, payout: RedemptionPayout) -> Position:
    after = replace(payout, state=PayoutState.STOPPED, moved_at=position.at)
    fact = RedemptionPayoutStopped(payout.account_id, payout.id, payout.order_id)
    return position.plus(after, event=fact, cleared=((PAYOUT_TIMER, payout.id),))
