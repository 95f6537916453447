"""One batch is one transaction: admit, load, decide, save (DESIGN 4, RELIABILITY 4.2).

The number of statements depends on which kinds of things the batch holds, never on how many messages.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.kernel.decision import Aggregate, Busy, Decision, Done, Known, Missing, Refused, Rule, Timer
from services.kernel.errors import AlreadyExists, Defect, SettlementError
from services.kernel.messages import Message, Op, TimerDue
from services.kernel.participant import IsBusy
from services.kernel.saga import Verdict
from services.runtime.ground.codec import Codec, Undecodable
from services.runtime.ground.records import Headers, Outbound, Outgoing, reply_payload
from services.runtime.ground.tables import Connection, Table
from services.runtime.stored import inbox, offsets, outbox, parked, timers
from services.runtime.stored import journals as books
from services.runtime.stored.inbox import Answered
from services.runtime.stored.timers import TimerKey

ROUNDS_MAX = 32
"""How often a batch may ask for more aggregates before that counts as a defect."""


RETRY_FAULTY_TIMER = timedelta(seconds=60)
"""When a timer whose decision failed is tried again."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stood, and the record as it came, for the case that it has to be parked."""

    topic: str
    partition: int
    offset: int
    headers: Headers
    payload: bytes


@dataclass(slots=True, eq=False)
class Item:
    """One message on its way through a lane.

    `answer` waits for it at the edge; `position` is set if Kafka brought it; `fault` if it could not even be read;
    `background` if settlements go before it.
    """

    message: Message
    answer: "asyncio.Future[Answered] | None" = None
    body_hash: bytes | None = None
    position: Position | None = None
    fault: Exception | None = None
    busy_count: int = 0
    expires_at: float = 0.0
    background: bool = False

    @property
    def timer(self) -> TimerDue | None:
        """The timer that it is, if it is one."""
        body = self.message.body
        return body if isinstance(body, TimerDue) else None


@dataclass(frozen=True, slots=True)
class Business:
    """What the lane needs to know of a service: its tables, its rules by body type and timer kind, its wire."""

    tables: Sequence[Table]
    rules: Mapping[type, Rule]
    timers: Mapping[str, Rule]
    codec: Codec
    outbound: Outbound
    partitions: int

    def rule_of(self, message: Message) -> Rule:
        """The rule for a message; a defect if the service decides no such thing."""
        body = message.body
        rule = self.timers.get(body.kind) if isinstance(body, TimerDue) else self.rules.get(type(body))
        if rule is None:
            raise Defect(f"no rule for {body!r}")
        return rule


@dataclass(slots=True)
class Effects:
    """Everything that the messages of a batch caused; the lane acts on it after the commit."""

    answered: dict[str, Answered] = field(default_factory=dict)
    answers: list[tuple[Item, Answered]] = field(default_factory=list)
    busy: list[Item] = field(default_factory=list)
    faulty: list[tuple[Item, Exception]] = field(default_factory=list)
    dirty: dict[type, dict[str, Aggregate]] = field(default_factory=dict)
    journals: list[books.PostedJournal] = field(default_factory=list)
    events: list[books.StoredEvent] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    timers: dict[TimerKey, Timer] = field(default_factory=dict)
    cleared: set[TimerKey] = field(default_factory=set)
    actions: list[object] = field(default_factory=list)


class Batch:
    """The items of one transaction. `run` inside it; `effects` after its commit. `parked_keys` are the lane's: what is set
    aside here is added to them."""

    def __init__(self, business: Business, items: Sequence[Item], now: datetime, parked_keys: dict[str, int] | None = None) -> None:
        self._business = business
        self._items = items
        self._parked_keys = {} if parked_keys is None else parked_keys
        self._now = now
        self._known = Known()
        self._stored: dict[str, Answered] = {}
        self._due: set[TimerKey] = set()
        self.effects = Effects()

    async def run(self, connection: Connection, lane_id: int, next_seq: int) -> None:
        """Load, decide and save; the caller begins and commits. Lock first, read after."""
        await self._load(connection)
        await self._decide(connection)
        await self._save(connection, lane_id, next_seq)

    # load ------------------------------------------------------------------------------------------------------------

    async def _load(self, connection: Connection) -> None:
        wanted: dict[type, set[str]] = {}
        ids: set[str] = set()
        for item in self._items:
            if item.fault is not None:
                continue
            for kind, key in self._business.rule_of(item.message).wants(item.message.body, item.message):
                wanted.setdefault(kind, set()).add(key)
            ids.update(inbox.rows_of(item.message))
        await self._load_rows(connection, wanted, roots=True)
        await self._load_rows(connection, wanted, roots=False)
        if ids:
            self._stored = await inbox.load(connection, ids)
        fired = [(timer.kind, timer.key) for item in self._items if (timer := item.timer)]
        if fired:
            self._due = await timers.still_due(connection, fired, self._now)

    async def _load_rows(self, connection: Connection, wanted: Mapping[type, set[str]], roots: bool) -> None:
        for table in self._business.tables:
            keys = wanted.get(table.kind)
            if keys and table.root is roots:
                asked = sorted(keys)
                rows = await table.load(connection, asked)
                self._known.load(table.kind, {row.key: row for row in rows}, asked)

    async def _load_more(self, connection: Connection, missing: Sequence[Missing]) -> None:
        rows: dict[type, set[str]] = {}
        families: dict[type, set[str]] = {}
        for more in missing:
            for kind, key in more.rows:
                rows.setdefault(kind, set()).add(key)
            for kind, root in more.families:
                families.setdefault(kind, set()).add(root)
        await self._load_rows(connection, rows, roots=True)
        await self._load_rows(connection, rows, roots=False)
        for table in self._business.tables:
            if table.kind in families and table.load_family:
                by_root: dict[str, list[Aggregate]] = {root: [] for root in families[table.kind]}
                for row in await table.load_family(connection, sorted(by_root)):
                    by_root[row.root].append(row)
                for root, members in by_root.items():
                    self._known.load_family(table.kind, root, members)

    # decide ----------------------------------------------------------------------------------------------------------

    async def _decide(self, connection: Connection) -> None:
        """Each on top of the last; a root whose message asks for more waits, the others go on, then all is loaded at once."""
        todo: Sequence[Item] = self._items
        for _ in range(ROUNDS_MAX):
            waiting: list[Item] = []
            held: set[str] = set()
            missing: list[Missing] = []
            for item in todo:
                if item.message.key in held:
                    waiting.append(item)
                    continue
                try:
                    self._admit(item)
                except Missing as more:
                    held.add(item.message.key)
                    waiting.append(item)
                    missing.append(more)
            if not waiting:
                return
            await self._load_more(connection, missing)
            todo = waiting
        raise Defect(f"a decision asks for more than {ROUNDS_MAX} rounds: {missing}")

    def _admit(self, item: Item) -> None:
        """Give duplicates the stored answer; decide what is fresh."""
        message = item.message
        if item.fault is not None or self._follows_parked(item):
            self._set_aside(item, item.fault or Undecodable("FOLLOWS_PARKED", message.key))
            return
        if (timer := item.timer) and (timer.kind, timer.key) not in self._due:
            return
        ids = inbox.rows_of(message)
        if not ids:
            self._decide_fresh(item, "")
            return
        before = self.effects.answered.get(ids[0]) or self._stored.get(ids[0])
        if before is not None:
            self._repeat(item, before)
        elif message.saga is not None and message.saga.op in (Op.CONFIRM, Op.CANCEL):
            self._second_phase(item, ids)
        else:
            self._decide_fresh(item, ids[0])

    def _second_phase(self, item: Item, ids: tuple[str, ...]) -> None:
        """CONFIRM and CANCEL look at what became of the TRY; a CANCEL that comes first leaves a tombstone (cases 3, 4, 7)."""
        own, tried_id = ids
        tried = self.effects.answered.get(tried_id) or self._stored.get(tried_id)
        if tried is not None and tried.verdict is Verdict.DONE:
            self._decide_fresh(item, own)
        elif item.message.saga is not None and item.message.saga.op is Op.CONFIRM:
            self._set_aside(item, Defect("UNKNOWN_TRY"))
        else:
            if tried is None:
                tombstone = reply_payload(Verdict.TOMBSTONED, "TOMBSTONED", "", (), ("", b""))
                self.effects.answered[tried_id] = Answered(tried_id, Verdict.TOMBSTONED, "", tombstone)
            self._answer_saga(item, own, Decision(Done()))

    def _repeat(self, item: Item, before: Answered) -> None:
        if item.message.saga is not None:
            self.effects.outgoing.append(self._business.outbound.reply(item.message, before.outcome, self._now))
        elif item.answer is not None:
            if before.body_hash == item.body_hash:
                self.effects.answers.append((item, before))
            else:
                reused = Refused.of(AlreadyExists("REQUEST_ID_REUSED", "this request_id was used with another body"))
                self.effects.answers.append((item, inbox.refused(item.message.id, reused)))

    def _decide_fresh(self, item: Item, own_id: str) -> None:
        message = item.message
        try:
            decision = self._business.rule_of(message).decide(self._known, message.body, message, self._now)
        except SettlementError as error:
            decision = Decision(Refused.of(error))
        except IsBusy as busy:
            decision = Decision(Busy(busy.holder))
        except Missing:
            raise
        except Exception as error:  # a defect in one message's decision must not stop the others; it is parked
            self._set_aside(item, error)
            return
        if isinstance(decision.outcome, Busy):
            self.effects.busy.append(item)
            return
        if isinstance(decision.outcome, Done):
            self._take(message, decision)
        self._settle_timer(item, decision)
        if message.saga is not None:
            self._answer_saga(item, own_id, decision)
        elif own_id:
            self._answer_call(item, own_id, decision)

    def _follows_parked(self, item: Item) -> bool:
        """Whether a message of its key that came before it is set aside; one that is retried stands where it stood."""
        first = self._parked_keys.get(item.message.key)
        return item.position is not None and first is not None and parked.place(item.position.headers) > first

    def _set_aside(self, item: Item, error: Exception) -> None:
        """A record is parked with its followers, and its coordinator told; a timer is tried later; a caller gets the fault."""
        self.effects.faulty.append((item, error))
        message = item.message
        if (timer := item.timer) is not None:
            later = Timer(timer.kind, timer.key, message.key, self._now + RETRY_FAULTY_TIMER)
            self.effects.timers[timer.kind, timer.key] = later
        elif item.position is not None:
            if message.key:
                self._parked_keys[message.key] = parked.FIRST
            if message.saga is not None:
                payload = reply_payload(Verdict.PARKED, "PARKED", "", (), ("", b""))
                self.effects.outgoing.append(self._business.outbound.reply(message, payload, self._now))

    def _settle_timer(self, item: Item, decision: Decision) -> None:
        timer = item.timer
        if timer is not None and all((t.kind, t.key) != (timer.kind, timer.key) for t in decision.timers):
            self.effects.cleared.add((timer.kind, timer.key))
            self.effects.timers.pop((timer.kind, timer.key), None)

    def _answer_saga(self, item: Item, own_id: str, decision: Decision) -> None:
        outcome = decision.outcome
        if isinstance(outcome, Done):
            verdict = Verdict.DONE
            payload = reply_payload(verdict, "", "", outcome.moved, self._business.codec.encode(outcome.result))
        else:
            assert isinstance(outcome, Refused)
            verdict = Verdict.REFUSED
            payload = reply_payload(verdict, outcome.reason, outcome.detail, (), ("", b""))
        self.effects.answered[own_id] = Answered(own_id, verdict, "", payload)
        self.effects.outgoing.append(self._business.outbound.reply(item.message, payload, self._now))

    def _answer_call(self, item: Item, own_id: str, decision: Decision) -> None:
        outcome = decision.outcome
        if isinstance(outcome, Refused):
            answered = inbox.refused(own_id, outcome, item.body_hash)
        else:
            assert isinstance(outcome, Done)
            type_name, payload = self._business.codec.encode(outcome.result)
            answered = Answered(own_id, Verdict.DONE, type_name, payload, item.body_hash)
        self.effects.answered[own_id] = answered
        if item.answer is not None:
            self.effects.answers.append((item, answered))

    def _take(self, message: Message, decision: Decision) -> None:
        """Take a decision into the view and the effects; the laws of every decision are asserted here, in production too."""
        root_version = 0
        for row in decision.changes:
            before = self._known.find(type(row), row.key) if self._known.has(type(row), row.key) else None
            if before is not None and row.version - before.version not in (0, 1):
                raise Defect(f"{row.key}: version {before.version} -> {row.version}")
            if row.key == message.key:
                root_version = row.version
            self._known.put(row)
            self.effects.dirty.setdefault(type(row), {})[row.key] = row
        self._take_facts(message, decision, root_version)
        for command in decision.commands:
            self.effects.outgoing.append(self._business.outbound.command(command, message.key, self._now))
        for timer in decision.timers:
            self.effects.timers[timer.kind, timer.key] = timer
            self.effects.cleared.discard((timer.kind, timer.key))
        for key in decision.cleared:
            self.effects.timers.pop(key, None)
            self.effects.cleared.add(key)
        self.effects.actions.extend(decision.actions)

    def _take_facts(self, message: Message, decision: Decision, root_version: int) -> None:
        saga_id = message.saga.saga_id if message.saga else ""
        if decision.journals and not root_version:
            raise Defect(f"{message.id}: journals without a new version of {message.key}")
        self.effects.journals += [
            books.PostedJournal(message.key, root_version, no, journal, saga_id, self._now)
            for no, journal in enumerate(decision.journals)
        ]
        for event in decision.events:
            type_name, payload = self._business.codec.encode(event.body)
            stored = books.StoredEvent(event.aggregate_id, event.sequence, type_name, self._now, saga_id, payload)
            self.effects.events.append(stored)
            self.effects.outgoing.append(self._business.outbound.event(event, type_name, payload, self._now))

    # save ------------------------------------------------------------------------------------------------------------

    async def _save(self, connection: Connection, lane_id: int, next_seq: int) -> None:
        effects = self.effects
        for table in self._business.tables:
            rows = effects.dirty.get(table.kind)
            if rows:
                await table.save(connection, [rows[key] for key in sorted(rows)])
        if effects.answered:
            await inbox.save(connection, effects.answered, self._now)
        if effects.journals:
            await books.save_journals(connection, effects.journals)
        if effects.events:
            await books.save_events(connection, effects.events)
        if rows_aside := [_parked(item, error) for item, error in effects.faulty if item.position]:
            await parked.save(connection, rows_aside, self._now)
        if effects.timers or effects.cleared:
            await timers.save(connection, effects.timers.values(), effects.cleared, self._business.partitions)
        if effects.outgoing:
            await outbox.save(connection, lane_id, next_seq, effects.outgoing)


def _parked(item: Item, error: Exception) -> parked.Parked:
    at = item.position
    assert at is not None
    reason = error.reason if isinstance(error, Undecodable) else "DEFECT"
    return parked.Parked(
        at.topic, at.partition, at.offset, item.message.key, item.message.id, at.headers, at.payload, reason,
        f"{type(error).__name__}: {error}",
    )


async def lock_positions(connection: Connection, topic: str, items: Sequence[Item]) -> list[Item]:
    """The items that nobody consumed yet, their offset rows locked; a gap says that this lane is not the reader any more."""
    partitions = {item.position.partition for item in items if item.position}
    if not partitions:
        return list(items)
    reached = await offsets.lock(connection, topic, partitions)
    return [item for item in items if item.position is None or item.position.offset >= reached[item.position.partition]]


def next_offsets(items: Iterable[Item]) -> dict[int, int]:
    """Where each partition stands after these items."""
    reached: dict[int, int] = {}
    for item in items:
        if item.position is not None:
            reached[item.position.partition] = max(reached.get(item.position.partition, 0), item.position.offset + 1)
    return reached
