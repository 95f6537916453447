"""The laws of every decision: what breaks one fails its transaction, and nothing of it is kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.kernel.decision import Busy, Decision, Done, Refused
from services.kernel.effects import Arrived
from services.kernel.errors import Defect
from services.kernel.journal import Unit, post
from services.kernel.messages import Message
from tests.services.kernel.jars import JAR, Break, Jar, Label, Put, shelf

JOURNALS = post("break", Unit.CNY, (("IN", JAR, 1), ("OUT", JAR, -1)))


def _step(by: int) -> Callable[[Jar], Decision]:
    return lambda jar: Decision(changes=(replace(jar, version=jar.version + by),))


@pytest.mark.parametrize("by", [-1, 2])
def test_a_version_steps_by_one(by: int) -> None:
    """Nobody may skip a version, nor go back."""
    world = shelf(Jar(version=3))

    with pytest.raises(Defect, match=rf"version 4 -> {4 + by}"):
        world.admit(Arrived(Message("put", JAR, Put(1))), Arrived(Message("break", JAR, Break(_step(by)))))

    assert (world.row(Jar, JAR), world.answers) == (Jar(version=3), {})


@pytest.mark.parametrize("by", [0, 1])
def test_a_version_may_stay_where_nothing_visible_changes(by: int) -> None:
    """A claim is invisible."""
    world = shelf(Jar(version=3))

    world.admit(Arrived(Message("break", JAR, Break(_step(by)))))

    assert world.row(Jar, JAR).version == 3 + by


def test_a_row_that_nobody_looked_for_has_no_step() -> None:
    """What is new begins with the version that it brings; the next message has to step from there."""
    world = shelf()
    first = Arrived(Message("one", JAR, Break(lambda jar: Decision(changes=(Label("l1", version=7),)))))
    second = Arrived(Message("two", JAR, Break(lambda jar: Decision(changes=(Label("l1", version=9),)))))

    with pytest.raises(Defect, match="version 7 -> 9"):
        world.admit(first, second)


@pytest.mark.parametrize("changes", [(), (Label("l1"),), (Jar("jar_2"),)])
def test_journals_need_a_change_of_their_root(changes: tuple[Jar | Label, ...]) -> None:
    """Its version is a part of their key: without a step two would have the same."""
    world = shelf(Jar())

    with pytest.raises(Defect, match="journals without a new version"):
        world.admit(Arrived(Message("m", JAR, Break(lambda jar: Decision(changes=changes, journals=JOURNALS)))))

    assert world.journals == []


@pytest.mark.parametrize("outcome", [Refused("NO"), Busy("saga_1")])
def test_what_is_not_done_changes_nothing(outcome: Refused | Busy) -> None:
    """A refusal carries nothing but its outcome; whatever else its decision holds is dropped."""
    world = shelf(Jar())
    decision = Decision(outcome, changes=(Jar(held=9, version=2),), journals=JOURNALS, actions=("act",))

    effects = world.admit(Arrived(Message("m", JAR, Break(lambda jar: decision))))

    assert (effects.dirty, effects.journals, effects.actions, world.row(Jar, JAR)) == ({}, [], [], Jar())
    assert ("m" in effects.answered) is isinstance(outcome, Refused)


def test_a_decision_is_done_unless_it_says_otherwise() -> None:
    """The plainest one: nothing happens, and that is the answer."""
    assert shelf().when(JAR, Break(lambda jar: Decision())).then_nothing().outcome == Done()
