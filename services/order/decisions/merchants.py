"""Settlements with merchants: begin one, advance it; its end is written on its root (DOMAIN 3.3)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known, Rule
from services.kernel.errors import Defect, InvalidArgument
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Phase, Progress, Reply, Run, advance, begin, due
from services.order.domain.identity import fresh
from services.order.domain.merchant_settlement import (
    MerchantPlan,
    MerchantSettlement,
    MerchantSettlementState,
    SettleGiftCardShare,
    of_merchant,
)
from services.order.sagas.merchant_settlement import DEFINITION

Decide = Callable[[Known, Message, datetime], Decision]


def settle(known: Known, message: Message, now: datetime) -> Decision:
    """Begin one; how much is owed is for card_redemption to say."""
    body = message.body
    if not isinstance(body, SettleGiftCardShare):
        raise Defect(f"{message.id} settles with no merchant")
    if body.amount_minor <= 0:
        raise InvalidArgument("INVALID_AMOUNT", "the amount must be above 0")
    known_before = known.find(MerchantSettlement, message.key)
    if known_before is not None:
        return Decision(Done(known_before))
    plan = MerchantPlan(body.merchant_id, body.amount_minor)
    settlement = MerchantSettlement(message.key, body.merchant_id, body.amount_minor, fresh("saga", message), now)
    progress = begin(DEFINITION, settlement.settlement_id, settlement.id, plan, now)
    return replace(_with(settlement, progress), outcome=Done(settlement))


def advanced(known: Known, message: Message, now: datetime) -> Decision:
    """A participant answered, or (a timer) what is awaited is sent again."""
    body = message.body
    run = known.find(Run, body.saga_id if isinstance(body, Reply) else _timer(body).key)
    settlement = known.find(MerchantSettlement, message.key)
    if run is None or settlement is None or run.root != settlement.id:
        return Decision()
    progress = advance(DEFINITION, run, body, now) if isinstance(body, Reply) else due(DEFINITION, run, _timer(body), now)
    if progress.run is run:
        return Decision(timers=progress.timers, cleared=progress.cleared)
    return _with(_ended(settlement, progress.run, now) if progress.ended else None, progress)


def beside(rule: Rule) -> Rule:
    """The rule of an order's saga; a message whose key names a settlement with a merchant is decided here."""
    return Rule(
        lambda message: _wants(message) if of_merchant(message.key) else rule.wants(message),
        lambda known, message, now: (advanced if of_merchant(message.key) else rule.decide)(known, message, now),
    )


def root(message: Message) -> tuple[tuple[type, str], ...]:
    """The settlement itself."""
    return ((MerchantSettlement, message.key),)


def _wants(message: Message) -> tuple[tuple[type, str], ...]:
    body = message.body
    return (*root(message), (Run, body.saga_id if isinstance(body, Reply) else _timer(body).key))


def _timer(body: object) -> TimerDue:
    if not isinstance(body, TimerDue):
        raise Defect(f"{body} is neither a reply nor a timer")
    return body


def _ended(settlement: MerchantSettlement, run: Run, now: datetime) -> MerchantSettlement:
    state = MerchantSettlementState.SETTLED if run.phase is Phase.DONE else MerchantSettlementState.REFUSED
    return replace(settlement, state=state, reason=run.reason, ended_at=now, version=settlement.version + 1)


def _with(settlement: MerchantSettlement | None, progress: Progress) -> Decision:
    changes = (progress.run,) if settlement is None else (settlement, progress.run)
    return Decision(
        changes=changes, commands=progress.commands, timers=progress.timers, cleared=progress.cleared
    )
