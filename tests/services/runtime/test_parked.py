"""What waits aside: once, in its order, whoever sends it again and wherever it stood in Kafka."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import msgspec
import pytest_asyncio

from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane, open_pool
from services.runtime.ground.records import PLACE
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import write
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.publisher import Publisher, publish_leftovers
from services.runtime.stored import outbox, parked
from services.runtime.stored.parked import Parked
from tests.services.runtime.test_lanes import events, fetch, leftover

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FIRST = Parked("commands", 0, 7, "key", "m1", [("ce_id", b"m1")], b"payload", "DEFECT", "why")


@pytest_asyncio.fixture(loop_scope="session")
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    """A lane's connection."""
    await migrate(settings.dsn, [])
    opened = await connect_lane(settings)
    yield opened
    await opened.close()


async def waiting(connection: Connection) -> list[tuple[str, int | None, bytes]]:
    """What waits, in order."""
    rows = await connection.fetch(
        "select message_id, kafka_offset, payload from parked where state = 'PARKED' order by id"
    )
    return [tuple(row) for row in rows]


async def test_what_is_sent_again_waits_once(connection: Connection) -> None:
    """In the batch of the first, and in a later one; other words under the same id are another message, which waits."""
    follower = replace(FIRST, offset=8, message_id="", headers=[("ce_id", b"m0")])
    await parked.save(connection, [FIRST, follower, replace(FIRST, offset=9)], NOW)
    await parked.save(connection, [replace(FIRST, offset=10), replace(FIRST, offset=11, payload=b"other")], NOW)
    await parked.save(connection, [replace(FIRST, partition=1, offset=1), replace(follower, offset=12)], NOW)

    assert await waiting(connection) == [("m1", 7, b"payload"), ("m0", 8, b"payload"), ("m1", 11, b"other")]


async def test_records_without_an_id_wait_each(connection: Connection) -> None:
    """Nothing says that they are the same."""
    nameless = replace(FIRST, message_id="", headers=[])
    await parked.save(connection, [nameless, replace(nameless, offset=8)], NOW)
    await parked.save(connection, [nameless], NOW)

    assert await waiting(connection) == [("", 7, b"payload"), ("", 8, b"payload")]


async def test_what_was_resolved_waits_again_when_it_comes_again(connection: Connection) -> None:
    """A retried record that fails anew stands where Kafka has it now."""
    await parked.save(connection, [FIRST], NOW)
    await parked.retry(connection, 1, 8, "by hand", NOW)

    await parked.save(connection, [replace(FIRST, offset=12)], NOW)

    assert await waiting(connection) == [("m1", 12, b"payload")]


async def test_another_record_at_a_place_that_was_taken_is_not_lost(connection: Connection) -> None:
    """Kafka lost its log and counts from the beginning again: the new record has nothing to do with the old one."""
    await parked.save(connection, [FIRST], NOW)
    await parked.discard(connection, 1, "by hand", NOW)

    await parked.save(connection, [replace(FIRST, message_id="m2", payload=b"new")], NOW)
    await parked.save(connection, [FIRST], NOW)

    assert await waiting(connection) == [("m2", None, b"new")]


def test_the_identity_of_a_record_is_its_id_however_it_is_written() -> None:
    """As far as it can be read and kept."""
    assert parked.identity([("ce_type", b"t"), ("ce_id", b"m\x001\xff")]) == "m\ufffd1\ufffd"
    assert parked.identity([("ce_type", b"t")]) == ""


async def test_a_retried_record_stands_where_it_was_set_aside(connection: Connection) -> None:
    """Before those of its key that were set aside behind it, or it would be set aside behind them."""
    await parked.save(connection, [FIRST, replace(FIRST, offset=8, message_id="", headers=[("ce_id", b"m2")])], NOW)
    first, behind = await connection.fetch("select id from parked order by id")
    async with connection.transaction():
        assert await parked.retry(connection, first["id"], 1, "mended", NOW)

    sent = await connection.fetchval("select headers from outbox")

    headers = msgspec.json.decode(sent, type=list[tuple[str, bytes]])
    places = [parked.place(each) for each in (headers, [(PLACE, b"x")], [(PLACE, b"9" * 19)], [])]
    assert places == [first["id"], parked.LAST, parked.LAST, parked.LAST]
    assert await parked.keys(connection) == {"key": behind["id"]}


async def test_retried_records_that_commit_while_others_are_sent_are_not_lost(local: Settings) -> None:
    """They share a lane id, and the one with the lower number is committed later: only what was read is forgotten
    (findings: retry_lane)."""
    pool, producer = await open_pool(local), SafeProducer(local)
    late = await asyncpg.connect(local.dsn)
    transaction = late.transaction()

    class Slow(Publisher):
        """In whose time the other retry commits."""

        async def publish(self, rows: Sequence[outbox.Row], seconds: float) -> int:
            count = await super().publish(rows, seconds)
            if late.is_in_transaction():
                await transaction.commit()
            return count

    slow = Slow(producer, pool)
    await transaction.start()
    await write(late, outbox.Outlet(parked.RETRY_LANE, 1).save([leftover(1)]))
    async with pool.acquire() as connection:
        await write(connection, outbox.Outlet(parked.RETRY_LANE, 2).save([leftover(2)]))

    published = [await publish_leftovers(pool, slow, list) for _ in range(3)]

    assert published == [1, 1, 0]
    assert await events(local) == {"c": [2, 1]}
    assert await fetch(local, "select seq from outbox") == []
    await late.close()
    await producer.stop()
    await pool.close()
