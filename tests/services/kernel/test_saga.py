"""Sagas as scripts: given these replies, these commands go out; and laws over random replies in any order."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.advancing import advance, begin, due
from services.kernel.errors import Defect
from services.kernel.messages import Op, TimerDue
from services.kernel.saga import (
    ABORT,
    GIVEN_UP,
    RESUME,
    WAKE,
    Definition,
    Participant,
    Phase,
    Progress,
    Reply,
    Run,
    Verdict,
)

NOW = datetime(2026, 3, 10, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that moves fen with two participants."""

    credit_minor: int
    card_minor: int


def _participant(service: str, amount: str) -> Participant:
    return Participant(
        service=service,
        involved=lambda plan: getattr(plan, amount) > 0,
        key=lambda plan: f"{service}-key",
        command=lambda plan: (service, getattr(plan, amount)),
        planned=lambda plan: ((service, getattr(plan, amount)),),
    )


DEFINITION = Definition("refund", 1, Plan, (_participant("credit", "credit_minor"), _participant("card", "card_minor")))

def _begin(credit: int = 700, card: int = 300) -> Progress:
    return begin(DEFINITION, "saga_1", "ord_1", Plan(credit, card), NOW)


def _reply(branch: str, op: Op, verdict: Verdict = Verdict.DONE, amount: int | None = None) -> Reply:
    planned = {"credit": 700, "card": 300}[branch] if amount is None else amount
    return Reply("saga_1", branch, op, verdict, moved=((branch, planned),))


def _play(run: Run, *inputs: Reply | None) -> Progress:
    progress = Progress(run)
    for each in inputs:
        progress = advance(DEFINITION, progress.run, each, NOW)
    return progress


def _sent(progress: Progress) -> list[tuple[str, Op]]:
    return [(c.participant, c.saga.op) for c in progress.commands if c.saga]


def _parked(branch: str, op: Op) -> Reply:
    return Reply("saga_1", branch, op, Verdict.PARKED, "PARKED")


def _resumed(run: Run) -> Progress:
    return due(DEFINITION, run, TimerDue(RESUME, run.id, NOW), NOW)


TRIED = (_reply("credit", Op.TRY), _reply("card", Op.TRY))
REFUSED = Reply("saga_1", "card", Op.TRY, Verdict.REFUSED, "CARD_STATE")


MISMATCHED = _reply("card", Op.TRY, amount=299)


@pytest.mark.parametrize(("before", "frozen_by", "stood", "sent", "reason"), [
    ((), MISMATCHED, Phase.TRYING, [("credit", Op.TRY), ("card", Op.TRY)], ""),
    (TRIED, _parked("card", Op.CONFIRM), Phase.CONFIRMING, [("credit", Op.CONFIRM), ("card", Op.CONFIRM)], ""),
    (
        (REFUSED,), _parked("credit", Op.CANCEL), Phase.CANCELLING, [("credit", Op.CANCEL), ("card", Op.CANCEL)],
        "CARD_STATE",
    ),
])
def test_a_person_lets_a_frozen_saga_go_on_where_it_stood(
    before: tuple[Reply, ...], frozen_by: Reply, stood: Phase, sent: list[tuple[str, Op]], reason: str
) -> None:
    """A command that was set aside freezes it; what was answered meanwhile is asked again,
    and answered from the inbox."""
    frozen = _play(_begin().run, *before, frozen_by).run

    resumed = _resumed(frozen)

    assert frozen.phase is Phase.FROZEN
    assert (resumed.run.phase, resumed.run.reason, resumed.run.version) == (stood, reason, frozen.version + 1)
    assert _sent(resumed) == sent
    assert [timer.kind for timer in resumed.timers] == [WAKE]
    assert resumed.cleared == ((RESUME, "saga_1"),)


def test_a_frozen_saga_of_one_participant_is_executed_again() -> None:
    """Its stored answer is the decision, or there is none yet."""
    run = _begin(card=0).run
    frozen = advance(DEFINITION, run, _parked("credit", Op.EXECUTE), NOW).run

    assert _sent(_resumed(frozen)) == [("credit", Op.EXECUTE)]


def test_only_a_frozen_saga_is_resumed_and_its_own_wake_up_does_not_do_it() -> None:
    """A word that comes late changes nothing; nobody but a person ends the wait."""
    run = _begin().run
    frozen = _play(run, MISMATCHED).run

    late, woken = _resumed(run), due(DEFINITION, frozen, TimerDue(WAKE, "saga_1", NOW), NOW)

    assert (late.run is run, late.commands, late.cleared) == (True, (), ((RESUME, "saga_1"),))
    assert (woken.run.phase, woken.commands) == (Phase.FROZEN, ())


def test_a_try_that_is_set_aside_aborts() -> None:
    """Nothing is done yet, and the others wait for what was claimed (findings: test_frozen_trying_keeps_its_claims)."""
    parked = _play(_begin().run, _reply("credit", Op.TRY), _parked("card", Op.TRY))

    assert (parked.run.phase, parked.run.decision, parked.run.reason) == (Phase.CANCELLING, "ABORT", "PARKED")
    assert _sent(parked) == [("credit", Op.CANCEL), ("card", Op.CANCEL)]


@pytest.mark.parametrize(("seconds", "phase"), [(-1, Phase.FROZEN), (0, Phase.CANCELLING), (1, Phase.CANCELLING)])
def test_no_claim_outlives_the_deadline_of_a_frozen_saga(seconds: int, phase: Phase) -> None:
    """What is not decided is given up at its deadline, whether a person has looked or not."""
    frozen = _play(_begin().run, MISMATCHED).run

    woken = advance(DEFINITION, frozen, None, frozen.deadline_at + timedelta(seconds=seconds))

    assert (woken.run.phase, woken.run.reason) == (phase, "MONEY_VECTOR_MISMATCH")
    assert [timer.kind for timer in woken.timers] == [WAKE]


def test_a_branch_that_waits_for_a_person_does_not_hold_the_claims_of_the_others() -> None:
    """A decided saga that is frozen asks the others on, until they ended; the one that stopped waits."""
    frozen = _play(_begin().run, *TRIED, _parked("card", Op.CONFIRM)).run

    asked = _play(frozen, None)
    ended = _play(asked.run, _reply("credit", Op.CONFIRM), None)

    assert (frozen.phase, _sent(asked), _sent(ended)) == (Phase.FROZEN, [("credit", Op.CONFIRM)], [])
    assert _sent(_resumed(ended.run)) == [("card", Op.CONFIRM)]
    assert _play(_resumed(ended.run).run, _reply("card", Op.CONFIRM)).run.phase is Phase.DONE


def _given_up(run: Run) -> Progress:
    return due(DEFINITION, run, TimerDue(ABORT, run.id, NOW), NOW)


def test_a_person_gives_up_what_is_frozen_and_not_decided() -> None:
    """Every participant is told to let go."""
    given_up = _given_up(_play(_begin().run, MISMATCHED).run)

    assert (given_up.run.phase, given_up.run.decision, given_up.run.reason) == (Phase.CANCELLING, "ABORT", GIVEN_UP)
    assert _sent(given_up) == [("credit", Op.CANCEL), ("card", Op.CANCEL)]
    assert given_up.cleared == ((ABORT, "saga_1"),)


@pytest.mark.parametrize("inputs", [
    (), TRIED[:1], TRIED, (*TRIED, _parked("card", Op.CONFIRM)), (REFUSED,), (REFUSED, _parked("card", Op.CANCEL)),
])
def test_nobody_gives_up_what_is_not_frozen_or_is_decided(inputs: tuple[Reply, ...]) -> None:
    """What is committed is never aborted (R-4)."""
    run = _play(_begin().run, *inputs).run

    progress = _given_up(run)

    assert (progress.run is run, progress.commands, progress.cleared) == (True, (), ((ABORT, "saga_1"),))


CANCELLED = Reply("saga_1", "credit", Op.CANCEL, Verdict.DONE)
TOO_LATE = Reply("saga_1", "credit", Op.CANCEL, Verdict.REFUSED, "EXECUTED")


@pytest.mark.parametrize(("inputs", "sent", "phase", "decision", "reason"), [
    ((CANCELLED,), [], Phase.ABORTED, "ABORT", GIVEN_UP),
    ((TOO_LATE,), [("credit", Op.EXECUTE)], Phase.EXECUTING, "", GIVEN_UP),
    ((TOO_LATE, _reply("credit", Op.EXECUTE)), [], Phase.DONE, "COMMIT", ""),
    ((_parked("credit", Op.CANCEL),), [], Phase.FROZEN, "", "PARKED"),
])
def test_a_single_participant_has_the_last_word_on_what_is_given_up(
    inputs: tuple[Reply, ...], sent: list[tuple[str, Op]], phase: Phase, decision: str, reason: str
) -> None:
    """It forbids what it never did; what it did is done, and its answer is fetched."""
    frozen = _play(_begin(card=0).run, _parked("credit", Op.EXECUTE)).run
    given_up = _given_up(frozen)

    progress = _play(given_up.run, *inputs)

    assert (_sent(given_up), given_up.run.decision) == ([("credit", Op.CANCEL)], "")
    assert (_sent(progress), progress.run.phase) == (sent, phase)
    assert (progress.run.decision, progress.run.reason) == (decision, reason)


def test_confirm_may_carry_what_another_participant_answered() -> None:
    """Computed from the run, after the decision; TRY and CANCEL carry the plan's body."""
    credit, card = DEFINITION.participants
    informed = replace(DEFINITION, participants=(replace(credit, confirmed=lambda run: run.branches[1].result), card))
    answers = (_reply("credit", Op.TRY), replace(_reply("card", Op.TRY), result="told"))
    progress = begin(informed, "saga_1", "ord_1", Plan(700, 300), NOW)
    tried = [command.body for command in progress.commands]

    for answer in answers:
        progress = advance(informed, progress.run, answer, NOW)

    assert tried == [("credit", 700), ("card", 300)]
    assert [command.body for command in progress.commands] == ["told", ("card", 300)]


def test_two_participants_are_tried_together() -> None:
    """The first step asks both to TRY, with a deadline, and sets the wake-up."""
    progress = _begin()

    assert _sent(progress) == [("credit", Op.TRY), ("card", Op.TRY)]
    assert all(c.not_after == progress.run.deadline_at for c in progress.commands)
    assert [(t.kind, t.key, t.root) for t in progress.timers] == [(WAKE, "saga_1", "ord_1")]


def test_one_participant_executes_in_one_step() -> None:
    """With one participant the two phases collapse, and its answer is the decision."""
    progress = _begin(card=0)

    assert _sent(progress) == [("credit", Op.EXECUTE)]
    done = _play(progress.run, _reply("credit", Op.EXECUTE))
    assert (done.run.phase, done.run.decision, done.ended) == (Phase.DONE, "COMMIT", True)


def test_a_refused_execute_is_an_abort() -> None:
    """The stored refusal of a single participant ends the saga with its reason."""
    refused = _play(_begin(card=0).run, Reply("saga_1", "credit", Op.EXECUTE, Verdict.REFUSED, "INSUFFICIENT_LIMIT"))

    assert (refused.run.phase, refused.run.reason, refused.ended) == (Phase.ABORTED, "INSUFFICIENT_LIMIT", True)


def test_all_tried_means_one_decision_and_confirm_to_all() -> None:
    """CONFIRM goes out only when every TRY is in."""
    first = _play(_begin().run, _reply("card", Op.TRY))
    both = _play(first.run, _reply("credit", Op.TRY))

    assert first.commands == ()
    assert (both.run.phase, both.run.decision) == (Phase.CONFIRMING, "COMMIT")
    assert _sent(both) == [("credit", Op.CONFIRM), ("card", Op.CONFIRM)]


def test_a_refusal_cancels_every_branch_even_unanswered() -> None:
    """CANCEL goes to each branch whose TRY was ever sent."""
    refused = _play(_begin().run, Reply("saga_1", "card", Op.TRY, Verdict.REFUSED, "CARD_STATE"))

    assert (refused.run.phase, refused.run.reason) == (Phase.CANCELLING, "CARD_STATE")
    assert _sent(refused) == [("credit", Op.CANCEL), ("card", Op.CANCEL)]


def test_a_wrong_money_vector_freezes_before_the_decision() -> None:
    """What a TRY says that it moves must be what was planned."""
    frozen = _play(_begin().run, _reply("credit", Op.TRY, amount=699))

    assert (frozen.run.phase, frozen.run.reason, frozen.commands) == (Phase.FROZEN, "MONEY_VECTOR_MISMATCH", ())


def test_a_wrong_money_vector_of_the_only_participant_freezes() -> None:
    """It is done, and not what was planned: a person looks."""
    frozen = _play(_begin(card=0).run, _reply("credit", Op.EXECUTE, amount=699))

    assert (frozen.run.phase, frozen.run.decision, frozen.run.reason) == (Phase.FROZEN, "", "MONEY_VECTOR_MISMATCH")


def test_who_tries_is_woken_soon_and_at_its_deadline_at_the_latest() -> None:
    """However often nobody answered; who is decided may wait longer."""
    run, woken = _begin().run, []
    for attempts in range(8):
        progress = advance(DEFINITION, replace(run, attempts=attempts), None, NOW)
        woken += [timer.due_at for timer in progress.timers]
    decided = _play(run, *TRIED, *[None] * 8)

    assert NOW < woken[0] < woken[1] < woken[-1] == run.deadline_at
    assert decided.timers[0].due_at > run.deadline_at


def test_wake_up_sends_again_only_what_is_awaited() -> None:
    """A resend does not repeat what was answered."""
    progress = _play(_begin().run, _reply("card", Op.TRY), None)

    assert _sent(progress) == [("credit", Op.TRY)]
    assert progress.timers[0].due_at > NOW


@pytest.mark.parametrize(("seconds", "phase"), [(-1, Phase.TRYING), (0, Phase.CANCELLING), (1, Phase.CANCELLING)])
def test_trying_ends_at_its_deadline(seconds: int, phase: Phase) -> None:
    """At the deadline, and not a second before, the wake-up aborts."""
    run = _begin().run

    progress = advance(DEFINITION, run, None, run.deadline_at + timedelta(seconds=seconds))

    assert progress.run.phase is phase


def test_executing_never_aborts_by_itself() -> None:
    """Once EXECUTE was sent only its answer counts."""
    run = _begin(card=0).run

    progress = advance(DEFINITION, run, None, run.deadline_at + timedelta(days=1))

    assert progress.run.phase is Phase.EXECUTING
    assert _sent(progress) == [("credit", Op.EXECUTE)]


def test_a_refused_confirm_freezes() -> None:
    """After the decision nothing may be refused: that is a defect for a person."""
    run = _play(_begin().run, _reply("credit", Op.TRY), _reply("card", Op.TRY)).run

    frozen = _play(run, Reply("saga_1", "card", Op.CONFIRM, Verdict.REFUSED, "X"))

    assert frozen.run.phase is Phase.FROZEN


def test_a_definition_without_participants_refuses_to_exist() -> None:
    """A saga that could stick is no saga."""
    with pytest.raises(Defect):
        Definition("empty", 1, Plan, ())


REPLIES = st.builds(
    lambda branch, op, verdict: _reply(branch, op, verdict),
    st.sampled_from(["credit", "card"]), st.sampled_from(list(Op)),
    st.sampled_from([Verdict.DONE, Verdict.REFUSED, Verdict.PARKED]),
)
WORDS = st.builds(lambda kind: TimerDue(kind, "saga_1", NOW), st.sampled_from([WAKE, RESUME, ABORT]))


@given(st.sampled_from([0, 300]), st.lists(st.one_of(REPLIES, WORDS), max_size=40))
def test_whatever_people_say_a_decision_is_never_taken_back(card: int, inputs: list[Reply | TimerDue]) -> None:
    """After COMMIT nobody is told to cancel, after ABORT nobody to confirm; what ended stays ended (R-4)."""
    run, forbidden = _begin(card=card).run, {"": {Op.CONFIRM}, "COMMIT": {Op.CANCEL}, "ABORT": {Op.CONFIRM, Op.EXECUTE}}
    for each in inputs:
        if isinstance(each, TimerDue):
            progress = due(DEFINITION, run, each, NOW)
        else:
            progress = advance(DEFINITION, run, each, NOW)

        assert run.decision in ("", progress.run.decision)
        assert {op for _, op in _sent(progress)}.isdisjoint(forbidden[progress.run.decision])
        assert not run.terminal or progress.run is run
        assert progress.run is run or progress.run.terminal or progress.run.phase is run.phase or progress.timers
        run = progress.run
    assert (run.phase is Phase.DONE) <= (run.decision == "COMMIT")
    assert (run.phase is Phase.ABORTED) <= (run.decision == "ABORT")


@given(st.lists(st.one_of(st.none(), REPLIES), max_size=30))
def test_any_replies_in_any_order_keep_the_laws(inputs: list[Reply | None]) -> None:
    """One decision, never changed; terminal stays terminal; a step that changes anything moves the version by one."""
    run, decision = _begin().run, ""
    for each in inputs:
        progress = advance(DEFINITION, run, each, NOW)

        assert progress.run.version - run.version == (0 if progress.run is run else 1)
        assert decision in ("", progress.run.decision)
        assert not (run.terminal and (progress.commands or progress.ended))
        assert progress.run.terminal or progress.run is run or progress.timers or not progress.commands
        run, decision = progress.run, progress.run.decision


@given(st.lists(REPLIES, max_size=12))
def test_a_duplicate_reply_changes_nothing(inputs: list[Reply]) -> None:
    """Every reply may come twice."""
    once = twice = _begin().run
    for each in inputs:
        once = advance(DEFINITION, once, each, NOW).run
        twice = advance(DEFINITION, advance(DEFINITION, twice, each, NOW).run, each, NOW).run

    assert (once.phase, once.decision, once.branches) == (twice.phase, twice.decision, twice.branches)
