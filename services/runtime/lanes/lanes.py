"""The lanes of a process: routes calls to them, wakes who watches a saga, and performs actions after the commit."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.kernel.effects import Effects
from services.kernel.errors import ResourceExhausted
from services.kernel.ids import partition_of
from services.kernel.messages import Message
from services.kernel.saga import Run
from services.runtime.ground import metrics
from services.runtime.kafka.publisher import Publisher
from services.runtime.lanes.item import Item
from services.runtime.lanes.lane import Lane
from services.runtime.stored.inbox import Answered

Perform = Callable[[object], Awaitable[Message | None]]
"""Does one action in the outside world and answers the message that reports it."""

log = structlog.get_logger(__name__)


class Lanes:
    """All lanes of one process. What they have in common with each other is only PostgreSQL."""

    def __init__(
        self, queue_messages_max: int, perform: Perform | None, publisher: Publisher, actions_max: int = 64
    ) -> None:
        self._lanes: Sequence[Lane] = ()
        self._queue_messages_max = queue_messages_max
        self._perform = perform
        self._publisher = publisher
        self._slots = asyncio.Semaphore(actions_max)
        self.actions: set[asyncio.Task[None]] = set()
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

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
        return sum(len(lane.queues) + lane.in_flight for lane in self._lanes) + len(self.actions)

    @property
    def unpublished(self) -> int:
        """Records that Kafka has not acknowledged yet."""
        return self._publisher.unpublished

    def alive(self) -> list[int]:
        """The ids of the living lanes of this process."""
        return [lane.session.lane_id for lane in self._lanes if lane.session]

    async def lag(self) -> int:
        """Records that wait in Kafka for the lanes of this process."""
        return sum([await lane.session.feed.lag() for lane in self._lanes if lane.session])

    def submit(
        self, message: Message, body_hash: bytes, seconds: float, background: bool = False
    ) -> "asyncio.Future[Answered]":
        """Queue a call; its answer comes after the commit. Raises `ResourceExhausted` at once if the queue is full."""
        lane = self._lanes[partition_of(message.key, len(self._lanes))]
        if len(lane.queues.calls) >= self._queue_messages_max:
            metrics.REJECTED.inc()
            raise ResourceExhausted("OVERLOADED", "too many requests are waiting", {"retry_after_ms": "250"})
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        lane.queues.add(Item(message, answer, body_hash, expires_at=time.monotonic() + seconds, background=background))
        return answer

    def feed_back(self, message: Message) -> None:
        """Queue a message of our own, the report of an action."""
        self._lanes[partition_of(message.key, len(self._lanes))].queues.add(Item(message))

    def watch(self, saga_id: str) -> asyncio.Event:
        """An event that is set whenever this process commits a step of the saga; give it back with `unwatch`."""
        event = asyncio.Event()
        self._watchers[saga_id].add(event)
        return event

    def unwatch(self, saga_id: str, event: asyncio.Event) -> None:
        """Stop watching."""
        events = self._watchers.get(saga_id)
        if events is not None:
            events.discard(event)
            if not events:
                del self._watchers[saga_id]

    def after_commit(self, effects: Effects[Item]) -> None:
        """Wake who waits for a saga, and start the actions. Never called for what was not committed."""
        if self._watchers:
            for saga_id in effects.dirty.get(Run, ()):
                for event in self._watchers.get(saga_id, ()):
                    event.set()
        for action in effects.actions:
            task = asyncio.create_task(self._act(action))
            self.actions.add(task)
            task.add_done_callback(self.actions.discard)

    async def _act(self, action: object) -> None:
        """One action; if it fails or the process dies, the timer that its decision set asks again."""
        if self._perform is None:
            return
        async with self._slots:
            try:
                report = await self._perform(action)
            except Exception as error:  # the timer of the intent repeats it, with a query first
                log.warning("action_failed", action=type(action).__name__, error=repr(error))
                return
        if report is not None:
            self.feed_back(report)

    async def drain(self, seconds: float) -> None:
        """Finish what was accepted."""
        await asyncio.gather(*(lane.drain(seconds) for lane in self._lanes))
