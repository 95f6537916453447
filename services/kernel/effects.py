"""What the messages of one transaction cause, in domain values: to be stored,
to be sent in this order, to be answered."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from services.kernel.decision import Aggregate, Busy, Command, Decision, Done, Event, Missing, Refused, Timer
from services.kernel.journal import Journal
from services.kernel.messages import Message, Op
from services.kernel.saga import Reply, Verdict

TimerKey = tuple[str, str]
"""Kind and key of a timer."""


class Arrival(Protocol):
    """A message on its way to a decision.

    `body_hash` says whether two requests of one id are the same. `place_in_line` is set if a record brought it: where
    it stands among those of its key. `fault` says why it could not even be read; if it is a `SettlementError`, what the
    message is refused for, because what was decided could not be stored.
    """

    @property
    def message(self) -> Message: ...
    @property
    def body_hash(self) -> bytes | None: ...
    @property
    def place_in_line(self) -> int | None: ...
    @property
    def fault(self) -> Exception | None: ...


A = TypeVar("A", bound=Arrival)


@dataclass(slots=True, eq=False)
class Arrived:
    """The plainest `Arrival`."""

    message: Message
    body_hash: bytes | None = None
    place_in_line: int | None = None
    fault: Exception | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a message, for all its repeats too: of a call, or (`op`) of one operation of a saga's branch.

    A new one holds its outcome; one that was stored before holds `stored` as the runtime read it,
    and nothing here looks into it.
    """

    id: str
    verdict: Verdict
    outcome: Done | Refused | None = None
    body_hash: bytes | None = None
    op: Op | None = None
    stored: object = None


@dataclass(frozen=True, slots=True)
class PostedJournal:
    """A journal with its place: the root under whose lock it was posted, that root's version, and its ordinal there."""

    root: str
    root_version: int
    no: int
    journal: Journal
    saga_id: str
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class SentReply:
    """The answer to a command of a saga, for its coordinator."""

    to: Message
    answer: Answer

    @property
    def reply(self) -> Reply | None:
        """The answer as its coordinator reads it; None for one that was stored before, which is known as bytes."""
        saga, verdict, outcome = self.to.saga, self.answer.verdict, self.answer.outcome
        if saga is None or outcome is None:
            return None
        if isinstance(outcome, Refused):
            return Reply(saga.saga_id, saga.branch, saga.op, verdict, outcome.reason)
        return Reply(saga.saga_id, saga.branch, saga.op, verdict, moved=outcome.moved, result=outcome.result)


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command; the root gets the answer."""

    command: Command
    root: str


@dataclass(frozen=True, slots=True)
class SentEvent:
    """An event, to be kept and told."""

    event: Event
    saga_id: str
    cause: str = ""
    """The request or the notice that was decided so; a saga's message or a timer has no id of its own here."""


@dataclass(frozen=True, slots=True)
class SentAcknowledgement:
    """That a notice is here, for whoever sent it."""

    to: Message


Sent = SentReply | SentCommand | SentEvent | SentAcknowledgement


@dataclass(slots=True)
class Effects(Generic[A]):
    """Everything that the messages of a transaction cause. `sent` is in the order in which it has to leave.

    `dirty` are the changed rows, by kind and key; `found` the versions in which they were before the first change, and
    a row that has none there is new. `busy` met a claim and wait, in this order; `woken` waited before, and are
    decided; `passed_over` came too late to be decided; `let_go` are the keys whose claim ended here, without a new one
    that is known: who still waits for one of them may be decided. `records` are for the permanent record, in the order
    of the decisions, refusals among them.
    """

    answered: dict[str, Answer] = field(default_factory=dict)
    answers: list[tuple[A, Answer]] = field(default_factory=list)
    busy: list[tuple[A, Busy]] = field(default_factory=list)
    woken: list[A] = field(default_factory=list)
    let_go: set[str] = field(default_factory=set)
    faulty: list[tuple[A, Exception]] = field(default_factory=list)
    passed_over: list[A] = field(default_factory=list)
    dirty: dict[type, dict[str, Aggregate]] = field(default_factory=dict)
    found: dict[type, dict[str, int]] = field(default_factory=dict)
    journals: list[PostedJournal] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    timers: dict[TimerKey, Timer] = field(default_factory=dict)
    cleared: set[TimerKey] = field(default_factory=set)
    actions: list[object] = field(default_factory=list)
    records: list[object] = field(default_factory=list)

    def take(self, message: Message, decision: Decision, root_version: int, now: datetime) -> None:
        """Take all that a decision causes beside its rows and its answer; the last word about a timer counts."""
        saga_id = message.saga.saga_id if message.saga else ""
        for no, journal in enumerate(decision.journals):
            self.journals.append(PostedJournal(
                root=message.key, root_version=root_version, no=no, journal=journal, saga_id=saga_id,
                posted_at=now,
            ))
        for event in decision.events:
            self.sent.append(SentEvent(event, saga_id, message.id if message.saga is None else ""))
        for command in decision.commands:
            self.sent.append(SentCommand(command, message.key))
        for timer in decision.timers:
            self.timers[timer.kind, timer.key] = timer
            self.cleared.discard((timer.kind, timer.key))
        for key in decision.cleared:
            self.timers.pop(key, None)
            self.cleared.add(key)
        self.actions.extend(decision.actions)
        if decision.records:
            self.records.extend(decision.records)

    def refused(self) -> Iterator[Refused]:
        """The refusals that were decided here; what was stored before is none of them."""
        for _, answer in self.answers:
            if isinstance(answer.outcome, Refused):
                yield answer.outcome


@dataclass(slots=True)
class ToLoad:
    """What has to be known before it goes on: rows by kind, open children by kind and root, stored answers, and which
    timers are due; one that waited counts as due up to the instant to which it was moved."""

    rows: dict[type, set[str]] = field(default_factory=dict)
    families: dict[type, set[str]] = field(default_factory=dict)
    answers: set[str] = field(default_factory=set)
    timers: dict[TimerKey, datetime | None] = field(default_factory=dict)

    def add(self, more: Missing) -> None:
        """Take what a decision asks for."""
        for kind, key in more.rows:
            self.rows.setdefault(kind, set()).add(key)
        for kind, root in more.families:
            self.families.setdefault(kind, set()).add(root)
