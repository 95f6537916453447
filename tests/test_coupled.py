"""Services coupled in memory: a saga over two participants, and a notice, as they go from hand to hand."""

from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from services.kernel.advancing import begin
from services.kernel.coordination import Definitions, conductor, coordinate, with_progress
from services.kernel.decision import Command, Decision, Done, Known, Wanted, rule, rules, timer_rules
from services.kernel.messages import Message
from services.kernel.notices import ACKNOWLEDGED, REPEATED
from services.kernel.saga import WAKE, Definition, Participant, Phase, Progress, Run
from tests.coupled import deliver
from tests.in_memory import InMemory
from tests.services.kernel.jars import JAR, RULES, TIMERS, Jar, Put


@dataclass(frozen=True, slots=True)
class Meal:
    """A root that is cooked from two shelves."""

    key: str
    state: str = "COOKING"
    heard: int = 0
    version: int = 1

    @property
    def root(self) -> str:
        """Itself."""
        return self.key


@dataclass(frozen=True, slots=True)
class Cook:
    """Cook with so much from each shelf."""

    amount: int


def _participant(service: str) -> Participant:
    return Participant(
        service=service, involved=lambda plan: True, key=lambda plan: JAR, command=lambda plan: plan,
        planned=lambda plan: (("JAR", plan.amount),),
    )


DEFINITIONS = Definitions(Definition("cooking", 1, Cook, (_participant("left"), _participant("right"))))


def _meal(body: object, message: Message) -> Wanted:
    return ((Meal, message.key),)


def _cook(known: Known, body: Cook, message: Message, now: datetime) -> Decision:
    progress = begin(DEFINITIONS.latest("cooking"), "saga_1", message.key, body, now)
    return with_progress(Decision(changes=(Meal(message.key),)), progress, Done("begun"))


def _cooked(known: Known, meal: Meal, before: Run, progress: Progress, message: Message, now: datetime) -> Decision:
    state = "READY" if progress.run.phase is Phase.DONE else "SPOILT"
    changes = (replace(meal, state=state, version=meal.version + 1),) if progress.ended else ()
    notice = (Command("kitchen", meal.key, Put(1), id="notice-1"),) if progress.ended else ()
    return with_progress(Decision(changes=changes, commands=notice), progress)


def _heard(known: Known, body: Put, message: Message, now: datetime) -> Decision:
    meal = known.find(Meal, message.key) or Meal(message.key)
    return Decision(changes=(replace(meal, heard=meal.heard + body.amount, version=meal.version + 1),))


REPLIED, WOKEN = coordinate(DEFINITIONS, conductor("cooking", Meal, _cooked))
KITCHEN = rules(rule(Cook, _meal, _cook), rule(Put, _meal, _heard), REPLIED, ACKNOWLEDGED)


def _translate(sender: str, taker: str, body: object) -> object:
    return Put(body.amount) if isinstance(body, Cook) else body


@pytest.mark.parametrize(("held", "state", "left"), [(0, "READY", 4), (8, "SPOILT", 0)])
def test_a_saga_over_coupled_services_ends_everywhere_alike(held: int, state: str, left: int) -> None:
    """Both take part, or neither; what the end told the kitchen itself has arrived too, once."""
    kitchen = InMemory(KITCHEN, timer_rules((WAKE, WOKEN), REPEATED), name="kitchen")
    shelves = {name: InMemory(RULES, TIMERS, name=name) for name in ("left", "right")}
    worlds = {"kitchen": kitchen, **shelves, "shelf": InMemory(RULES, TIMERS, name="shelf")}
    shelves["right"].given(Jar(held=held))

    step = kitchen.when("meal_1", Cook(4))
    deliver(worlds, _translate)

    assert step.result == "begun"
    assert (kitchen.row(Meal, "meal_1").state, kitchen.row(Meal, "meal_1").heard) == (state, 1)
    assert (shelves["left"].row(Jar, JAR).held, shelves["right"].row(Jar, JAR).held) == (left, held + left)
    assert kitchen.timers == {}
    assert all(shelf.row(Jar, JAR).pending is None for shelf in shelves.values())
