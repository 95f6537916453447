"""Settlements with merchants: begin one, advance it; its end is written on its root (DOMAIN 3.3)."""

from dataclasses import replace
from datetime import datetime

from services.kernel.advancing import begin
from services.kernel.coordination import with_progress
from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import InvalidArgument
from services.kernel.messages import Message
from services.kernel.money import amount
from services.kernel.saga import Phase, Progress, Run
from services.order.decisions.identity import fresh
from services.order.domain.merchant_settlement import (
    MerchantPlan,
    MerchantSettlement,
    MerchantSettlementState,
    SettleGiftCardShare,
)
from services.order.sagas.merchant_settlement import DEFINITION


def settle(known: Known, body: SettleGiftCardShare, message: Message, now: datetime) -> Decision:
    """Begin one; how much is owed is for card_redemption to say."""
    if amount(body.amount_minor) <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    known_before = known.find(MerchantSettlement, message.key)
    if known_before is not None:
        return Decision(Done(known_before))
    plan = MerchantPlan(body.merchant_id, body.amount_minor)
    settlement = MerchantSettlement(message.key, body.merchant_id, body.amount_minor, fresh("saga", message), now)
    progress = begin(DEFINITION, settlement.settlement_id, settlement.id, plan, now)
    return with_progress(Decision(changes=(settlement,)), progress, Done(settlement))


def progressed(
    known: Known, settlement: MerchantSettlement, run: Run, progress: Progress, message: Message, now: datetime
) -> Decision:
    """A participant answered, or (a timer) what is awaited is sent again."""
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    changes = (_ended(settlement, progress.run, now),) if progress.ended else ()
    return with_progress(Decision(changes=changes), progress)


def _ended(settlement: MerchantSettlement, run: Run, now: datetime) -> MerchantSettlement:
    state = MerchantSettlementState.SETTLED if run.phase is Phase.DONE else MerchantSettlementState.REFUSED
    return replace(settlement, state=state, reason=run.reason, ended_at=now, version=settlement.version + 1)
