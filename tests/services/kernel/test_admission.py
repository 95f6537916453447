"""Admitting without a database: repeats, the order of a saga's commands, and the effects of one decision."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.decision import Busy, Command, Decision, Done, Refused, Timer
from services.kernel.effects import Arrived, SentCommand, SentEvent, SentReply
from services.kernel.errors import Defect
from services.kernel.messages import Message, Op, SagaRef, Seen, answers_for
from services.kernel.participant import Pending
from services.kernel.saga import Reply, Verdict
from tests.in_memory import NOW
from tests.services.kernel.jars import JAR, STALE, Break, Jar, Put, shelf

FULL = Jar(held=10)


def _command(op: Op, saga_id: str = "saga_1", amount: int = 4) -> Arrived:
    saga = SagaRef(saga_id, "shelf", op)
    return Arrived(Message(f"{saga_id}/shelf/{op}", JAR, Put(amount), saga=saga, caller="order/ord_1"))


def _call(request_id: str, amount: int = 4, body_hash: bytes = b"h") -> Arrived:
    return Arrived(Message(request_id, JAR, Put(amount)), body_hash)


def _said(decision: Decision) -> Arrived:
    return Arrived(Message("", JAR, Break(lambda jar: decision)))


def test_a_decision_becomes_effects_in_the_order_in_which_they_leave() -> None:
    """Rows, journals with their place, events before commands, and the answer last."""
    world = shelf()

    effects = world.admit(_command(Op.EXECUTE))

    put = world.row(Jar, JAR)
    assert (put.held, effects.dirty[Jar]) == (4, {JAR: put})
    assert [(p.root, p.root_version, p.no, p.journal.op, p.saga_id, p.posted_at) for p in effects.journals] == [
        (JAR, put.version, 0, "put", "saga_1", NOW)
    ]
    event, command, reply = effects.sent
    assert isinstance(event, SentEvent)
    assert (event.event.body, event.saga_id) == ("4 put in", "saga_1")
    assert command == SentCommand(Command("shelf", JAR, Put(4), id="saga_1/shelf/E/told"), JAR)
    assert isinstance(reply, SentReply)
    assert (reply.answer.id, reply.answer.op, reply.answer.outcome) == ("saga_1/T", Op.EXECUTE, Done(4, (("JAR", 4),)))
    assert effects.timers[STALE, JAR] == Timer(STALE, JAR, JAR, NOW + timedelta(days=1))
    assert effects.actions == [f"close {JAR}"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("jar", "verdict"), [(Jar(), Verdict.DONE), (FULL, Verdict.REFUSED)])
def test_a_call_that_is_repeated_gets_the_stored_answer(jar: Jar, verdict: Verdict, together: bool) -> None:
    """In the same transaction or later: one decision, one answer; a refusal stays one (case 6)."""
    world = shelf(jar)
    first, again = _call("request-1"), _call("request-1")

    told = world.admit(first, again) if together else world.admit(first)
    repeated = told if together else world.admit(again)

    answers = {id(arrived): answer for arrived, answer in (*told.answers, *repeated.answers)}
    assert answers[id(first)] is answers[id(again)] is world.answers["request-1"]
    assert answers[id(again)].verdict is verdict
    assert len(world.journals) == (verdict is Verdict.DONE)
    assert together or (repeated.dirty, repeated.answered, repeated.sent) == ({}, {}, [])


@pytest.mark.parametrize("together", [True, False])
def test_an_id_used_with_another_body_is_refused_and_the_first_answer_stays(together: bool) -> None:
    """REQUEST_ID_REUSED is told, not kept."""
    world = shelf()
    first, other = _call("request-1"), _call("request-1", 5, b"other")

    told = world.admit(first, other) if together else world.admit(first)
    told = told if together else world.admit(other)

    refusal = {id(arrived): answer.outcome for arrived, answer in told.answers}[id(other)]
    assert isinstance(refusal, Refused)
    assert (refusal.reason, refusal.status) == ("REQUEST_ID_REUSED", "ALREADY_EXISTS")
    assert world.answers["request-1"].outcome == Done(4, (("JAR", 4),))
    assert world.row(Jar, JAR).held == 4


def test_a_stored_answer_is_handed_on_as_it_is() -> None:
    """What is stored is opaque: nothing looks into it, whatever the runtime keeps there."""
    world = shelf()
    world.admit(_call("request-1"))
    world.answers["request-1"] = replace(world.answers["request-1"], outcome=None, stored=b"bytes")

    ((_, answer),) = world.admit(_call("request-1")).answers

    assert answer.stored == b"bytes"


def test_a_command_that_is_repeated_is_answered_again_and_done_once() -> None:
    """TRY twice in one transaction, a third time later: three replies, one claim."""
    world = shelf()

    world.admit(_command(Op.TRY), _command(Op.TRY))
    world.admit(_command(Op.TRY))

    assert world.replies == [("order/ord_1", Reply("saga_1", "shelf", Op.TRY, Verdict.DONE, "", (("JAR", 4),), 4))] * 3
    assert world.row(Jar, JAR).pending == Pending("saga_1", NOW)


def test_confirm_keeps_what_was_tried_and_only_once() -> None:
    """All three together, then CONFIRM again."""
    world = shelf()

    world.admit(_command(Op.TRY), _command(Op.CONFIRM), _command(Op.CONFIRM))

    assert (world.row(Jar, JAR).held, world.row(Jar, JAR).pending, len(world.journals)) == (4, None, 1)
    assert [reply.verdict for _, reply in world.replies] == [Verdict.DONE] * 3
    assert set(world.answers) == {"saga_1/T", "saga_1/F"}


def test_cancel_gives_back_what_was_tried() -> None:
    """Nothing is left but the answers."""
    world = shelf()

    world.admit(_command(Op.TRY))
    world.admit(_command(Op.CANCEL))

    assert (world.row(Jar, JAR), world.journals) == (Jar(), [])
    assert set(world.answers) == {"saga_1/T", "saga_1/C"}


@pytest.mark.parametrize("together", [True, False])
def test_a_cancel_that_comes_first_leaves_a_tombstone(together: bool) -> None:
    """The TRY that comes late is not done: its answer is there already (case 4)."""
    world = shelf()

    if together:
        world.admit(_command(Op.CANCEL), _command(Op.TRY))
    else:
        world.admit(_command(Op.CANCEL))
        world.admit(_command(Op.TRY))

    assert (world.rows, world.journals) == ({}, [])
    assert [(reply.op, reply.verdict, reply.reason) for _, reply in world.replies] == [
        (Op.CANCEL, Verdict.DONE, ""), (Op.TRY, Verdict.TOMBSTONED, "TOMBSTONED")
    ]


def test_a_cancel_of_a_refused_try_is_done_and_touches_nothing() -> None:
    """There is nothing to give back, and the refusal stays the answer of the TRY (case 3)."""
    world = shelf(FULL)

    world.admit(_command(Op.TRY), _command(Op.CANCEL))

    assert world.row(Jar, JAR) == FULL
    assert [(reply.verdict, reply.reason) for _, reply in world.replies] == [
        (Verdict.REFUSED, "NO_ROOM"), (Verdict.DONE, "")
    ]


@pytest.mark.parametrize("before", [[], [_command(Op.CANCEL)], [_command(Op.TRY, amount=11)]])
def test_a_confirm_of_what_was_not_done_is_set_aside(before: list[Arrived]) -> None:
    """Unknown, cancelled or refused: a person has to look (case 7)."""
    world = shelf()
    world.admit(*before)

    effects = world.admit(_command(Op.CONFIRM))

    ((arrived, error),) = effects.faulty
    assert (arrived.message.id, str(error), type(error)) == ("saga_1/shelf/F", "UNKNOWN_TRY", Defect)
    assert (effects.answered, effects.dirty) == ({}, {})


@pytest.mark.parametrize("arrived", [_call("request-1"), _command(Op.TRY, "saga_2"), _command(Op.EXECUTE, "saga_2")])
def test_who_meets_a_claim_is_asked_again(arrived: Arrived) -> None:
    """BUSY is no answer: nothing is stored, so that the next time decides (BZ-2)."""
    world = shelf()
    world.admit(_command(Op.TRY))

    effects = world.admit(arrived)

    assert effects.busy == [(arrived, Busy("saga_1"))]
    assert (effects.answered, effects.answers, effects.sent, effects.dirty) == ({}, [], [], {})
    world.admit(_command(Op.CANCEL))
    assert world.admit(arrived).busy == []


def test_the_second_message_stands_on_the_first() -> None:
    """Of one root in one transaction: each sees what the ones before it did."""
    world = shelf()

    effects = world.admit(_call("request-1", 6), _call("request-2", 6), _call("request-3", 4))

    assert [(answer.id, answer.verdict) for _, answer in effects.answers] == [
        ("request-1", Verdict.DONE), ("request-2", Verdict.REFUSED), ("request-3", Verdict.DONE)
    ]
    assert [posted.root_version for posted in effects.journals] == [2, 3]
    assert effects.dirty[Jar] == {JAR: world.row(Jar, JAR)}
    assert world.row(Jar, JAR).held == 10


def test_what_has_no_id_is_decided_and_answered_to_nobody() -> None:
    """A report of our own, a reply."""
    world = shelf()

    effects = world.admit(Arrived(Message("", JAR, Put(4))))

    assert (effects.answered, effects.answers, world.row(Jar, JAR).held) == ({}, [], 4)


def test_which_answers_decide_whether_a_message_is_fresh() -> None:
    """TRY and EXECUTE are the same question; CONFIRM and CANCEL ask for the TRY too."""
    assert [answers_for(_command(op).message) for op in (Op.TRY, Op.EXECUTE, Op.CONFIRM, Op.CANCEL)] == [
        ("saga_1/T",), ("saga_1/T",), ("saga_1/F", "saga_1/T"), ("saga_1/C", "saga_1/T")
    ]
    assert (answers_for(_call("request-1").message), answers_for(Message("", JAR, Put(1)))) == (("request-1",), ())


def test_a_row_is_found_in_the_version_before_the_first_change_of_the_transaction() -> None:
    """However often it is changed in it: that is the version that the table has."""
    world = shelf(Jar(version=7))

    effects = world.admit(_call("request-1", 1), _call("request-2", 2), _call("request-3", 3))

    assert effects.found[Jar] == {JAR: 7}
    assert effects.dirty[Jar] == {JAR: world.row(Jar, JAR)}
    assert world.row(Jar, JAR).version == 10


@pytest.mark.parametrize("sets_last", [True, False])
def test_the_last_word_about_a_timer_counts(sets_last: bool) -> None:
    """Of the messages of a transaction one clears it, another sets it."""
    timer = Timer(STALE, JAR, JAR, NOW + timedelta(hours=1))
    words = [Decision(cleared=((STALE, JAR),)), Decision(timers=(timer,))]

    effects = shelf(Jar()).admit(*map(_said, words if sets_last else words[::-1]))

    assert effects.timers == ({(STALE, JAR): timer} if sets_last else {})
    assert effects.cleared == (set() if sets_last else {(STALE, JAR)})


@pytest.mark.parametrize(("seen", "detail"), [
    (Seen(JAR, 1), ""), (Seen(JAR, 2), "jar_1 is at version 1, not 2"), (Seen("jar_9", 1), "jar_9 is not there"),
])
def test_a_call_that_saw_something_else_changes_nothing(seen: Seen, detail: str) -> None:
    """It is refused for good, by what stands there under its lock, not by what was read before."""
    world = shelf(Jar(version=1))
    call = Arrived(Message("request-1", JAR, Put(4), seen=seen), b"h")

    effects = world.admit(call)

    [(_, answer)] = effects.answers
    stale = Refused("STALE_VERSION", detail, "ABORTED")
    assert answer.outcome == (stale if detail else Done(4, (("JAR", 4),)))
    assert bool(effects.dirty) is not bool(detail)


def test_two_calls_that_saw_the_same_change_it_once() -> None:
    """Also where both are decided in one transaction."""
    world = shelf(Jar(version=1))
    both = [Arrived(Message(f"request-{n}", JAR, Put(1), seen=Seen(JAR, 1)), b"h") for n in (1, 2)]

    effects = world.admit(*both)

    verdicts = [answer.verdict for _, answer in effects.answers]
    assert verdicts == [Verdict.DONE, Verdict.REFUSED]


def test_what_is_stale_and_refused_is_stale() -> None:
    """Whoever saw another version learns that first, whatever the rule says of the present one."""
    world = shelf(FULL)

    effects = world.admit(Arrived(Message("request-1", JAR, Put(4), seen=Seen(JAR, 99)), b"h"))

    [(_, answer)] = effects.answers
    assert isinstance(answer.outcome, Refused)
    assert answer.outcome.reason == "STALE_VERSION"
