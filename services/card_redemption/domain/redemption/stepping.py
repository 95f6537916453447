"""A step of a redemption: order and card change together, with the journal and the events of the step (OP-5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.card_redemption.domain.books import Lines
from services.card_redemption.domain.cards.card import CardStep, GiftCard
from services.card_redemption.domain.cards.redeeming import revalue
from services.card_redemption.domain.redemption.events import RedemptionStepped
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.redemption.timers import SLA
from services.kernel.decision import Aggregate, Command, Decision, Done, Event, Timer
from services.kernel.journal import Unit, post

_NOTHING = Decision()
Turn = Callable[[GiftCard], CardStep]
"""What a step makes of its card: one of the steps of `cards/redeeming.py` or `cards/freezing.py`."""


@dataclass(frozen=True, slots=True)
class Stepped:
    """The order and its card after the steps of one decision, and all else that they cause."""

    order: RedemptionOrder
    card: GiftCard
    rest: Decision = _NOTHING

    def decided(self, outcome: object = None) -> Decision:
        """All of it as one decision; the answer is the redemption if none is given."""
        changes: tuple[Aggregate, ...] = (self.card, self.order, *self.rest.changes)
        return replace(self.rest, outcome=Done(self.order if outcome is None else outcome), changes=changes)

    def timed(self, *timers: Timer) -> "Stepped":
        """With these timers set; of a timer the last word counts."""
        return replace(self, rest=_joined(self.rest, Decision(timers=timers)))

    def cleared(self, *timers: tuple[str, str]) -> "Stepped":
        """With these timers cleared."""
        return replace(self, rest=_joined(self.rest, Decision(cleared=timers)))

    def asking(self, *actions: object) -> "Stepped":
        """With these calls to the outside world."""
        return replace(self, rest=_joined(self.rest, Decision(actions=actions)))

    def sending(self, *commands: Command) -> "Stepped":
        """With these messages to others."""
        return replace(self, rest=_joined(self.rest, Decision(commands=commands)))

    def beside(self, *rows: Aggregate) -> "Stepped":
        """With these rows changed beside the order and its card."""
        return replace(self, rest=_joined(self.rest, Decision(changes=rows)))

    def telling(self, fact: object) -> "Stepped":
        """With one more fact told of its card."""
        told = Event(self.card.id, self.card.sequence + 1, fact)
        return replace(
            self, card=replace(self.card, sequence=told.sequence), rest=_joined(self.rest, Decision(events=(told,)))
        )

    def then(self, more: "Callable[[RedemptionOrder, GiftCard], Stepped]") -> "Stepped":
        """A further step in the same decision, on what this one left: together they are one version."""
        following = more(replace(self.order, version=self.order.version - 1), self.card)
        return replace(following, rest=_joined(self.rest, following.rest))


def stepped(
    order: RedemptionOrder, card: GiftCard, now: datetime, step: Step, *, op: str = "", lines: Lines = (),
    turn: Turn | None = None, **changes: Any,  # Any: each value has the type of its field
) -> Stepped:
    """One step: the order one version on with these changes, the journal of these lines, what is told of it.

    The card moves by its `turn`, at most one in a decision. What is posted without one moves it all the same, for a
    journal has the version of its root.
    """
    if turn is None and any(amount_minor for _, _, amount_minor in lines):
        turned, events = _turned(card, lambda held: revalue(held, order.id, op, 0))
    else:
        turned, events = _turned(card, turn)
    later = replace(order, updated_at=now, version=order.version + 1, **changes)
    if order.held and later.held:  # whatever else is heard of it meanwhile
        later = replace(later, reason=order.reason)
    told = Event(card.id, turned.sequence + 1, RedemptionStepped(step, later))
    journals = post(op, Unit.CNY, lines, order.id)
    timed = _promised(order, later, now)
    return Stepped(
        later, replace(turned, sequence=told.sequence), replace(timed, journals=journals, events=(*events, told))
    )


def _promised(before: RedemptionOrder, after: RedemptionOrder, now: datetime) -> Decision:
    """What looks after the days that its channel promises; it finds out itself which is the last (A22)."""
    if after.promised and not before.promised:
        return Decision(timers=(Timer(SLA, after.id, after.card_id, now),))
    return Decision(cleared=((SLA, after.id),)) if before.promised and not after.promised else _NOTHING


def _turned(card: GiftCard, turn: Turn | None) -> tuple[GiftCard, tuple[Event, ...]]:
    """The card after its move, and what it tells of that."""
    if turn is None:
        return card, ()
    turned = turn(card)
    return turned.card, (turned.event,)


def _joined(first: Decision, second: Decision) -> Decision:
    """What both cause; of a timer the last word counts."""
    later, gone = {(timer.kind, timer.key) for timer in second.timers}, set(second.cleared)
    kept = tuple(timer for timer in first.timers if (timer.kind, timer.key) not in later | gone)
    return replace(
        second,
        changes=(*first.changes, *second.changes), journals=(*first.journals, *second.journals),
        events=(*first.events, *second.events), commands=(*first.commands, *second.commands),
        timers=(*kept, *second.timers),
        cleared=(*(each for each in first.cleared if each not in later), *second.cleared),
        actions=(*first.actions, *second.actions),
    )
