"""Records that no broker will ever take: set aside for a person, with an alarm, so that nothing waits behind them.

They stand among the parked messages, without an offset, for no record brought them; retried, they are sent again.
"""

from collections.abc import Collection

import structlog

from services.runtime.ground import metrics
from services.runtime.ground.postgres import Pool
from services.runtime.ground.records import STREAMS, TAKEN_BY, Outgoing, topic
from services.runtime.stored import leases, outbox, parked

log = structlog.get_logger(__name__)


def topics_known_to(service: str) -> frozenset[str]:
    """Every topic that this service may send to."""
    return frozenset({
        *(topic(name, stream) for stream, names in TAKEN_BY.items() for name in names),
        *(topic(service, stream) for stream in STREAMS),
    })


async def set_aside(pool: Pool, record: Outgoing, error: Exception, *, seal_key: bytes = b"") -> bool:
    """Keep a record that was refused for good; answers whether it is kept. Doing it again keeps one."""
    try:
        async with pool.acquire() as connection:
            await parked.save_unsent(connection, [record], repr(error), seal_key)
    except Exception as failure:  # the record is still in the outbox, and its sender asks again
        metrics.ASIDE_FAILED.inc()
        log.warning("undeliverable_not_set_aside", topic=record.topic, key=record.key, error=repr(failure))
        return False
    _alarm([record], repr(error))
    return True


async def sweep(pool: Pool, living: Collection[int], known: Collection[str], seal_key: bytes = b"") -> int:
    """Set aside what dead lanes left for topics that nobody knows; answers how many records."""
    why = "the contracts know no such topic"
    async with pool.acquire() as connection, connection.transaction():
        dead = [
            lane_id for lane_id in await outbox.lanes_with_unknown(connection, list(living), list(known))
            if await leases.bury(connection, lane_id)
        ]
        records = await outbox.take_unknown(connection, dead, list(known))
        if records:
            await parked.save_unsent(connection, records, why, seal_key)
    if records:
        _alarm(records, why)
    return len(records)


def _alarm(records: Collection[Outgoing], why: str) -> None:
    metrics.UNDELIVERABLE.inc(len(records))
    for record in records:
        log.error("record_undeliverable", topic=record.topic, key=record.key, error=why)
