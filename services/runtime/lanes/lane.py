"""A lane: one loop on one connection. It gathers, decides a batch in one transaction, answers and publishes (DESIGN 4).

A session lasts as long as its connection: the connection holds the locks of the partitions, so losing it is losing
them, and the next session begins with a new connection, new locks and the offsets that PostgreSQL knows.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import structlog

from services.kernel.effects import Effects
from services.kernel.errors import Internal, Unavailable
from services.kernel.messages import TimerDue
from services.runtime.ground import metrics
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import (
    CONNECTION_ERRORS,
    Fault,
    Phase,
    commit_outcome,
    connect_lane,
    fault_of,
    server_life,
    unstorable,
)
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.kafka.publisher import Publisher
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.feed import Feed
from services.runtime.lanes.item import Item, lock_records
from services.runtime.lanes.queues import Queues
from services.runtime.stored import leases, offsets, parked

BUSY_RETRY_SECONDS = 0.02
BUSY_COUNT_MAX = 200
"""A busy message is tried again with growing jitter; after this many tries its sender has to send it again."""
LEASE_SECONDS = 1.0
"""How often a lane asks for partitions that nobody holds."""
KEEPALIVE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class SessionLost(Exception):
    """The connection, and with it the partitions, is gone; nothing of the batch under way was committed."""


@dataclass(slots=True)
class Session:
    """One connection's life: its lane id, its outbox numbers, and its partitions."""

    connection: Connection
    life: str
    lane_id: int
    feed: Feed
    next_seq: int = 1
    held: set[int] = field(default_factory=set)
    leased_at: float = 0.0
    spoke_at: float = 0.0


class Lane:
    """The loop. Build it, `run` it in a task, add calls to its `queues`, `drain` it before the process ends."""

    def __init__(
        self, business: Business, settings: Settings, clock: Clock, topic: str, partitions: Sequence[int],
        feed: Callable[[Queues], Feed], publisher: Publisher, on_effects: Callable[[Effects[Item]], None],
    ) -> None:
        self._business = business
        self._settings = settings
        self._clock = clock
        self._topic = topic
        self._partitions = frozenset(partitions)
        self._new_feed = feed
        self._publisher = publisher
        self._on_effects = on_effects
        self.queues = Queues()
        self.session: Session | None = None
        self.in_flight = 0
        self._parked_keys: dict[str, int] = {}
        self._worked_at = 0.0
        self._collided = False

    async def drain(self, seconds: float) -> None:
        """Finish what is queued, publish it, then stop."""
        self.queues.wake.set()
        deadline = time.monotonic() + seconds
        while (self.queues.calls or self.in_flight) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await self._publisher.flush(max(deadline - time.monotonic(), 0.1))

    async def run(self) -> None:
        """Session after session, until cancelled."""
        wait = 0.05
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except (SessionLost, asyncpg.PostgresError, *CONNECTION_ERRORS) as error:
                if isinstance(error, asyncpg.PostgresError) and fault_of(error) is Fault.DATA:
                    raise
                log.warning("lane_session_lost", error=repr(error))
                metrics.SESSIONS_LOST.inc()
            self.queues.forget_fetched()
            wait = 0.05 if time.monotonic() - began > 5 else min(wait * 2, 2.0)
            await asyncio.sleep(wait * (0.5 + random.random()))

    # session ---------------------------------------------------------------------------------------------------------

    async def _session(self) -> None:
        connection = await connect_lane(self._settings)
        feed = self._new_feed(self.queues)
        try:
            await feed.start()
            lane_id = await leases.announce(connection)
            session = Session(connection, await server_life(connection), lane_id, feed)
            await self._housekeep(session)
            self.session = session
            await self._loop(session)
        finally:
            self.session = None
            await feed.stop()
            connection.terminate()

    async def _loop(self, session: Session) -> None:
        while True:
            if session.feed.failed is not None:
                raise SessionLost(f"the feed ended: {session.feed.failed!r}")
            if not self.queues:
                await self._rest(session)
                continue
            await self._gather()
            items = self.queues.take(self._settings.batch_messages_max)
            self.in_flight = len(items)
            try:
                await self._decide(session, items)
            finally:
                self.in_flight = 0
            await self._housekeep(session)

    async def _rest(self, session: Session) -> None:
        self.queues.wake.clear()
        if not self.queues:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.25):  # `wait_for` may swallow a cancellation that comes with the wake-up
                    await self.queues.wake.wait()
        await self._housekeep(session)

    async def _gather(self) -> None:
        """On an idle lane a message goes at once; when work is coming in, wait a little for company."""
        gather_seconds = self._settings.gather_ms_max / 1000
        worked_lately = time.monotonic() - self._worked_at < 4 * gather_seconds
        if worked_lately and len(self.queues) < self._settings.batch_messages_max:
            await asyncio.sleep(gather_seconds)
        self._worked_at = time.monotonic()

    async def _housekeep(self, session: Session) -> None:
        """Ask for partitions that nobody holds, keep the connection alive, see which keys are parked."""
        now = time.monotonic()
        if now - session.leased_at > LEASE_SECONDS and session.held != self._partitions:
            session.leased_at = session.spoke_at = now
            await self._gain(session)
        elif now - session.spoke_at > KEEPALIVE_SECONDS:
            session.spoke_at = now
            self._parked_keys = await parked.keys(session.connection)

    async def _gain(self, session: Session) -> None:
        gained = await leases.gain(session.connection, self._topic, self._partitions - session.held)
        if gained:
            self._parked_keys = await parked.keys(session.connection)
            epoch, ends = await session.feed.ends(gained)
            begin = await offsets.start(session.connection, self._topic, ends, epoch)
            session.held.update(gained)
            session.feed.follow(begin)
            log.info("partitions_gained", topic=self._topic, partitions=gained)

    # batch -----------------------------------------------------------------------------------------------------------

    async def _decide(self, session: Session, items: list[Item]) -> None:
        """One transaction for all; if the data of one item fails it, each by itself,
        so that only that one is set aside."""
        size = len(items)
        todo = deque([items])
        while todo:
            part = todo.popleft()
            try:
                await self._commit(session, part)
            except _DataFault as fault:
                metrics.BATCH_FAULTS.inc()
                if len(part) == 1:
                    await self._set_aside(session, part[0], fault)
                else:
                    todo.extendleft([[item] for item in reversed(part)])
            except _TransientFault as fault:
                metrics.BATCH_RETRIES.inc()
                log.info("batch_retried", error=str(fault), messages=len(part))
                await asyncio.sleep(0.005 + random.random() * 0.02)
                half = max(len(part) // 2, 1)
                todo.extendleft([p for p in (part[half:], part[:half]) if p])
            except BaseException:
                self._requeue_calls([part, *todo])
                raise
        metrics.BATCHES.inc()
        metrics.MESSAGES.inc(size)

    def _requeue_calls(self, parts: Sequence[Sequence[Item]]) -> None:
        waiting = [i for part in parts for i in part if i.answer is not None and not i.answer.done()]
        self.queues.calls.extendleft(reversed(waiting))

    async def _commit(self, session: Session, items: list[Item]) -> None:
        connection, began = session.connection, time.perf_counter()
        transaction = connection.transaction()
        xid: str | None = None
        batch = Batch(self._business, [], self._clock.now())
        try:
            await transaction.start()
            fresh = await lock_records(connection, self._topic, items)
            if any(item.message.key in self._parked_keys for item in fresh):  # a person may have resolved it since
                self._parked_keys = await parked.keys(connection)
            batch = Batch(self._business, fresh, self._clock.now(), self._parked_keys)
            await batch.run(connection, session.lane_id, session.next_seq)
            xid = await batch.move_on(connection, self._topic, session.lane_id)
        except Exception as error:
            await self._fail(connection, transaction, error)
        try:
            await transaction.commit()
        except Exception as error:
            await self._resolve_commit(
                session, xid, error, lambda: self._committed(session, batch, time.perf_counter() - began)
            )
        self._committed(session, batch, time.perf_counter() - began)

    async def _fail(
        self, connection: Connection, transaction: asyncpg.transaction.Transaction, error: Exception
    ) -> None:
        """Nothing was committed: say what kind of fault it was."""
        fault = fault_of(error)
        if fault is Fault.LOST or connection.is_closed():
            raise SessionLost(repr(error)) from error
        with suppress(Exception):  # a rollback that fails shows itself in the next statement
            await transaction.rollback()
        if connection.is_closed():
            raise SessionLost(repr(error)) from error
        if isinstance(error, asyncpg.UniqueViolationError) and not self._collided:
            self._collided = True  # another lane decided the same message, or made the same root, first: again, once
            raise _TransientFault(repr(error)) from error
        raise (_TransientFault if fault is Fault.TRANSIENT else _DataFault)(repr(error)) from error

    async def _resolve_commit(
        self, session: Session, xid: str | None, error: Exception, committed: Callable[[], None]
    ) -> None:
        """An error on commit means unknown, unless PostgreSQL itself refused: ask it on a new connection."""
        fault = fault_of(error, Phase.COMMIT)
        if fault is Fault.DATA or fault is Fault.TRANSIENT:
            raise (_DataFault if fault is Fault.DATA else _TransientFault)(repr(error)) from error
        metrics.COMMITS_UNKNOWN.inc()
        log.warning("commit_unknown", xid=xid, error=repr(error))
        known = xid is not None and await commit_outcome(self._settings, xid, session.life)
        metrics.COMMITS_RESOLVED.labels("committed" if known else "not committed").inc()
        if known:
            committed()
        raise SessionLost(repr(error)) from error

    def _committed(self, session: Session, batch: Batch, seconds: float) -> None:
        effects, encoded = batch.effects, batch.encoded
        self._collided = False
        session.spoke_at = time.monotonic()
        metrics.BATCH_SECONDS.observe(seconds)
        if encoded.outgoing:
            session.next_seq += len(encoded.outgoing)
            self._publisher.put(session.lane_id, session.next_seq - 1, encoded.outgoing, batch.earlier)
        for item, answered in encoded.answers:
            if item.answer is not None and not item.answer.done():
                item.answer.set_result(answered)
        for item, error in effects.faulty:
            self._report(item, error)
        for item, _ in effects.busy:
            self._retry_busy(item)
        self._on_effects(effects)

    def _report(self, item: Item, error: Exception) -> None:
        metrics.PARKED.inc()
        log.error(
            "message_set_aside", key=item.message.key, message=item.message.fresh_id, error=repr(error), exc_info=error
        )
        if item.answer is not None and not item.answer.done():
            correlation = {"correlation_id": item.message.fresh_id}
            item.answer.set_exception(Internal("INTERNAL", "the request could not be decided", correlation))

    def _retry_busy(self, item: Item) -> None:
        """Ask again with jitter until the caller's deadline (BZ-3). A timer is found again by itself;
        a command is sent again."""
        item.busy_count += 1
        item.record = None
        expired = item.answer is not None and time.monotonic() > item.expires_at
        if isinstance(item.message.body, TimerDue) or item.busy_count > BUSY_COUNT_MAX or expired:
            if item.answer is not None and not item.answer.done():
                busy = Unavailable("ACCOUNT_BUSY", "another settlement holds this account; try again")
                item.answer.set_exception(busy)
            return
        delay = BUSY_RETRY_SECONDS * (0.5 + random.random()) * min(item.busy_count, 10)
        asyncio.get_running_loop().call_later(delay, self.queues.add, item)

    async def _set_aside(self, session: Session, item: Item, fault: Exception) -> None:
        """A single item whose data fails its transaction: in one of its own, refuse it if it can be refused,
        else park it."""
        cause = fault.__cause__ if isinstance(fault.__cause__, Exception) else fault
        item.fault = (unstorable(cause) if item.refusable and item.fault is None else None) or cause
        await self._commit(session, [item])


class _DataFault(Exception):
    """The batch fails for a reason that lies in its data."""


class _TransientFault(Exception):
    """The batch may pass if tried again."""
