"""Notices are kept, sent one after the other, repeated until they are acknowledged, and acknowledged in every case.

Until now a notice that Kafka lost was lost for good (findings: proto_notice).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from services.kernel.decision import Command, Decision, Known, Wanted, rule, rules, timer_rules
from services.kernel.effects import Arrived
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message
from services.kernel.notices import (
    ACKNOWLEDGED,
    NOTICE,
    REPEAT_SECONDS,
    REPEAT_SECONDS_MAX,
    REPEATED,
    Acknowledged,
    Notice,
)
from tests.coupled import deliver
from tests.in_memory import InMemory, Step

ROOT = "acc_1"


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell these roots of the other service something, in this order."""

    notices: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class News:
    """What is told."""

    text: str


def _tell(known: Known, body: Tell, message: Message, now: datetime) -> Decision:
    return Decision(commands=tuple(Command("taker", to, News(text), id=text) for to, text in body.notices))


def _hear(known: Known, body: News, message: Message, now: datetime) -> Decision:
    if body.text == "refused":
        raise FailedPrecondition("ORDER_STATE")
    if body.text == "broken":
        raise ValueError("unlucky")
    return Decision()


def _nothing(body: object, message: Message) -> Wanted:
    return ()


def sender() -> InMemory:
    """A service that tells."""
    return InMemory(rules(rule(Tell, _nothing, _tell), ACKNOWLEDGED), timer_rules(REPEATED), name="sender")


def taker() -> InMemory:
    """A service that is told."""
    return InMemory(rules(rule(News, _nothing, _hear)), name="taker")


def tell(world: InMemory, *notices: tuple[str, str]) -> Step:
    """Have it tell these."""
    return world.when(ROOT, Tell(notices))


def sent(world: InMemory) -> list[str]:
    """The ids of what was sent since the last look."""
    ids = [command.id for command in world.sent]
    world.sent.clear()
    return ids


def open_ones(world: InMemory) -> list[str]:
    """The notices that are not acknowledged; each has a timer."""
    ids = [notice.id for notice in world.family(Notice, ROOT) if notice.open]
    assert sorted(key for kind, key in world.timers if kind == NOTICE) == ids
    return ids


def test_a_notice_is_repeated_until_it_is_acknowledged() -> None:
    """After pauses that grow up to a minute, always with the same id and body; then never again."""
    world = sender()
    tell(world, ("ord_1", "one"))
    (first,) = world.sent
    world.sent.clear()

    pauses = []
    for _ in range(12):
        due_at = world.timers[NOTICE, "one"].due_at
        pauses.append((due_at - world.now).total_seconds())
        world.turn(due_at - world.now)
        assert world.sent == [first]
        world.sent.clear()
    world.tell(ROOT, Acknowledged("one"))
    world.turn(timedelta(days=1))

    assert REPEAT_SECONDS <= pauses[0] <= REPEAT_SECONDS * 1.5
    assert REPEAT_SECONDS_MAX <= pauses[-1] <= REPEAT_SECONDS_MAX * 1.5
    assert (sent(world), open_ones(world)) == ([], [])


def test_notices_to_one_root_go_one_after_the_other() -> None:
    """A repeat of the first cannot come after the second; other roots do not wait."""
    world = sender()
    tell(world, ("ord_1", "one"), ("ord_1", "two"), ("ord_2", "other"))
    tell(world, ("ord_1", "three"))

    at_first = sent(world)
    world.turn(timedelta(seconds=REPEAT_SECONDS_MAX * 2))
    repeated = set(sent(world))
    world.tell(ROOT, Acknowledged("one"))
    second = sent(world)
    world.tell(ROOT, Acknowledged("two"))
    world.tell(ROOT, Acknowledged("two"))
    third = sent(world)

    assert at_first == ["one", "other"]
    assert repeated == {"one", "other"}
    assert (second, third) == (["two"], ["three"])
    assert open_ones(world) == ["other", "three"]


@pytest.mark.parametrize("text", ["taken", "refused"])
def test_a_decided_notice_and_its_repeats_are_acknowledged(text: str) -> None:
    """The sender may have lost the first acknowledgement."""
    world = taker()

    world.tell("ord_1", News(text), text, f"sender/{ROOT}")
    world.tell("ord_1", News(text), text, f"sender/{ROOT}")

    assert world.acknowledged == [(f"sender/{ROOT}", text)] * 2


def test_a_notice_that_is_set_aside_is_not_acknowledged() -> None:
    """A person sends it again by Kafka, which may lose it: then only its sender brings it once more."""
    world = taker()
    message = Message("broken", "ord_1", News("broken"), "broken", caller=f"sender/{ROOT}")

    effects = world.admit(Arrived(message, place_in_line=1))

    assert [arrived.message.id for arrived, _ in effects.faulty] == ["broken"]
    assert world.acknowledged == []


@pytest.mark.parametrize("text", ["taken", "refused"])
def test_a_notice_that_was_answered_is_acknowledged_whatever_is_set_aside_before_it(text: str) -> None:
    """Nothing is decided any more, so it overtakes nobody; set aside, it would be repeated as long as they wait."""
    world = taker()
    world.tell("ord_1", News(text), text, f"sender/{ROOT}")
    world.lines["ord_1"] = 1
    again = Message(text, "ord_1", News(text), text, caller=f"sender/{ROOT}")

    effects = world.admit(Arrived(again, place_in_line=2))

    assert effects.faulty == []
    assert world.acknowledged == [(f"sender/{ROOT}", text)] * 2


def test_a_notice_without_an_address_is_not_acknowledged() -> None:
    """As older senders send it."""
    world = taker()

    world.tell("ord_1", News("taken"), "taken")

    assert world.acknowledged == []


def test_lost_notices_and_lost_acknowledgements_arrive_in_order() -> None:
    """Whatever is lost in between, the receiver decides each once, in the order in which they were told."""
    worlds = {"sender": sender(), "taker": taker()}
    telling, hearing = worlds.values()
    tell(telling, ("ord_1", "one"), ("ord_1", "two"), ("ord_1", "three"))

    for round_ in range(12):
        if round_ % 3 == 0:
            telling.sent.clear()
        if round_ % 3 == 1:
            while telling.sent:
                command = telling.sent.pop(0)
                hearing.tell(command.key, command.body, command.id, f"sender/{ROOT}")
            hearing.acknowledged.clear()
        deliver(worlds, lambda by, to, body: body)
        telling.turn(timedelta(seconds=REPEAT_SECONDS_MAX * 2))

    assert open_ones(telling) == []
    assert list(hearing.answers) == ["one", "two", "three"]
