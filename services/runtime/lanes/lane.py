"""A lane: one loop on one connection. It gathers a batch, which is decided in one transaction (DESIGN 4), and holds its
share of the partitions.

A session lasts as long as its connection: the connection holds the locks of the partitions, so losing it is losing
them, and the next session begins with a new connection, new locks and the offsets that PostgreSQL knows.
"""

import asyncio
import random
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress

import asyncpg
import structlog

from services.kernel.decision import Known
from services.kernel.effects import Effects
from services.runtime.ground import metrics
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import CONNECTION_ERRORS, Fault, connect_lane, fault_of
from services.runtime.ground.settings import Settings
from services.runtime.kafka.publisher import Publisher
from services.runtime.lanes.business import Business
from services.runtime.lanes.company import Company
from services.runtime.lanes.deciding import Deciding
from services.runtime.lanes.faults import SessionLost
from services.runtime.lanes.feed import Feed
from services.runtime.lanes.item import Item
from services.runtime.lanes.outlook import Outlook
from services.runtime.lanes.queues import Queues
from services.runtime.lanes.session import Session
from services.runtime.lanes.sharing import share_of
from services.runtime.lanes.waiting import TEND_SECONDS
from services.runtime.stored import leases, offsets

SHARE_SECONDS = 0.5
"""How often a lane looks which lanes live, and takes its share of the partitions."""
KEEPALIVE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Lane:
    """The loop. Build it, `run` it in a task, add calls to its `queues`, `drain` it before the process ends.

    `on_loss` is called when a lane of the service is gone.
    """

    def __init__(
        self, business: Business, settings: Settings, clock: Clock, *, topic: str, number: int,
        feed: Callable[[Queues], Feed], publisher: Publisher, on_effects: Callable[[Effects[Item], Known], None],
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._number = number
        self._new_feed = feed
        self._publisher = publisher
        self._on_loss = on_loss
        self.queues = Queues()
        self.session: Session | None = None
        self.in_flight = 0
        self.worked_at = 0.0
        self._company = Company(settings.gather_ms_max / 1000, time.monotonic)
        self.outlook = Outlook(settings.queue_seconds_max, time.monotonic)
        self._deciding = Deciding(
            business, settings, clock, topic=topic, queues=self.queues, publisher=publisher, on_effects=on_effects
        )
        self.waiting = self._deciding.waiting

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

    async def _session(self) -> None:
        connection = await connect_lane(self._settings)
        feed = self._new_feed(self.queues)
        try:
            await feed.start()
            session = await Session.begun(connection, feed, self._number, self._settings.lanes)
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
            self.waiting.tend()
            if not self.queues and not self.waiting.awake:
                await self._rest(session)
                continue
            await self._gather()
            items = self._deciding.take(crowded=self.crowded)
            self.in_flight = len(items)
            self.outlook.began()
            try:
                await self._deciding.decide(session, items)
            finally:
                self.in_flight = 0
            self.outlook.decided(sum(item.answer is not None for item in items))
            await self._housekeep(session)

    @property
    def crowded(self) -> bool:
        """Whether one call more would wait here for too long."""
        return self.outlook.crowded(len(self.queues.calls))

    async def _rest(self, session: Session) -> None:
        self.queues.wake.clear()
        if not self.queues:
            with suppress(TimeoutError):
                # `wait_for` may swallow a cancellation that comes with the wake-up
                async with asyncio.timeout(TEND_SECONDS if self.waiting else 0.25):
                    await self.queues.wake.wait()
        await self._housekeep(session)

    async def _gather(self) -> None:
        """On an idle lane a message goes at once, and where hardly any comes; when work is coming in, wait a little for
        company. What ends a claim that others wait for does not wait, nor, where little comes in, what claims depend
        on."""
        seconds, most = self._settings.gather_ms_max / 1000, self._settings.batch_messages_max
        worked_lately = time.monotonic() - self.worked_at < 4 * seconds
        if worked_lately and not self._company.alone and not self.waiting.awake and len(self.queues) < most:
            if not self._company.expected:
                await self.queues.hurried(seconds, lambda: self.waiting.awaited(self.queues.urgent))
            elif not self.waiting.awaited(self.queues.urgent):
                await asyncio.sleep(seconds)
        self._company.seen(min(len(self.queues), most))
        self.worked_at = time.monotonic()

    async def _housekeep(self, session: Session) -> None:
        """Hold the lane's share of the partitions, keep the connection alive, see which keys are parked."""
        now = time.monotonic()
        if now - session.shared_at > SHARE_SECONDS:
            session.shared_at = now
            await self._take_share(session)
        if now - session.spoke_at > KEEPALIVE_SECONDS:
            session.spoke_at = now
            await self._deciding.see_parked(session.connection)

    async def _take_share(self, session: Session) -> None:
        """Leave to others what is theirs, and ask for what is ours; what its last owner still holds is asked for
        again. A lane that is gone may have left something that nobody published."""
        before, session.peers = session.peers, frozenset(await leases.peers(session.connection))
        if before - session.peers:
            self._on_loss()
        share = share_of(session.me, session.peers, self._settings.partitions)
        if theirs := session.held - share:
            await self._let_go(session, theirs)
        if ours := share - session.held:
            await self._gain(session, ours)

    async def _let_go(self, session: Session, partitions: AbstractSet[int]) -> None:
        """Between two batches: nothing of these partitions is under way, and their offsets say where to go on."""
        session.feed.leave(partitions)
        self.queues.forget_partitions(partitions)
        self.waiting.forget_partitions(partitions)
        session.held.difference_update(partitions)
        await leases.let_go(session.connection, self._topic, partitions)
        log.info("partitions_left", topic=self._topic, partitions=sorted(partitions))

    async def _gain(self, session: Session, partitions: AbstractSet[int]) -> None:
        gained = await leases.gain(session.connection, self._topic, partitions)
        if gained:
            await self._deciding.see_parked(session.connection)
            epoch, ends = await session.feed.ends(gained)
            begin = await offsets.start(session.connection, self._topic, ends, epoch)
            session.held.update(gained)
            session.feed.follow(begin)
            log.info("partitions_gained", topic=self._topic, partitions=gained)
