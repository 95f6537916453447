"""The runtime's tables as plain values: what an answer, a timer, a place in line, an offset or a lease comes to.

Each method is the twin of a function of `services/runtime/stored` and answers what that answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.kernel.decision import Timer
from services.kernel.saga import WAKE
from services.runtime.stored.inbox import Answered, refused
from services.runtime.stored.offsets import READ_AGAIN_MAX, Beginning
from services.runtime.stored.parked import GIVEN_UP, LAST, READABLE, Parked

TimerKey = tuple[str, str]


class Collision(Exception):
    """The primary key has it already; nothing of the statement stays."""


class Aside(NamedTuple):
    """A record that was set aside, and what became of it."""

    record: Parked
    state: str = "PARKED"

    @property
    def name(self) -> tuple[str, str, bytes]:
        """What makes two records the same message."""
        return self.record.key, self.record.message_id, self.record.payload


@dataclass(slots=True)
class Model:
    """Everything that is stored. `parked` is in the order in which it was set aside."""

    inbox: dict[str, Answered] = field(default_factory=dict)
    timers: dict[TimerKey, Timer] = field(default_factory=dict)
    parked: list[Aside] = field(default_factory=list)
    consumed: dict[int, tuple[int, str, int | None]] = field(default_factory=dict)
    outbox: dict[int, dict[int, str]] = field(default_factory=dict)
    cleared: dict[int, int] = field(default_factory=dict)
    held: dict[int, str] = field(default_factory=dict)
    alive: dict[int, str] = field(default_factory=dict)

    # -- answers

    def save_answers(self, answers: Mapping[str, Answered]) -> None:
        """All of them or none."""
        if answers.keys() & self.inbox.keys():
            raise Collision
        self.inbox.update(answers)

    def keep(self, told: Answered) -> Answered:
        """The first word stays."""
        return self.inbox.setdefault(told.message_id, told)

    def amend(self, key: str, told: bytes, ended: bytes) -> dict[str, bytes]:
        """The end takes the place of what was told, and of nothing else."""
        row = self.inbox.get(key)
        if row is None:
            return {}
        if row.outcome == told:
            row = self.inbox[key] = Answered(row.message_id, row.verdict, row.type, ended, row.body_hash)
        return {key: row.outcome}

    # -- timers

    def save_timers(self, timers: Iterable[Timer], cleared: Iterable[TimerKey]) -> None:
        """Set, moved, gone."""
        for key in cleared:
            self.timers.pop(key, None)
        self.timers.update({(timer.kind, timer.key): timer for timer in timers})

    def ensure(self, timers: Iterable[Timer]) -> None:
        """Only what is missing."""
        for timer in timers:
            self.timers.setdefault((timer.kind, timer.key), timer)

    def still_due(self, wanted: Mapping[TimerKey, datetime | None], now: datetime) -> set[TimerKey]:
        """Due by now, or by the time to which it was moved while it waited."""
        return {
            key for key, at in wanted.items() if key in self.timers and self.timers[key].due_at <= max(now, at or now)
        }

    def due(self, now: datetime, sagas: bool) -> list[tuple[datetime, TimerKey]]:
        """What is due of sagas, or of all else."""
        return sorted(
            (timer.due_at, key) for key, timer in self.timers.items()
            if timer.due_at <= now and (timer.kind == WAKE) is sagas
        )

    # -- set aside

    def park(self, rows: Sequence[Parked]) -> None:
        """Each message once as long as it waits; a place of Kafka that another record had is not written down."""
        waiting = {aside.name for aside in self.parked if aside.state == "PARKED" and aside.record.message_id}
        places = {(aside.record.source, aside.record.offset): aside.name for aside in self.parked}
        for row in rows:
            new = Aside(row)
            if row.message_id and new.name in waiting:
                continue
            before = places.get((row.source, row.offset))
            if before == new.name:
                continue
            waiting.add(new.name)
            self.parked.append(new if before is None else Aside(_without_place(row)))
            places.setdefault((row.source, row.offset), new.name)

    def resolve(self, number: int, state: str) -> bool:
        """A person's word counts once; to a notice that could be read it is the answer, if it is given up."""
        aside = self.parked[number]
        if aside.state != "PARKED":
            return False
        self.parked[number] = aside._replace(state=state)
        record = aside.record
        told = {name for name, _ in record.headers}
        notice = record.message_id and record.reason in READABLE and "ce_replyto" in told and "ce_saga" not in told
        if state == "DISCARDED" and notice:
            self.keep(refused(record.message_id, GIVEN_UP))
        return True

    def lines(self) -> dict[str, int]:
        """The first that waits of each key, by its place."""
        found: dict[str, int] = {}
        for number, aside in enumerate(self.parked):
            if aside.state == "PARKED" and aside.record.key and aside.record.reason != "UNDELIVERABLE":
                found.setdefault(aside.record.key, number)
        return found

    # -- offsets

    def start(self, ends: Mapping[int, tuple[int, int]], epoch: str) -> dict[int, Beginning]:
        """Where to begin, as far as Kafka still has it."""
        begun = {}
        for partition, (first, end) in ends.items():
            offset, seen, waiting = self.consumed.get(partition, (first, epoch, None))
            begun[partition] = Beginning(first, first)
            if seen == epoch and first <= offset <= end:
                oldest = min(offset, offset if waiting is None else waiting)
                begun[partition] = Beginning(max(first, oldest, offset - READ_AGAIN_MAX), offset)
            self.consumed[partition] = (begun[partition].consumed, epoch, waiting)
        return begun

    def move_on(self, offsets: Mapping[int, int], waiting: Mapping[int, int]) -> None:
        """Consumed up to there."""
        for partition, offset in offsets.items():
            if partition in self.consumed:
                self.consumed[partition] = (offset, self.consumed[partition][1], waiting.get(partition))

    # -- lanes and what they sent

    def gain(self, lane: str, partitions: Iterable[int]) -> list[int]:
        """Those that nobody else holds."""
        return sorted(p for p in partitions if self.held.setdefault(p, lane) == lane)

    def let_go(self, lane: str, partitions: Iterable[int]) -> None:
        """Free for others."""
        for partition in partitions:
            if self.held.get(partition) == lane:
                del self.held[partition]

    def clear(self, done: Iterable[tuple[int, int]], floors: Mapping[int, int]) -> None:
        """Exactly these rows."""
        for lane, seq in done:
            self.outbox.get(lane, {}).pop(seq, None)
        for lane, floor in floors.items():
            if lane in self.cleared:
                self.cleared[lane] = max(self.cleared[lane], floor)

    def leftovers(self, lane: int, limit: int, after: int, but: Sequence[int]) -> list[int]:
        """The first that are left, in their order."""
        return sorted(seq for seq in self.outbox.get(lane, {}) if seq > after and seq not in but)[:limit]

    def forget(self) -> None:
        """Dead lanes that left nothing beyond what is cleared are struck off."""
        for lane, floor in list(self.cleared.items()):
            if lane not in self.alive and all(seq <= floor for seq in self.outbox.get(lane, {})):
                del self.cleared[lane]


def _without_place(row: Parked) -> Parked:
    return Parked(
        source=row.source, partition=row.partition, offset=LAST, key=row.key, message_id=row.message_id,
        headers=row.headers, payload=row.payload, reason=row.reason, detail=row.detail,
    )
