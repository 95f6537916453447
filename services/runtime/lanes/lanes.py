"""The lanes of a process: routes calls to them within the bounds, tells who waits for what was committed, and performs
actions after the commit."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.kernel.decision import Known
from services.kernel.effects import Effects
from services.kernel.errors import ResourceExhausted
from services.kernel.ids import partition_of
from services.kernel.messages import Message
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.ground.tracing import CALL
from services.runtime.kafka.publisher import Publisher
from services.runtime.lanes.bounds import Bounds
from services.runtime.lanes.item import Item
from services.runtime.lanes.lane import Lane
from services.runtime.lanes.repeats import Repeats
from services.runtime.stored.inbox import Answered

Perform = Callable[[object], Awaitable[Message | None]]
"""Does one action in the outside world and answers the message that reports it."""
Told = Callable[[Effects[Item], Known], None]
"""Hears what a batch caused, and what was known when it was committed."""
REPEATS_MAX = 16_384
"""So many calls of late are known again when they are repeated."""

log = structlog.get_logger(__name__)


class Lanes:
    """All lanes of one process. What they have in common with each other is only PostgreSQL."""

    def __init__(
        self, settings: Settings, publisher: Publisher, perform: Perform | None = None, told: Told | None = None
    ) -> None:
        self._settings = settings
        self._publisher = publisher
        self._lanes: Sequence[Lane] = ()
        self._perform = perform
        self._told = told
        self._slots = asyncio.Semaphore(settings.actions_concurrent_max)
        self.actions: set[asyncio.Task[None]] = set()
        self.bounds = Bounds(settings, self)
        self.repeats = Repeats(REPEATS_MAX)
        metrics.ACTIONS_OPEN.set_function(lambda: len(self.actions))

    def build(self, lanes: Sequence[Lane]) -> None:
        """Take the lanes; they need this object's `after_commit`, so they come second."""
        self._lanes = lanes

    @property
    def ready(self) -> bool:
        """Whether every lane can decide."""
        return bool(self._lanes) and all(lane.session for lane in self._lanes)

    @property
    def queued(self) -> int:
        """Messages that wait or are being decided, and actions that are under way."""
        return sum(len(lane.queues) + len(lane.waiting) + lane.in_flight for lane in self._lanes) + len(self.actions)

    @property
    def worked_at(self) -> float:
        """When a lane last began to decide something, in seconds of the monotonic clock."""
        return max((lane.worked_at for lane in self._lanes), default=0.0)

    @property
    def unpublished(self) -> int:
        """Records that Kafka has not acknowledged yet."""
        return self._publisher.unpublished

    @property
    def stalled_seconds(self) -> float:
        """For how long Kafka has acknowledged nothing of what waits; 0 if nothing waits."""
        return self._publisher.stalled_seconds

    def alive(self) -> list[int]:
        """The ids of the living lanes of this process."""
        return [lane.session.lane_id for lane in self._lanes if lane.session]

    async def lag(self) -> int:
        """Records that wait in Kafka for the lanes of this process."""
        return sum([await lane.session.feed.lag() for lane in self._lanes if lane.session])

    def submit(
        self, message: Message, body_hash: bytes, seconds: float, background: bool = False
    ) -> "asyncio.Future[Answered]":
        """Queue a call; its answer comes after the commit. Raises `ResourceExhausted` at once if its row is full, or if
        too much is open already."""
        self.bounds.admit()
        lane = self._lanes[partition_of(message.key, len(self._lanes))]
        row = lane.queues.background if background else lane.queues.calls
        if len(row) + lane.waiting.calls >= self._settings.queue_messages_max:
            raise _overloaded(lane)
        self.repeats.note(message.id)
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        expires_at = time.monotonic() + seconds
        lane.queues.add(
            Item(message, answer, body_hash, expires_at=expires_at, background=background, call=CALL.get())
        )
        return answer

    def check_crowd(self, request_id: str) -> None:
        """Refuse a call before anything of it is looked at, if it would wait too long whatever it is about: a batch of
        commands as a whole. A call that was taken before is taken again: its caller does not know what became of it.
        """
        if self._lanes and all(lane.crowded for lane in self._lanes) and not self.repeats.known(request_id.lower()):
            raise _overloaded(min(self._lanes, key=lambda lane: len(lane.queues.calls)))

    def feed_back(self, message: Message) -> None:
        """Queue a message of our own, the report of an action."""
        self._lanes[partition_of(message.key, len(self._lanes))].queues.add(Item(message))

    def after_commit(self, effects: Effects[Item], known: Known) -> None:
        """Tell who waits for it, and start the actions. Never called for what was not committed."""
        self.bounds.committed(effects)
        if self._told is not None:
            self._told(effects, known)
        for action in effects.actions:
            if len(self.actions) >= self._settings.actions_open_max:
                metrics.ACTIONS_DROPPED.inc()  # the timer that its decision set asks again
                continue
            task = asyncio.create_task(self._act(action))
            self.actions.add(task)
            task.add_done_callback(self.actions.discard)

    async def _act(self, action: object) -> None:
        """One action; if it fails, takes too long, or the process dies, the timer that its decision set asks again."""
        if self._perform is None:
            return
        name = type(action).__name__
        async with self._slots:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._settings.action_seconds_max):
                    report = await self._perform(action)
                if report is not None:
                    self.feed_back(report)
                metrics.ACTIONS.labels(name, "done").inc()
            except Exception as error:  # the timer of the intent repeats it, with a query first
                metrics.ACTIONS.labels(name, "failed").inc()
                log.warning("action_failed", action=name, error=repr(error))
            finally:
                metrics.ACTION_SECONDS.labels(name).observe(time.monotonic() - began)

    async def drain(self, seconds: float) -> None:
        """Finish what was accepted."""
        await asyncio.gather(*(lane.drain(seconds) for lane in self._lanes))


def _overloaded(lane: Lane) -> ResourceExhausted:
    metrics.REJECTED.labels("queue").inc()
    retry_ms = str(int(lane.outlook.retry_seconds() * 1000))
    return ResourceExhausted("OVERLOADED", "too many requests are waiting", {"retry_after_ms": retry_ms})
