"""Who meets a claim waits for its end, and is decided in the transaction in which it ends (BZ-2, BZ-3)."""

from services.kernel.admission import RETRY_BUSY_TIMER, Admission
from services.kernel.decision import Busy, Decision, Timer
from services.kernel.effects import Arrived, Effects
from services.kernel.messages import Message, Op, SagaRef, TimerDue
from services.kernel.participant import Pending
from services.kernel.saga import Phase, Run, Verdict
from tests.in_memory import NOW, InMemory
from tests.services.kernel.jars import JAR, RULES, STALE, TIMERS, Break, Jar, Put, shelf

CLAIMED = Jar(held=1, pending=Pending("saga_0", NOW))


def _command(op: Op, saga_id: str, amount: int = 1) -> Arrived:
    saga = SagaRef(saga_id, "shelf", op)
    return Arrived(Message(f"{saga_id}/shelf/{op}", JAR, Put(amount), saga=saga, caller="order/ord_1"))


def _call(request_id: str, amount: int = 1) -> Arrived:
    return Arrived(Message(request_id, JAR, Put(amount)), b"hash")


def _claimed() -> InMemory:
    world = shelf(Jar(held=0))
    world.admit(_command(Op.TRY, "saga_0"))
    return world


def _told(effects: Effects[Arrived]) -> list[tuple[str, Verdict]]:
    return [(answer.id, answer.verdict) for answer in effects.answered.values()]


def test_the_end_of_a_claim_decides_who_waits_in_the_order_in_which_they_came() -> None:
    """In the same transaction, until one of them claims the root anew; who comes now stands behind them."""
    world = _claimed()
    first, second, third, newcomer = (
        _call("first"), _command(Op.TRY, "saga_1"), _call("third"), _command(Op.EXECUTE, "saga_2")
    )

    effects = world.admit(_command(Op.CONFIRM, "saga_0"), newcomer, waiting={JAR: [first, second, third]})

    done = Verdict.DONE
    assert _told(effects) == [("saga_0/F", done), ("first", done), ("saga_1/T", done)]
    assert effects.woken == [first, second]
    assert effects.busy == [(newcomer, Busy("saga_1"))]
    assert effects.let_go == set()


def test_who_met_the_claim_in_the_very_transaction_in_which_it_ends_is_decided_there() -> None:
    """However the two stand in it: nobody waits for a claim that is gone."""
    world = _claimed()

    effects = world.admit(_call("before"), _command(Op.CANCEL, "saga_0"), _call("after"))

    assert [key for key, _ in _told(effects)] == ["saga_0/C", "before", "after"]
    assert (effects.busy, effects.let_go) == ([], {JAR})


def test_the_end_of_a_settlement_decides_who_waits_for_its_root() -> None:
    """A coordinator's claim ends with its run."""
    waiting = _call("waiting")
    ended = Run(
        id="saga_1", root=JAR, kind="errand", definition_version=1, phase=Phase.DONE, plan=None, branches=(),
        started_at=NOW, deadline_at=NOW, decision="COMMIT",
    )
    ends = Arrived(Message("", JAR, Break(lambda jar: Decision(changes=(ended,)))))

    effects = shelf(Jar()).admit(ends, waiting={JAR: [waiting]})

    assert (effects.woken, effects.let_go) == ([waiting], {JAR})


def test_nobody_is_decided_while_nothing_ends() -> None:
    """A message that changes nothing about the claim costs no decision of those who wait."""
    world = _claimed()

    effects = world.admit(_command(Op.TRY, "saga_0"), waiting={JAR: [_call("first")]})

    assert (_told(effects), effects.woken, effects.busy) == ([], [], [])


def test_the_first_of_a_root_that_is_awake_is_decided_and_behind_it_nobody_who_would_be_busy() -> None:
    """A claim that ended in another process is looked for by one."""
    still, free = _claimed(), _claimed()
    free.admit(_command(Op.CONFIRM, "saga_0"))
    first, second = _call("first"), _call("second")

    looked = still.admit(waiting={JAR: [first, second]}, awake=[JAR])
    found = free.admit(waiting={JAR: [first, second]}, awake=[JAR])

    assert (looked.busy, looked.woken) == ([(first, Busy("saga_0"))], [])
    assert (found.busy, found.woken) == ([], [first, second])


def test_a_repeat_of_one_who_waits_gets_its_stored_answer() -> None:
    """The same request waits twice; the second hears what the first was told."""
    effects = _claimed().admit(_command(Op.CONFIRM, "saga_0"), waiting={JAR: [_call("again"), _call("again")]})

    assert [(answer.id, answer.verdict) for _, answer in effects.answers] == [("again", Verdict.DONE)] * 2
    assert len(effects.journals) == 2


def test_a_try_that_waited_in_vain_finds_the_tombstone() -> None:
    """Its saga gave up meanwhile: nothing is claimed for it."""
    world = _claimed()
    world.admit(_command(Op.CANCEL, "saga_1"))

    effects = world.admit(_command(Op.CONFIRM, "saga_0"), waiting={JAR: [_command(Op.TRY, "saga_1")]})

    assert world.row(Jar, JAR).pending is None
    assert [sent.answer.verdict for sent in effects.sent if hasattr(sent, "answer")] == [
        Verdict.DONE, Verdict.TOMBSTONED
    ]


def _due(key: str = JAR) -> Arrived:
    return Arrived(Message("", key, TimerDue(STALE, key, NOW)))


def test_a_timer_that_meets_a_claim_moves_forward() -> None:
    """So that it hides none that are due after it (findings: test_busy_timers_starve)."""
    world = shelf(CLAIMED)
    world.timers[STALE, JAR] = Timer(STALE, JAR, JAR, NOW)

    effects = world.admit(_due())

    assert [busy for _, busy in effects.busy] == [Busy("saga_0")]
    assert world.timers == {(STALE, JAR): Timer(STALE, JAR, JAR, NOW + RETRY_BUSY_TIMER)}


def test_a_timer_that_waits_fires_once_when_the_claim_ends() -> None:
    """Where it was moved to counts as due for it; what another decision did to the timer meanwhile counts more."""
    moved = NOW + RETRY_BUSY_TIMER
    waiting = Arrived(Message("", JAR, TimerDue(STALE, JAR, moved)))

    def end(*stored: Timer) -> InMemory:
        world = _claimed()
        world.timers = {(timer.kind, timer.key): timer for timer in stored}
        world.admit(_command(Op.CANCEL, "saga_0"), waiting={JAR: [waiting, _due()]})
        return world

    fired, postponed, gone = (
        end(Timer(STALE, JAR, JAR, moved)), end(Timer(STALE, JAR, JAR, moved + RETRY_BUSY_TIMER)), end()
    )

    assert [world.row(Jar, JAR).version for world in (fired, postponed, gone)] == [2, 1, 1]
    assert (len(fired.timers), len(postponed.timers), len(gone.timers)) == (0, 1, 0)


def test_a_timer_that_was_found_before_the_clock_was_set_back_comes_later() -> None:
    """Decided too early it did nothing, and was gone for good."""
    world = shelf(Jar())
    timer = world.timers[STALE, JAR] = Timer(STALE, JAR, JAR, NOW)
    world.now = NOW - RETRY_BUSY_TIMER

    effects = world.admit(_due())

    assert (effects.cleared, effects.dirty, world.timers) == (set(), {}, {(STALE, JAR): timer})


def test_a_timer_that_met_the_claim_before_its_end_fires_and_is_gone() -> None:
    """In one transaction: it was moved, then its turn came."""
    world = shelf(Jar())
    world.admit(_command(Op.TRY, "saga_0"))
    world.timers[STALE, JAR] = Timer(STALE, JAR, JAR, NOW)

    effects = world.admit(_due(), _command(Op.CANCEL, "saga_0"))

    assert (effects.busy, effects.timers, effects.cleared) == ([], {}, {(STALE, JAR)})
    assert world.timers == {}


def test_what_the_end_of_the_claim_sets_is_not_lost_with_the_wait() -> None:
    """The timer met the claim, then CONFIRM set it anew: the last word counts."""
    world = shelf(Jar())
    world.admit(_command(Op.TRY, "saga_0"))
    world.timers[STALE, JAR] = Timer(STALE, JAR, JAR, NOW)

    world.admit(_due(), _command(Op.CONFIRM, "saga_0"))

    assert world.timers[STALE, JAR].due_at > NOW + RETRY_BUSY_TIMER
    assert world.row(Jar, JAR).held == 1


def test_all_that_those_who_wait_need_is_asked_for_with_the_rest() -> None:
    """No round is added for them."""
    admission: Admission[Arrived] = Admission(RULES, TIMERS)
    waiting = Arrived(Message("other", "jar_2", Put(1)))

    wanted = next(admission.rounds([_command(Op.CONFIRM, "saga_0")], waiting={JAR: [waiting, _due()]}))

    assert wanted.rows == {Jar: {JAR, "jar_2"}}
    assert "other" in wanted.answers
    assert wanted.timers == {(STALE, JAR): NOW}
