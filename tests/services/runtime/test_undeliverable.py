"""Records that no broker takes are set aside with an alarm; nothing waits behind them, in the outbox or in a lane."""

from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec

from services.runtime.ground import metrics
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane, open_pool
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.kafka import undeliverable
from services.runtime.stored import leases, outbox, parked
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE
from tests.services.runtime.raw_records import COMMANDS, Running, command, fetch, holds, send

DEAD_LANE = 9_999
HEADERS = [("ce_id", b"s1/counter/E/reply"), ("ce_type", b"settlement.saga.v1.Reply")]
NOWHERE = Outgoing("settlement.or der!.replies.v1", 0, "c", HEADERS, b"payload")


async def test_what_was_left_for_a_topic_of_nobody_is_set_aside(
    running: Running, local: Settings, until: Until
) -> None:
    """It lay in the outbox for ever, and what its lane had left behind it (findings: slash_service). Its key is free:
    it is a record of ours, and none of those that come in stands behind it."""
    good = Outgoing("settlement.order.replies.v1", 0, "c", HEADERS, b"")
    connection = await asyncpg.connect(local.dsn)
    await write(connection, outbox.Outlet(DEAD_LANE, 1).save([NOWHERE, good]))
    await connection.close()
    alarms = metrics.UNDELIVERABLE._value.get()

    async with running(SERVICE):
        await send(local, command(1, b"c"))
        await until(holds(local, "select count(*) = 1 from counters"))
        await until(holds(local, "select count(*) = 0 from outbox"))

    row = "select source, key, message_id, reason, state, payload, headers from parked"
    ((*told, headers),) = await fetch(local, row)
    assert told == [NOWHERE.topic, "c", "s1/counter/E/reply", "UNDELIVERABLE", "PARKED", b"payload"]
    assert msgspec.json.decode(str(headers), type=list[tuple[str, bytes]]) == HEADERS
    assert metrics.UNDELIVERABLE._value.get() == alarms + 1


async def test_what_a_living_lane_of_another_process_sends_is_its_own(local: Settings) -> None:
    """A process that knows one topic more than this one, as while services are upgraded, had its rows taken out of the
    outbox, with an alarm."""
    await migrate(local.dsn, [])
    pool, lane = await open_pool(local), await connect_lane(local)
    lane_id = await leases.announce(lane)
    await write(lane, outbox.Outlet(lane_id, 1).save([NOWHERE]))

    assert await undeliverable.sweep(pool, [], frozenset()) == 0
    await lane.close()
    assert await undeliverable.sweep(pool, [], frozenset()) == 1
    await pool.close()


async def test_a_record_that_is_refused_again_and_again_is_kept_once(local: Settings) -> None:
    """Its sender asks until it is told that the record is kept; while the database is away, it is not."""
    pool = await open_pool(local)
    kept = [await undeliverable.set_aside(pool, NOWHERE, ValueError("no such topic")) for _ in range(2)]
    await pool.close()

    assert kept == [True, True]
    assert await fetch(local, "select reason, detail from parked") == [
        ("UNDELIVERABLE", "ValueError('no such topic')")
    ]
    assert not await undeliverable.set_aside(pool, NOWHERE, ValueError("no such topic"))


async def test_a_copy_that_is_sent_again_after_its_answer_is_gone_does_nothing(
    running: Running, local: Settings, until: Until
) -> None:
    """What was undeliverable lies in its sender's database for as long as nobody looks; the participant, which pruned
    the answer meanwhile, executed it once more. What was set aside here is decided whenever it is retried."""
    long_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat().encode()
    passed_over = metrics.PASSED_OVER._value.get()

    async with running(SERVICE):
        await send(
            local, command(1, b"copy", ce_time=long_ago), command(2, b"aside", ce_time=long_ago, ce_parkedid=b"7"),
            command(3, b"fresh", ce_time=datetime.now(UTC).isoformat().encode()), command(4, b"odd", ce_time=b"noon"),
        )
        await until(holds(local, "select next_offset = 4 from consumed_offsets where partition = 0"))

    assert await fetch(local, "select id from counters order by id") == [("aside",), ("fresh",)]
    assert await fetch(local, "select key, reason from parked") == [("odd", "MALFORMED_HEADER")]
    assert metrics.PASSED_OVER._value.get() == passed_over + 1


async def test_an_operator_has_it_sent_again_as_it_was(local: Settings) -> None:
    """Once the topic is there, or the broker takes what it refused."""
    pool = await open_pool(local)
    await undeliverable.set_aside(pool, NOWHERE, ValueError("no such topic"))

    async with pool.acquire() as connection, connection.transaction():
        ((parked_id,),) = await fetch(local, "select id from parked")
        assert await parked.retry(connection, int(str(parked_id)), 1, "ann: made the topic", datetime.now(UTC))
        (again,) = await outbox.leftovers(connection, parked.RETRY_LANE, 10)
    await pool.close()

    assert again.record == NOWHERE


def test_a_service_knows_its_own_topics_and_those_of_the_contracts() -> None:
    """Whoever publishes events is a service; the names come from the contracts alone."""
    known = undeliverable.topics_known_to("counter")

    assert {COMMANDS, "settlement.order.replies.v1", "settlement.credit_ledger.commands.v1"} <= known
    assert NOWHERE.topic not in known
    assert "settlement.sandbox.events.v1" not in known
