"""What a lane decides, a batch in one transaction: who goes together, what becomes of them if it fails, and what is
told once it is committed.

A transaction that fails for its data is halved until the item that fails it is alone, and set aside; one that may pass
is tried again; one whose connection is gone ends the session, and nothing of it was committed.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain

import asyncpg
import structlog

from services.kernel.decision import Known
from services.kernel.effects import Effects
from services.kernel.errors import Internal, Undecodable, Untrusted
from services.runtime.ground import metrics
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import IDLE_IN_TRANSACTION_SECONDS, Fault, Phase, commit_outcome, fault_of
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Overtaken
from services.runtime.kafka.publisher import Publisher
from services.runtime.lanes.aside import Aside, waited_out
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.faults import DataFault, SessionLost, TransientFault
from services.runtime.lanes.item import Item, lock_records, may_win, without
from services.runtime.lanes.pace import Pace
from services.runtime.lanes.queues import Queues
from services.runtime.lanes.session import Session
from services.runtime.lanes.suspects import Suspects
from services.runtime.lanes.tracing import about, trace_batch
from services.runtime.lanes.waiting import NOBODY, Aboard, Waiting, apart
from services.runtime.stored import parked

COLLISIONS = (asyncpg.UniqueViolationError, Overtaken)
"""Another lane was first: it decided the same message, made the same root, or changed what this one had found."""
SLOW_SECONDS = IDLE_IN_TRANSACTION_SECONDS / 2
"""A decision that took so long may have cost the session by itself."""
CROWDED_MESSAGES_MAX = 128
"""So many messages a batch holds while callers are refused: who comes is seen between two, and waits for one."""

log = structlog.get_logger(__name__)


class Deciding:
    """The decisions of one lane, across its sessions, of what is `take`n from its queues. `on_effects` is called after
    each commit, and for nothing else.
    """

    def __init__(
        self, business: Business, settings: Settings, clock: Clock, *, topic: str, queues: Queues,
        publisher: Publisher, on_effects: Callable[[Effects[Item], Known], None],
    ) -> None:
        self._business = business
        self._settings = settings
        self._clock = clock
        self._topic = topic
        self._queues = queues
        self._publisher = publisher
        self._on_effects = on_effects
        self.waiting = Waiting(time.monotonic)
        self._parked_keys: dict[str, int] = {}
        self._pace = Pace(settings.deciding_ms_max / 1000, settings.batch_messages_max)
        self._suspects = Suspects()
        self._crowded_out = self._within = False
        self._aside = Aside(topic, clock, self._commit, self._set_aside, business.chain_key)

    async def see_parked(self, connection: Connection) -> None:
        """See which keys are parked: what comes for them is parked behind."""
        self._parked_keys = await parked.keys(connection)

    def take(self, *, crowded: bool) -> list[Item]:
        """What goes into the next transaction; few while callers are refused: nobody is heard while it is decided."""
        taken = self._queues.take(min(self._pace.most, CROWDED_MESSAGES_MAX) if crowded else self._pace.most)
        chosen = self._suspects.choose(taken)
        if len(chosen) < len(taken):
            self._queues.give_back(without(taken, chosen))
        return chosen

    async def decide(self, session: Session, items: list[Item]) -> None:
        """One transaction for all; if the data of one item fails it, halves of it, until that one is alone and set
        aside. What a transaction leaves undecided waits, and with it all that came after. Suspects go without those who
        wait for a claim, who are company too, and so do items that these left no room for."""
        todo = deque([items])
        alone, self._crowded_out = self._crowded_out or self._suspects.among(items), False
        self._within = not alone
        waiting = NOBODY if alone and items else self.waiting.aboard(items)
        while todo:
            part = todo.popleft()
            aboard, waiting = waiting, NOBODY
            try:
                left = await self._attempt(session, part, aboard)
            except (DataFault, TransientFault) as fault:
                log.info("batch_halved", error=str(fault), messages=len(part) + len(aboard.items))
                todo.extendleft(reversed(apart(part, aboard)))
                continue
            except BaseException as error:
                self._interrupted(error, [*aboard.items, *part], chain.from_iterable(todo))
                raise
            metrics.BATCHES.inc()
            metrics.MESSAGES.inc(len(part) - len(left))
            metrics.BATCH_MESSAGES.observe(len(part) - len(left))
            if left:
                metrics.BATCHES_CUT.inc()
                self._crowded_out = bool(aboard) and len(left) == len(part)
                undecided = [*left, *chain.from_iterable(todo)]
                self._queues.give_back([item for item in undecided if item not in self.waiting])
                return

    def _interrupted(self, error: BaseException, under_way: Sequence[Item], later: Iterable[Item]) -> None:
        """Nobody of these waits any longer, and what nobody brings again goes back to the queues: in the next session
        who waited for a claim is as suspect as all others that were under way."""
        if isinstance(error, SessionLost):
            slow = self._pace.slowest if self._pace.slowest_seconds > SLOW_SECONDS else None
            self._suspects.lost(under_way, slow)
        undecided = dict.fromkeys((*under_way, *later))
        self.waiting.leave(undecided)
        self._queues.give_back([item for item in undecided if item.lasts])

    async def _attempt(self, session: Session, part: list[Item], aboard: Aboard) -> Sequence[Item]:
        """Decide these in one transaction and answer what was left. A single one is decided or set aside, whatever it
        takes; for several, those aboard among them, the fault is raised. What they say to the service itself is decided
        with them until something fails: then it is sent, so that what fails is found by itself."""
        fault: Exception | None = self._suspects.verdict(part[0]) if len(part) == 1 and not aboard else None
        while fault is None:
            try:
                return await self._commit(session, part, aboard)
            except (DataFault, TransientFault) as failure:
                passes = await waited_out((part or aboard.items)[0], failure)
                passes, self._within = passes or self._within, False
                if aboard or len(part) > 1:
                    raise
                fault = None if passes else failure
        await self._aside.set_aside(session, part[0], fault)
        return ()

    async def _commit(self, session: Session, items: list[Item], aboard: Aboard = NOBODY) -> Sequence[Item]:
        connection, began = session.connection, time.perf_counter()
        transaction = connection.transaction()
        xid: str | None = None
        batch = Batch(self._business, [], self._clock)
        self._pace.begin()
        try:
            await transaction.start()
            fresh = await lock_records(connection, self._topic, items)
            if any(item.message.key in self._parked_keys for item in fresh):  # a person may have resolved it since
                await self.see_parked(connection)
            batch = Batch(
                self._business, fresh, self._clock, self._parked_keys, pace=self._pace, aboard=aboard,
                held=session.held if self._within else (),
            )
            await batch.run(connection)
            oldest = self.waiting.oldest(item for item, _ in batch.effects.busy)
            xid = await batch.save(connection, self._topic, session.outlet, oldest)
        except Exception as error:
            self._pace.decided(batch.count)
            await self._fail(connection, transaction, error, items or aboard.items)
        try:
            await transaction.commit()
        except Exception as error:
            await self._resolve_commit(
                session, xid, error, lambda: self._committed(session, batch, time.perf_counter() - began)
            )
        self._committed(session, batch, time.perf_counter() - began)
        return batch.left

    async def _fail(
        self, connection: Connection, transaction: asyncpg.transaction.Transaction, error: Exception,
        items: Sequence[Item],
    ) -> None:
        """Nothing was committed: say what kind of fault it was."""
        fault = fault_of(error)
        if fault is Fault.LOST or connection.is_closed():
            raise SessionLost(repr(error)) from error
        with suppress(Exception):  # a rollback that fails shows itself in the next statement
            await transaction.rollback()
        if connection.is_closed():
            raise SessionLost(repr(error)) from error
        if isinstance(error, COLLISIONS) and may_win(items):
            raise TransientFault(repr(error)) from error
        raise (TransientFault if fault is Fault.TRANSIENT else DataFault)(repr(error)) from error

    async def _resolve_commit(
        self, session: Session, xid: str | None, error: Exception, committed: Callable[[], None]
    ) -> None:
        """An error on commit means unknown, unless PostgreSQL itself refused: ask it on a new connection."""
        fault = fault_of(error, Phase.COMMIT)
        if fault is Fault.DATA or fault is Fault.TRANSIENT:
            raise (DataFault if fault is Fault.DATA else TransientFault)(repr(error)) from error
        metrics.COMMITS_UNKNOWN.inc()
        log.warning("commit_unknown", xid=xid, error=repr(error))
        known = xid is not None and await commit_outcome(self._settings, xid, session.life)
        metrics.COMMITS_RESOLVED.labels("committed" if known else "not committed").inc()
        if known:
            committed()
        raise SessionLost(repr(error)) from error

    def _committed(self, session: Session, batch: Batch, seconds: float) -> None:
        effects, encoded = batch.effects, batch.encoded
        self._pace.decided(batch.count)
        self._suspects.cleared(batch.decided)
        session.spoke_at = time.monotonic()
        metrics.BATCH_SECONDS.observe(seconds)
        if encoded.outgoing:
            session.outlet.next_seq += len(encoded.outgoing)
            self._publisher.put(session.lane_id, session.outlet.next_seq - 1, encoded.outgoing, batch.earlier)
        for item, answered in encoded.answers:
            if item.answer is not None and not item.answer.done():
                item.answer.set_result(answered)
        for refused in effects.refused():
            metrics.REFUSED.labels(refused.reason).inc()
        for item, error in effects.faulty:
            self._report(item, error)
        for item in effects.passed_over:
            metrics.PASSED_OVER.inc()
            log.warning("passed_over", **about(item), sent_at=item.message.sent_at)
        if self._business.tracer.on:
            trace_batch(self._business.tracer, [*batch.decided, *effects.woken, *batch.within], effects, seconds)
        self.waiting.settle(batch.decided, batch.aboard, effects, batch.now)
        self._on_effects(effects, batch.known)

    def _report(self, item: Item, error: Exception) -> None:
        metrics.PARKED.inc()
        log.error(
            "message_set_aside", **about(item), error=repr(error),
            exc_info=None if isinstance(error, Undecodable) else error,
        )
        if item.answer is not None and not item.answer.done():
            correlation = {"correlation_id": item.message.fresh_id}
            item.answer.set_exception(Internal("INTERNAL", "the request could not be decided", correlation))

    def _set_aside(self, item: Item, error: Exception) -> None:
        """It is kept where a person finds it: who waits for it is told, and what follows it waits behind it."""
        self._report(item, error)
        self._suspects.cleared([item])
        self.waiting.leave([item])
        if item.record is not None and item.message.key and not isinstance(error, Untrusted):
            self._parked_keys[item.message.key] = parked.FIRST
