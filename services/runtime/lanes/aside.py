"""Setting one message aside: with its batch's other effects, or without them where even that fails.

It is refused if it can be refused; else it becomes a row for a person, and who waits for it is told; if that cannot be
stored, a row and no more. What passes is waited out. What cannot be stored at all costs the session, and the next one
waits longer before it tries again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import structlog

from services.kernel.admission import RETRY_FAULTY_TIMER
from services.kernel.errors import Undecodable
from services.runtime.ground import metrics
from services.runtime.ground.clock import Clock
from services.runtime.ground.postgres import lies_in_the_server, unstorable
from services.runtime.ground.tables import Connection
from services.runtime.lanes.faults import DataFault, SessionLost, TransientFault
from services.runtime.lanes.item import Item, lock_records, next_offsets
from services.runtime.stored import offsets, parked, timers

FAULTS_MAX = 6
"""So often a message may meet a fault that passes before it is one that does not; each wait is twice the last."""
FAULT_WAIT_SECONDS, FAULT_WAIT_SECONDS_MAX = 0.02, 1.0

log = structlog.get_logger(__name__)


class Connected(Protocol):
    """What is needed of a lane's session."""

    @property
    def connection(self) -> Connection: ...


S = TypeVar("S", bound=Connected)


class Aside(Generic[S]):
    """How one lane does it: `commit` decides one item in a transaction, `done` is told of what was set aside bare."""

    def __init__(
        self, topic: str, clock: Clock, commit: Callable[[S, list[Item]], Awaitable[Sequence[Item]]],
        done: Callable[[Item, Exception], None], seal_key: bytes,
    ) -> None:
        self._topic = topic
        self._clock = clock
        self._commit = commit
        self._done = done
        self._seal_key = seal_key

    async def set_aside(self, session: S, item: Item, fault: Exception) -> None:
        """A single item that cannot be decided. It ends with the item set aside, or with the session lost."""
        cause = fault.__cause__ if isinstance(fault.__cause__, Exception) else fault
        for way in _ways(item, cause):
            item.fault, item.fault_count = way, 0
            try:
                await self._commit_patiently(session, item)
                return
            except DataFault as failure:
                metrics.ASIDE_FAILED.inc()
                log.warning("set_aside_failed", message=item.message.fresh_id, error=repr(failure))
        if _comes_again(item):
            await self._set_aside_bare(session, item, cause)
        self._done(item, cause)

    async def _commit_patiently(self, session: S, item: Item) -> None:
        while True:
            try:
                await self._commit(session, [item])
                return
            except TransientFault as fault:
                if not await waited_out(item, fault):
                    raise DataFault(repr(fault)) from fault.__cause__

    async def _set_aside_bare(self, session: S, item: Item, error: Exception) -> None:
        try:
            now = await self._clock.now(session.connection)
            await set_aside_bare(
                session.connection, self._topic, item, error=error, now=now, seal_key=self._seal_key
            )
        except Exception as failure:
            metrics.ASIDE_FAILED.inc()
            log.error("set_aside_failed", message=item.message.fresh_id, error=repr(failure), exc_info=failure)
            raise SessionLost(repr(failure)) from failure


def _ways(item: Item, cause: Exception) -> list[Exception]:
    """What its fault is to be, one after the other. One that had a fault has just failed with it, unless that was a
    refusal."""
    if item.fault is not None:
        return []
    refusal = unstorable(cause) if item.refusable else None
    return [*([refusal] if refusal else []), *([cause] if _comes_again(item) else [])]


def _comes_again(item: Item) -> bool:
    """Whether something stored brings it again: a record or a timer; a call has only its caller."""
    return item.record is not None or item.timer is not None


async def waited_out(item: Item, fault: Exception) -> bool:
    """Wait; answers whether a fault may have passed. One that lies in the data does not; one that lies in the server
    may for ever; any other only so often."""
    if not isinstance(fault, TransientFault):
        metrics.BATCH_FAULTS.inc()
        return False
    metrics.BATCH_RETRIES.inc()
    log.info("batch_retried", error=str(fault))
    item.fault_count += 1
    if item.fault_count > FAULTS_MAX and not (fault.__cause__ and lies_in_the_server(fault.__cause__)):
        return False
    seconds = min(FAULT_WAIT_SECONDS * 2 ** min(item.fault_count, 10), FAULT_WAIT_SECONDS_MAX)
    await asyncio.sleep(seconds * (0.5 + random.random()))
    return True


def parked_row(item: Item, error: Exception) -> parked.Parked:
    """The row of a record, with everything that it brought."""
    at = item.record
    assert at is not None
    reason = error.reason if isinstance(error, Undecodable) else "DEFECT"
    return parked.Parked(
        source=at.topic, partition=at.partition, offset=at.offset, key=item.message.key, message_id=item.message.id,
        headers=at.headers, payload=at.payload, reason=reason, detail=f"{type(error).__name__}: {error}",
    )


async def set_aside_bare(
    connection: Connection, topic: str, item: Item, error: Exception, now: datetime, seal_key: bytes = b""
) -> None:
    """In a transaction of its own: a row for the record, and its partition moves on; or the timer waits.

    Nobody is told, for the telling may be what failed: a saga's timer asks again.
    """
    async with connection.transaction():
        if item.record is not None and await lock_records(connection, topic, [item]):
            await parked.save(connection, [parked_row(item, error)], now, seal_key)
            await offsets.save(connection, topic, next_offsets([item]))
        elif item.timer is not None:
            await timers.postpone(connection, (item.timer.kind, item.timer.key), now + RETRY_FAULTY_TIMER)
