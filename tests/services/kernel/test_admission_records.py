"""What a rule leaves for the permanent record: of every outcome once, of a refusal too, and nothing where it waits."""

from dataclasses import replace

import pytest

from services.kernel.decision import Decision, Done, Refused, Rule
from services.kernel.effects import Arrived
from services.kernel.messages import Message
from services.kernel.participant import Pending
from tests.in_memory import NOW, InMemory
from tests.services.kernel.jars import JAR, Jar, Put, shelf

Recorded = tuple[str, object]


def _record(body: object, message: Message, outcome: Done | Refused) -> Recorded:
    return message.id, outcome.reason if isinstance(outcome, Refused) else "DONE"


def _recording(jar: Jar, rule: Rule | None = None) -> InMemory:
    world = shelf(jar)
    world.rules = {**world.rules, Put: replace(rule or world.rules[Put], record=_record)}
    return world


def _call(request_id: str = "request-1") -> Arrived:
    return Arrived(Message(request_id, JAR, Put(4)), b"h")


@pytest.mark.parametrize(("jar", "outcome"), [(Jar(), "DONE"), (Jar(held=10), "NO_ROOM")])
def test_every_outcome_is_recorded_once(jar: Jar, outcome: str) -> None:
    """A repetition is no attempt of its own; a refusal leaves its record and its answer, and nothing else."""
    world = _recording(jar)

    first, again = world.admit(_call()), world.admit(_call())

    assert (first.records, again.records) == ([("request-1", outcome)], [])
    assert bool(first.dirty) is (outcome == "DONE")


def test_who_meets_a_claim_is_recorded_when_decided() -> None:
    """Waiting is no outcome."""
    world = _recording(Jar(pending=Pending("saga_1", NOW)))

    assert world.admit(_call()).records == []


def test_a_call_that_meets_a_defect_is_recorded_as_failed() -> None:
    """Its caller hears INTERNAL, and so does the record."""
    def defect(*_: object) -> Decision:
        raise ZeroDivisionError

    world = _recording(Jar(), replace(shelf(Jar()).rules[Put], decide=defect))

    effects = world.admit(_call())

    assert (effects.records, len(effects.faulty)) == ([("request-1", "INTERNAL")], 1)


def test_a_decision_may_leave_more() -> None:
    """What is recorded beside the outcome comes first."""
    world = shelf(Jar())
    rule = world.rules[Put]

    def decide(known: object, body: object, message: object, now: object) -> Decision:
        return replace(rule.decide(known, body, message, now), records=("more",))  # type: ignore[arg-type]

    world = _recording(Jar(), replace(rule, decide=decide))

    assert world.admit(_call()).records == ["more", ("request-1", "DONE")]
