"""A service in memory: its real rules under the kernel's real admission, over rows, answers and timers in dictionaries.

One world is one service; `tests.coupled` couples several. A decider test reads as given, when, then:

    InMemory(RULES, TIMERS).given(order).when("ord_1", CancelOrder("ord_1")).then_told(OrderCancelled("ord_1"))

After emmett's decider specification; here the past is rows, for rows are what our rules look at.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from services.kernel.admission import Admission
from services.kernel.decision import Aggregate, Busy, Command, Done, Event, Outcome, Refused, Rule, Timer
from services.kernel.effects import (
    Answer,
    Arrived,
    Effects,
    PostedJournal,
    SentAcknowledgement,
    SentCommand,
    SentEvent,
    SentReply,
    TimerKey,
    ToLoad,
)
from services.kernel.errors import BY_STATUS, Defect
from services.kernel.journal import Journal, Unit
from services.kernel.messages import Message, Op, SagaRef, TimerDue
from services.kernel.saga import Reply
from settle.simulation.views import VIEWS
from tests.lifecycles import witness
from tests.written_once import stays_as_written

R = TypeVar("R", bound=Aggregate)
Rows = dict[tuple[type, str], Aggregate]
NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)
FIRED_MAX = 10_000
NOBODY: Mapping[str, Sequence[Arrived]] = {}


@dataclass(frozen=True, slots=True)
class Step:
    """What one message caused. A message that nobody is answered for is `Done`, whatever became of it."""

    outcome: Outcome
    changes: tuple[Aggregate, ...] = ()
    journals: tuple[Journal, ...] = ()
    events: tuple[Event, ...] = ()
    commands: tuple[Command, ...] = ()
    actions: tuple[object, ...] = ()

    @property
    def result(self) -> Any:  # Any: as many types as there are bodies
        """What the caller is answered; a refusal raises its error, BUSY an assertion."""
        if isinstance(self.outcome, Refused):
            raise BY_STATUS[self.outcome.status](self.outcome.reason, self.outcome.detail, dict(self.outcome.metadata))
        assert isinstance(self.outcome, Done), self.outcome
        return self.outcome.result

    @property
    def reason(self) -> str:
        """Why it was refused, or BUSY; "" if it was done."""
        if isinstance(self.outcome, Refused):
            return self.outcome.reason
        return "BUSY" if isinstance(self.outcome, Busy) else ""

    def then(self, *changes: Aggregate) -> Self:
        """It was done, and these rows are what it changed, in any order."""
        assert isinstance(self.outcome, Done), self.outcome
        assert sorted(self.changes, key=_place) == sorted(changes, key=_place)
        return self

    def then_told(self, *facts: object) -> Self:
        """It was done, and these are the facts that it told, in this order."""
        assert isinstance(self.outcome, Done), self.outcome
        assert tuple(event.body for event in self.events) == facts
        return self

    def then_asked(self, *asked: tuple[str, Op]) -> Self:
        """It was done, and these participants were asked for these operations, in this order."""
        assert isinstance(self.outcome, Done), self.outcome
        assert tuple((command.participant, command.saga.op) for command in self.commands if command.saga) == asked
        return self

    def then_nothing(self) -> Self:
        """It was done, and nothing came of it."""
        return self.then().then_told().then_asked()

    def then_refused(self, reason: str) -> Self:
        """It was refused for this reason (BUSY among them), and nothing came of it."""
        assert self.reason == reason, self.outcome
        assert (self.changes, self.journals, self.events, self.commands, self.actions) == ((), (), (), (), ())
        return self


@dataclass
class InMemory:
    """One service. `when` decides a call, `command` a command of a saga, `reply` a participant's answer, `tell` any
    other message; `turn` moves the clock. What it sends waits in `sent`, `replies` and `acknowledged`.

    `name` is the service's. `check` is asked about every row before it is kept: what was there, and what comes;
    `explained` about the journals of every message that comes alone: its body, the rows and the journals. Every move of
    a row is one of its table (`tests.lifecycles`), and what is written once stays (`tests.written_once`).
    """

    rules: Mapping[type, Rule]
    timer_rules: Mapping[str, Rule] = field(default_factory=dict)
    name: str = "service"
    now: datetime = NOW
    check: Callable[[Aggregate | None, Aggregate], None] = lambda before, after: None
    explained: Callable[[object, Sequence[Aggregate], Sequence[PostedJournal]], None] = lambda body, rows, posted: None
    rows: Rows = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    timers: dict[TimerKey, Timer] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    sent: list[Command] = field(default_factory=list)
    replies: list[tuple[str, Reply]] = field(default_factory=list)
    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    told_at: list[datetime] = field(default_factory=list)
    journals: list[Journal] = field(default_factory=list)
    balances: Counter[tuple[Unit, str, str]] = field(default_factory=Counter)
    actions: list[object] = field(default_factory=list)
    records: list[object] = field(default_factory=list)
    messages: int = 0
    stopped: frozenset[str] = frozenset()
    """What operators have stopped."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """The limits that settings give."""
    _sequences: dict[str, int] = field(default_factory=dict)

    # -- given

    def given(self, *rows: Aggregate) -> Self:
        """These rows are stored."""
        self.rows.update({(type(row), row.key): row for row in rows})
        return self

    def find(self, kind: type[R], key: str) -> R | None:
        """The row, if there is one."""
        return self.rows.get((kind, key))  # type: ignore[return-value]  # rows are filed under their own type

    def row(self, kind: type[R], key: str) -> R:
        """The row, which is there."""
        return self.rows[kind, key]  # type: ignore[return-value]  # rows are filed under their own type

    def family(self, kind: type[R], root: str) -> list[R]:
        """All rows of a kind under a root, by key, open or not."""
        found = [row for (of, _), row in self.rows.items() if of is kind and row.root == root]
        return sorted(found, key=lambda row: row.key)  # type: ignore[arg-type]  # as above

    # -- when

    def when(self, key: str, body: object, request_id: str = "", body_hash: bytes | None = None) -> Step:
        """Decide a call."""
        number = self._next()
        message = Message(request_id or f"request-{number}", key, body, f"{number:032x}")
        return self.step(Arrived(message, body_hash))

    def command(
        self, key: str, body: object, op: Op = Op.EXECUTE, saga_id: str = "", *, branch: str = "", caller: str = "",
        not_after: datetime | None = None,
    ) -> Step:
        """Decide a command of a saga; without an id, of a new one."""
        number = self._next()
        saga = SagaRef(saga_id or f"saga_{number}", branch or self.name, op)
        message_id = f"{saga.saga_id}/{saga.branch}/{op}"
        return self.step(Arrived(Message(
            message_id, key, body, message_id, saga=saga, caller=caller or "coordinator/root", not_after=not_after
        )))

    def reply(self, root: str, body: Reply) -> Step:
        """Decide what a participant answered."""
        return self.tell(root, body)

    def tell(self, key: str, body: object, message_id: str = "", caller: str = "") -> Step:
        """Decide a message that nobody waits for: a notice (with an id, and who sent it), a report of our own."""
        fresh_id = message_id or f"told-{self._next()}"
        return self.step(Arrived(Message(message_id, key, body, fresh_id, caller=caller)))

    def turn(self, by: timedelta) -> None:
        """Move the clock and fire what is due."""
        self.now += by
        self.fire()

    def fire(self) -> None:
        """Fire what is due, the earliest first, until nothing is; what meets a claim moves forward by itself."""
        for _ in range(FIRED_MAX):
            due = [timer for timer in self.timers.values() if timer.due_at <= self.now]
            if not due:
                return
            self.ring(min(due, key=lambda each: (each.due_at, each.kind, each.key)))
        raise Defect("timers without an end")

    def ring(self, timer: Timer) -> None:
        """Fire one of them."""
        body = TimerDue(timer.kind, timer.key, timer.due_at)
        fresh_id = f"{timer.kind}/{timer.key}/{timer.due_at.timestamp()}"
        self.step(Arrived(Message("", timer.root, body, fresh_id)))

    def step(self, arrived: Arrived) -> Step:
        """Decide one message; a fault is raised, and nothing of it kept."""
        effects = self._decided([arrived])
        for _, error in effects.faulty:
            raise error
        self.explained(
            arrived.message.body, [row for rows in effects.dirty.values() for row in rows.values()], effects.journals
        )
        self._keep(effects)
        return Step(
            _outcome(effects), tuple(row for rows in effects.dirty.values() for row in rows.values()),
            tuple(posted.journal for posted in effects.journals),
            tuple(sent.event for sent in effects.sent if isinstance(sent, SentEvent)),
            tuple(sent.command for sent in effects.sent if isinstance(sent, SentCommand)), tuple(effects.actions),
        )

    def admit(
        self, *arrived: Arrived, waiting: Mapping[str, Sequence[Arrived]] | None = None, awake: Sequence[str] = ()
    ) -> Effects[Arrived]:
        """Decide these messages in one transaction, as a lane does: faults are set aside, and told. Those `waiting`
        met a claim before, by root; the first of each root that is `awake` is decided in any case."""
        effects = self._decided(arrived, waiting or {}, awake)
        self._keep(effects)
        return effects

    def _next(self) -> int:
        self.messages += 1
        return self.messages

    # -- what a lane does with tables, done with dictionaries

    def _decided(
        self, arrived: Sequence[Arrived], waiting: Mapping[str, Sequence[Arrived]] = NOBODY, awake: Sequence[str] = ()
    ) -> Effects[Arrived]:
        admission: Admission[Arrived] = Admission(self.rules, self.timer_rules, self.lines)
        admission.now, admission.known.stopped = self.now, self.stopped
        admission.known.limits = self.limits
        for wanted in admission.rounds(arrived, waiting=waiting, awake=awake):
            self._load(admission, wanted)
        return admission.effects

    def _load(self, admission: Admission[Arrived], wanted: ToLoad) -> None:
        for kind, keys in wanted.rows.items():
            found = {key: self._stored(kind, key) for key in keys}
            admission.known.load(kind, {key: row for key, row in found.items() if row is not None}, keys)
        for kind, roots in wanted.families.items():
            for root in roots:
                members = [row for (of, _), row in self.rows.items() if of is kind and row.root == root]
                admission.known.load_family(kind, root, [row for row in members if getattr(row, "open", True)])
        admission.stored.update({key: self.answers[key] for key in wanted.answers if key in self.answers})
        for key, at in wanted.timers.items():
            if key in self.timers and self.timers[key].due_at <= max(self.now, at or self.now):
                admission.due.add(key)

    def _stored(self, kind: type, key: str) -> Aggregate | None:
        """The row; of a kind that is only read, what it shows of the others."""
        given = self.rows.get((kind, key))
        return VIEWS[kind](self.find, key) if given is None and kind in VIEWS else given

    def _keep(self, effects: Effects[Arrived]) -> None:
        for rows in effects.dirty.values():
            for row in rows.values():
                before = self.rows.get((type(row), row.key))
                witness(before, row)
                stays_as_written(before, row)
                self.check(before, row)
                self.rows[type(row), row.key] = row
        self.answers.update(effects.answered)
        for posted in effects.journals:
            self.journals.append(posted.journal)
            for line in posted.journal.lines:
                self.balances[posted.journal.unit, line.account, line.sub] += line.amount_minor
        for sent in effects.sent:
            if isinstance(sent, SentCommand):
                self.sent.append(sent.command)
            elif isinstance(sent, SentReply):
                reply = sent.reply
                assert reply is not None, sent
                self.replies.append((sent.to.caller, reply))
            elif isinstance(sent, SentAcknowledgement):
                self.acknowledged.append((sent.to.caller, sent.to.id))
            else:
                self._tell(sent.event)
        for key in effects.cleared:
            self.timers.pop(key, None)
        self.timers.update(effects.timers)
        self.actions += effects.actions
        self.records += effects.records

    def _tell(self, event: Event) -> None:
        """Events of an aggregate have no gap."""
        last = self._sequences.get(event.aggregate_id, event.sequence - 1)
        assert event.sequence == last + 1, f"{event} after {last}"
        self._sequences[event.aggregate_id] = event.sequence
        self.events.append(event)
        self.told_at.append(self.now)


def _outcome(effects: Effects[Arrived]) -> Outcome:
    if effects.busy:
        return effects.busy[0][1]
    told = [answer for _, answer in effects.answers]
    told += [sent.answer for sent in effects.sent if isinstance(sent, SentReply)]
    return told[0].outcome or Done() if told else Done()


def _place(row: Aggregate) -> tuple[str, str]:
    return type(row).__name__, row.key
