"""The runtime's tables that decide answer as their model does: answers, timers, what is set aside, offsets, leases, the
outbox; collisions and transactions that fail are among what is asked."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.kernel.decision import Timer
from services.kernel.saga import WAKE, Verdict
from services.runtime.ground.records import Headers
from services.runtime.stored.inbox import Answered
from services.runtime.stored.parked import LAST, Parked
from tests.services.equivalence.model import Collision, Model
from tests.services.equivalence.runtime import NOW, PARTITIONS, TOPIC, Runtime
from tests.settle.audit.scratch import server

EXAMPLES = max(int(os.environ.get("SETTLE_HISTORIES", "0")) // 100, 25)
LANES = ("a", "b", "c")
IDS, BYTES = st.sampled_from(("m1", "m2", "m3", "m4")), st.sampled_from((b"one", b"two"))
ANSWERS = st.builds(lambda key, outcome: Answered(key, Verdict.DONE, "", outcome), IDS, BYTES)
TIMER_KEYS = st.tuples(st.sampled_from((WAKE, "leg")), st.sampled_from(("k1", "k2", "k3")))
TIMES = st.integers(0, 4).map(lambda hours: NOW + timedelta(hours=hours))
TIMERS = st.lists(
    st.builds(lambda key, at: Timer(key[0], key[1], f"root of {key[1]}", at), TIMER_KEYS, TIMES), max_size=3,
    unique_by=lambda timer: (timer.kind, timer.key),
)


COMMAND: Headers = [("ce_replyto", b"sender/root"), ("ce_saga", b"s1")]
NOTICE: Headers = [("ce_replyto", b"sender/root")]


def _record(offset: int, key: str, message_id: str, payload: bytes, came: tuple[Headers, str]) -> Parked:
    headers, reason = came
    return Parked(
        source=TOPIC, partition=0, offset=offset, key=key, message_id=message_id, headers=headers, payload=payload,
        reason=reason, detail="why",
    )


RECORDS = st.lists(
    st.builds(
        _record, st.integers(0, 6), st.sampled_from(("k1", "k2")), st.sampled_from(("", "m1", "m2")), BYTES,
        st.sampled_from((([], "DEFECT"), (COMMAND, "DEFECT"), (NOTICE, "FOLLOWS_PARKED"), (NOTICE, "MALFORMED"))),
    ),
    min_size=1, max_size=3, unique_by=(lambda row: row.offset, lambda row: (row.key, row.message_id, row.payload)),
)
PART, LANE = st.sets(st.integers(0, PARTITIONS - 1), min_size=1), st.sampled_from(LANES)


class Tables(RuleBasedStateMachine):
    """Both are asked the same, and answer the same."""

    runtime: Runtime

    @initialize()
    def begin(self) -> None:
        """Nothing is stored."""
        self.runtime.empty()
        self.model = Model()
        self.numbers: dict[str, int] = {}
        self.sent = 0

    @rule(answers=st.lists(ANSWERS, min_size=1, max_size=3, unique_by=lambda answer: answer.message_id))
    def answer(self, answers: list[Answered]) -> None:
        """A batch stores what it decided, or collides as a whole."""
        by_id = {answer.message_id: answer for answer in answers}
        assert _refused(lambda: self.runtime.save_answers(by_id)) is _refused(lambda: self.model.save_answers(by_id))

    @rule(answers=st.lists(ANSWERS, max_size=2, unique_by=lambda answer: answer.message_id), timers=TIMERS)
    def fail(self, answers: list[Answered], timers: list[Timer]) -> None:
        """A commit that fails leaves nothing, whether it collided before or not."""
        _refused(lambda: self.runtime.undone({answer.message_id: answer for answer in answers}, timers, ()))

    @rule(told=ANSWERS)
    def keep(self, told: Answered) -> None:
        """What no lane decided."""
        assert self.runtime.keep(told) == self.model.keep(told)

    @rule(key=IDS, told=BYTES, ended=BYTES)
    def amend(self, key: str, told: bytes, ended: bytes) -> None:
        """A settlement ended."""
        assert self.runtime.amend(key, told, ended) == self.model.amend(key, told, ended)

    @rule(timers=TIMERS, cleared=st.sets(TIMER_KEYS, max_size=2))
    def set_timers(self, timers: list[Timer], cleared: set[tuple[str, str]]) -> None:
        """Set, move and clear; none is both."""
        gone = cleared - {(timer.kind, timer.key) for timer in timers}
        self.runtime.save_timers(timers, gone)
        self.model.save_timers(timers, gone)

    @rule(timers=TIMERS)
    def ensure(self, timers: list[Timer]) -> None:
        """What is there stays."""
        self.runtime.ensure(timers)
        self.model.ensure(timers)

    @rule(key=TIMER_KEYS, at=TIMES)
    def postpone(self, key: tuple[str, str], at: datetime) -> None:
        """It comes later, if it is there."""
        if key in self.model.timers:
            self.model.timers[key] = replace(self.model.timers[key], due_at=at)
        self.runtime.postpone(key, at)

    @rule(wanted=st.dictionaries(TIMER_KEYS, st.none() | TIMES, min_size=1), now=TIMES)
    def look(self, wanted: dict[tuple[str, str], datetime | None], now: datetime) -> None:
        """Who is due, now and under the locks."""
        assert self.runtime.still_due(wanted, now) == self.model.still_due(wanted, now)
        for sagas in (True, False):
            assert self.runtime.due(now, sagas) == self.model.due(now, sagas)

    @rule(rows=RECORDS)
    def park(self, rows: list[Parked]) -> None:
        """Records are set aside, some of them again."""
        self.runtime.park(rows)
        self.model.park(rows)

    @precondition(lambda self: self.model.parked)
    @rule(pick=st.integers(0, 9), state=st.sampled_from(("RETRIED", "DISCARDED")))
    def resolve(self, pick: int, state: str) -> None:
        """A person decides, perhaps the second one to do so."""
        number = pick % len(self.model.parked)
        assert self.runtime.resolve(number, state) == self.model.resolve(number, state)

    @rule(first=st.integers(0, 3), length=st.integers(0, 6), partitions=PART, epoch=st.sampled_from(("old", "new")))
    def start(self, first: int, length: int, partitions: set[int], epoch: str) -> None:
        """Partitions are read from somewhere on; their log may have lost its head, its end or its name."""
        ends = dict.fromkeys(partitions, (first, first + length))
        assert self.runtime.start(ends, epoch) == self.model.start(ends, epoch)

    @rule(reached=st.dictionaries(st.integers(0, PARTITIONS - 1), st.integers(1, 8), min_size=1), waits=st.booleans())
    def move_on(self, reached: dict[int, int], waits: bool) -> None:
        """Records are consumed, and one of them may wait for a claim."""
        waiting = {partition: offset - 1 for partition, offset in reached.items() if waits}
        self.runtime.move_on(reached, waiting)
        self.model.move_on(reached, waiting)

    @rule(lane=LANE, partitions=PART, gains=st.booleans())
    def hold(self, lane: str, partitions: set[int], gains: bool) -> None:
        """A lane takes partitions, or leaves them; who is not there yet comes."""
        self._let_live(lane)
        if gains:
            ours = {partition for partition in partitions if self.model.held.get(partition) != lane}
            assert self.runtime.gain(lane, ours) == self.model.gain(lane, ours)
        else:
            ours = {partition for partition in partitions if self.model.held.get(partition) == lane}
            self.runtime.let_go(lane, ours)
            self.model.let_go(lane, ours)

    @rule(lane=LANE, count=st.integers(1, 3))
    def send(self, lane: str, count: int) -> None:
        """A lane commits records."""
        number = self._let_live(lane)
        payloads = [f"record {self.sent + each}" for each in range(count)]
        self.runtime.send(number, self.sent + 1, payloads)
        self.model.outbox.setdefault(number, {}).update(enumerate(payloads, self.sent + 1))
        self.sent += count

    @rule(lane=LANE, picks=st.sets(st.integers(0, 12), max_size=4), floor=st.integers(0, 3))
    def acknowledge(self, lane: str, picks: set[int], floor: int) -> None:
        """Kafka has some of them."""
        number = self._let_live(lane)
        rows = sorted(self.model.outbox.get(number, {}))
        done = [(number, seq) for place, seq in enumerate(rows) if place in picks]
        if not done:
            return
        self.runtime.clear(done, {number: floor})
        self.model.clear(done, {number: floor})

    @precondition(lambda self: self.numbers)
    @rule(lane=LANE, limit=st.integers(1, 4), after=st.integers(0, 6), but=st.lists(st.integers(0, 12), max_size=2))
    def sweep(self, lane: str, limit: int, after: int, but: list[int]) -> None:
        """Somebody looks what a lane left, and whether it lives; the dead that left nothing are forgotten."""
        for number in self.numbers.values():
            assert self.runtime.buried(number) is (number not in self.model.alive)
            assert self.runtime.leftovers(number, limit, after, but) == self.model.leftovers(number, limit, after, but)
        self.runtime.forget()
        self.model.forget()

    @precondition(lambda self: self.model.alive)
    @rule(pick=st.integers(0, 2))
    def die(self, pick: int) -> None:
        """A process ends: its leases are free, its rows are not."""
        number = sorted(self.model.alive)[pick % len(self.model.alive)]
        lane = self.model.alive.pop(number)
        self.runtime.dies(lane)
        self.model.held = {partition: holder for partition, holder in self.model.held.items() if holder != lane}

    @invariant()
    def the_tables_are_the_model(self) -> None:
        """Everything that is stored."""
        model, runtime = self.model, self.runtime
        assert runtime.answers(("m1", "m2", "m3", "m4")) == model.inbox
        assert runtime.parked() == [
            (*aside.name[:2], None if aside.record.offset == LAST else aside.record.offset, aside.name[2], aside.state)
            for aside in model.parked
        ]
        assert runtime.lines() == model.lines()
        assert runtime.consumed() == model.consumed
        assert runtime.lanes() == model.cleared
        assert runtime.outbox() == sorted(
            (number, seq, payload.encode()) for number, rows in model.outbox.items() for seq, payload in rows.items()
        )
        moved = {key: timer.due_at for key, timer in model.timers.items()}
        assert not moved or runtime.still_due(moved, NOW) == moved.keys()
        assert runtime.due(NOW + timedelta(days=1), sagas=True) == model.due(NOW + timedelta(days=1), sagas=True)

    def _let_live(self, lane: str) -> int:
        """The number of this lane, which lives from now on if it did not."""
        if lane not in self.model.alive.values():
            self.numbers[lane] = number = self.runtime.lives(lane)
            self.model.alive[number], self.model.cleared[number] = lane, 0
        return self.numbers[lane]


def _refused(step: Callable[[], None]) -> bool:
    try:
        step()
    except Collision:
        return True
    return False


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """A database of a server of our own."""
    with server() as dsn:
        opened = Runtime(f"{dsn}/postgres")
        yield opened
        opened.close()


def test_the_tables_answer_as_their_model_does(runtime: Runtime) -> None:
    """Whatever is asked in whatever order."""
    Tables.runtime = runtime

    run_state_machine_as_test(Tables, settings=settings(
        max_examples=EXAMPLES, stateful_step_count=30, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    ))
