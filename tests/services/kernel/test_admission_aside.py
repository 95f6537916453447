"""What cannot be decided is set aside, alone: who follows it, who is told, and what a timer does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.admission import PLACE_FIRST, RETRY_FAULTY_TIMER
from services.kernel.decision import Decision, Done, Refused, Timer
from services.kernel.effects import Arrived
from services.kernel.errors import InvalidArgument, Undecodable
from services.kernel.messages import DECIDED_DAYS_MAX, Message, Op, SagaRef, TimerDue
from services.kernel.saga import Reply, Verdict
from tests.in_memory import NOW, InMemory
from tests.services.kernel.jars import JAR, STALE, Break, Jar, Put, shelf

LAST = 2**63 - 1
"""The place of a record that was never set aside: behind all that were."""


def _fail(jar: Jar) -> Decision:
    raise ValueError("unlucky")


def _record(amount: int, key: str = JAR, place: int = LAST, saga_id: str = "") -> Arrived:
    saga = SagaRef(saga_id, "shelf", Op.EXECUTE) if saga_id else None
    message = Message(f"record-{amount}", key, Put(amount), saga=saga, caller="order/ord_1")
    return Arrived(message, place_in_line=place)


def _broken(key: str = JAR, saga_id: str = "", place: int | None = LAST) -> Arrived:
    """A message whose decision fails."""
    return Arrived(replace(_record(0, key, saga_id=saga_id).message, body=Break(_fail)), place_in_line=place)


def _aside(world: InMemory, *arrived: Arrived) -> list[tuple[str, str]]:
    return [(each.message.id, str(error)) for each, error in world.admit(*arrived).faulty]


def test_a_defect_is_set_aside_with_what_follows_it_and_the_others_go_on() -> None:
    """Messages of the same key wait behind it, in this transaction and in later ones; other keys do not."""
    world = shelf()

    together = _aside(world, _record(1), _broken(), _record(2), _record(3, "jar_2"))
    later = _aside(world, _record(4), _record(5, "jar_2"))

    assert together == [("record-0", "unlucky"), ("record-2", f"FOLLOWS_PARKED: {JAR}")]
    assert later == [("record-4", f"FOLLOWS_PARKED: {JAR}")]
    assert (world.row(Jar, JAR).held, world.row(Jar, "jar_2").held) == (1, 8)
    assert world.lines == {JAR: PLACE_FIRST}


@pytest.mark.parametrize(("late", "decided"), [
    (timedelta(seconds=-1), True), (timedelta(), True), (timedelta(seconds=1), False),
])
@pytest.mark.parametrize("saga", [SagaRef("saga_1", "shelf", Op.EXECUTE), None], ids=["execute", "notice"])
def test_what_was_sent_so_long_ago_that_its_answer_may_be_gone_does_nothing(
    saga: SagaRef | None, late: timedelta, decided: bool
) -> None:
    """A copy that was kept elsewhere, as by a broker that refused it, found no answer any more and was decided a second
    time. Its sender, if it still waits, sends another; nobody is answered, nobody stands behind it."""
    world = shelf()
    message = Message("record-1", JAR, Put(1), saga=saga, caller="order/ord_1")
    sent_at = NOW - timedelta(days=DECIDED_DAYS_MAX) - late
    copy = Arrived(replace(message, sent_at=sent_at), place_in_line=LAST)

    effects = world.admit(copy)

    assert effects.passed_over == ([] if decided else [copy])
    assert (bool(effects.answered), bool(effects.sent), bool(effects.dirty)) == (decided,) * 3
    assert not effects.faulty
    assert not world.lines


@pytest.mark.parametrize(("place", "decided"), [(6, True), (7, True), (8, False), (LAST, False)])
def test_a_record_that_is_retried_stands_where_it_stood(place: int, decided: bool) -> None:
    """The first in line is decided, and whoever stood before it; those behind it wait on."""
    world = shelf()
    world.lines[JAR] = 7

    effects = world.admit(_record(1, place=place))

    assert (effects.faulty == []) is decided
    if not decided:
        ((_, error),) = effects.faulty
        assert isinstance(error, Undecodable)
        assert error.reason == "FOLLOWS_PARKED"


def test_calls_and_our_own_reports_do_not_stand_in_line() -> None:
    """Only records have a place: a caller can ask again, a report comes again."""
    world = shelf()
    world.lines[JAR] = 7

    assert _aside(world, Arrived(Message("request-1", JAR, Put(1))), Arrived(Message("", JAR, Put(1)))) == []
    assert world.row(Jar, JAR).held == 2


def test_a_call_whose_decision_fails_parks_nothing() -> None:
    """Its caller is told of a fault, and the next message of the key is decided."""
    world = shelf()

    effects = world.admit(_broken(place=None), _record(1))

    assert [arrived.message.id for arrived, _ in effects.faulty] == ["record-0"]
    assert (effects.answers[0][0].message.id, world.lines, world.row(Jar, JAR).held) == ("record-1", {}, 1)
    assert "record-0" not in world.answers


def test_what_cannot_be_read_is_set_aside_before_anything_is_asked() -> None:
    """Without a key nobody can stand behind it."""
    world, fault = shelf(), Undecodable("MALFORMED", "no key")

    assert _aside(world, Arrived(Message("", "", None), place_in_line=LAST, fault=fault), _record(1)) == [
        ("", "MALFORMED: no key")
    ]
    assert world.lines == {}


def test_what_could_not_be_stored_is_refused_once_and_for_all() -> None:
    """The runtime says so by a fault that is a refusal: it is the stored answer, and nothing stands behind it."""
    world, unstorable = shelf(), InvalidArgument("INVALID_AMOUNT", "too much")
    call = Message("request-1", JAR, Put(1))
    command = _record(2, "jar_2", saga_id="saga_1").message

    effects = world.admit(Arrived(call, fault=unstorable), Arrived(command, place_in_line=LAST, fault=unstorable))
    again = world.admit(Arrived(call), _record(3), _record(4, "jar_2"))

    (_, answer), = effects.answers
    assert answer.outcome == Refused("INVALID_AMOUNT", "too much", "INVALID_ARGUMENT")
    assert [(caller, reply.verdict, reply.reason) for caller, reply in world.replies] == [
        ("order/ord_1", Verdict.REFUSED, "INVALID_AMOUNT")
    ]
    assert again.answers[0][1] is answer
    assert (effects.faulty, again.faulty, world.lines) == ([], [], {})
    assert (effects.dirty, world.row(Jar, JAR).held) == ({}, 3)


def _op(op: Op, saga_id: str = "saga_1") -> Arrived:
    saga = SagaRef(saga_id, "shelf", op)
    return Arrived(Message(f"{saga_id}/{op}", JAR, Put(2), saga=saga, caller="order/ord_1"), place_in_line=LAST)


@pytest.mark.parametrize(("op", "held"), [(Op.CONFIRM, 2), (Op.CANCEL, 0)])
def test_the_second_phase_stands_behind_nobody(op: Op, held: int) -> None:
    """A claim is not held by what was set aside after its TRY: everybody else waits for it."""
    world = shelf(Jar())
    world.admit(_op(Op.TRY))
    world.lines[JAR] = 7

    effects = world.admit(_op(op))

    assert effects.faulty == []
    assert (world.row(Jar, JAR).pending, world.row(Jar, JAR).held) == (None, held)


def test_a_try_that_was_set_aside_is_cancelled_and_claims_nothing_when_it_is_retried() -> None:
    """Its saga is told that it is parked, aborts, and leaves a tombstone in front of it."""
    world = shelf(Jar())
    world.lines[JAR] = 7

    world.admit(_op(Op.TRY))
    world.admit(_op(Op.CANCEL))
    world.lines.clear()
    world.admit(_op(Op.TRY))

    assert [reply.verdict for _, reply in world.replies] == [Verdict.PARKED, Verdict.DONE, Verdict.TOMBSTONED]
    assert world.row(Jar, JAR).pending is None


def test_the_coordinator_of_a_command_that_is_set_aside_is_told() -> None:
    """PARKED is no stored answer, so the command can be retried."""
    world = shelf()

    effects = world.admit(_broken(saga_id="saga_1"), _record(2, saga_id="saga_2"))

    parked = ("order/ord_1", Reply("saga_1", "shelf", Op.EXECUTE, Verdict.PARKED, "PARKED"))
    assert world.replies == [parked, ("order/ord_1", replace(parked[1], saga_id="saga_2"))]
    assert (effects.answered, world.answers) == ({}, {})


# timers


def _fired(key: str = JAR) -> Arrived:
    return Arrived(Message("", key, TimerDue(STALE, key, NOW)))


def _timed(jar: Jar, due_at: timedelta = timedelta(0)) -> InMemory:
    world = shelf(jar)
    world.timers[STALE, jar.key] = Timer(STALE, jar.key, jar.key, NOW + due_at)
    return world


@pytest.mark.parametrize("moved", [None, timedelta(seconds=1)])
def test_a_timer_that_is_not_due_any_more_does_nothing(moved: timedelta | None) -> None:
    """It was deleted or moved by what came before its lock; each fires once."""
    world = _timed(Jar(held=1), moved) if moved else shelf(Jar(held=1))
    before = dict(world.timers)

    effects = world.admit(_fired())

    assert (effects.dirty, effects.cleared, effects.faulty, world.timers) == ({}, set(), [], before)


def test_a_timer_that_came_true_is_gone() -> None:
    """Unless its own decision sets it again."""
    once, again = _timed(Jar(held=2)), _timed(Jar(held=6))

    once.admit(_fired())
    again.admit(_fired())

    assert (once.row(Jar, JAR).held, once.timers) == (0, {})
    tomorrow = Timer(STALE, JAR, JAR, NOW + timedelta(days=1))
    assert (again.row(Jar, JAR).held, again.timers) == (3, {(STALE, JAR): tomorrow})


def test_a_timer_of_an_earlier_message_is_replaced_by_a_later_one_that_clears_it() -> None:
    """The last word of the transaction counts, whichever it is."""
    world = shelf()
    clear = Arrived(Message("clear", JAR, Break(lambda jar: Decision(cleared=((STALE, JAR),)))))
    timed = Arrived(Message("set", JAR, Break(lambda jar: Decision(timers=(Timer(STALE, JAR, JAR, NOW),)))))

    set_last, cleared_last = shelf().admit(clear, timed), world.admit(timed, clear)

    assert (set(set_last.timers), set_last.cleared) == ({(STALE, JAR)}, set())
    assert (cleared_last.timers, cleared_last.cleared) == ({}, {(STALE, JAR)})


def test_a_timer_whose_decision_fails_is_tried_later() -> None:
    """Nothing is parked for it, and nobody follows it."""
    world = _timed(Jar(held=11))

    effects = world.admit(_fired(), Arrived(Message("request-1", JAR, Break(lambda jar: Decision(Done("well"))))))

    assert [str(error) for _, error in effects.faulty] == ["the jar has burst"]
    assert world.timers == {(STALE, JAR): Timer(STALE, JAR, JAR, NOW + RETRY_FAULTY_TIMER)}
    assert (world.lines, world.answers["request-1"].outcome) == ({}, Done("well"))
