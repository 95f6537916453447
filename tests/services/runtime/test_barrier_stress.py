"""The barrier under stress: duplicates, cancels before tries, roll-backs, any lane takes any batch (RELIABILITY 4.2).

The variant under test locks the roots first, in one order, and reads the inbox after. The variant that reads before it
locks stands beside it: the tests that catch it are the proof that this test can see.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import asyncpg
import pytest

from services.kernel.effects import ToLoad
from services.kernel.messages import Message, Op, SagaRef
from services.runtime.ground.migrations import migrate
from services.runtime.ground.tables import Connection
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.item import Item
from services.runtime.stored import inbox
from services.runtime.stored.outbox import Outlet
from tests.clocks import StillClock
from tests.services.runtime.boxes import SCHEMA, Put, business
from tests.settle.audit.scratch import server

LANES, BOXES, SAGAS, ROOM = 12, 60, 1_500, 600
ROLLED_BACK, SLOW = 0.15, 0.3
CLOCK = StillClock(datetime(2026, 1, 1, tzinfo=UTC))
BUSINESS = business()


class EarlyReader(Batch):
    """The wrong order: the inbox is read before the roots are locked."""

    async def _load(self, connection: Connection, wanted: ToLoad) -> None:
        _, early = await inbox.load(connection, wanted.answers, CLOCK)
        await super()._load(connection, wanted)
        self._admission.stored = early


class Claim(NamedTuple):
    """One saga of the stress: which box, how much, and whether it is cancelled in the end."""

    saga_id: str
    box: str
    amount: int
    cancelled: bool

    def item(self, op: Op) -> Item:
        """One of its commands, as a lane takes it from Kafka."""
        saga = SagaRef(self.saga_id, "boxes", op)
        return Item(Message(f"{self.saga_id}/{op}", self.box, Put(self.amount), saga=saga, caller="tester/t"))


class Found(NamedTuple):
    """What the stress left behind."""

    wrong_boxes: int
    leaked: int
    events: Counter[str]


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[str]:
    """A fresh database with the runtime's tables and boxes in it."""
    name = f"stress_{random.randrange(10**9)}"
    admin = await asyncpg.connect(f"{dsn}/postgres")
    await admin.execute(f"create database {name}")
    await migrate(f"{dsn}/{name}", [])
    connection = await asyncpg.connect(f"{dsn}/{name}")
    await connection.execute(SCHEMA)
    await connection.execute(
        "insert into boxes (id, room, version) select 'box_' || n, $1, 1 from generate_series(0, $2) n", ROOM, BOXES - 1
    )
    yield f"{dsn}/{name}"
    await connection.close()
    await admin.execute(f"drop database {name}")
    await admin.close()


@pytest.mark.parametrize("seed", range(3))
async def test_no_claim_is_lost_or_doubled(database: str, seed: int) -> None:
    """Locked first, read after: every box is right, nothing conflicts, nothing deadlocks."""
    found = await _stress(database, Batch, seed)

    assert (found.wrong_boxes, found.leaked) == (0, 0)
    assert found.events["conflict"] == found.events["deadlock"] == 0
    assert found.events["set aside"] == 0
    assert min(found.events[kind] for kind in ("DONE", "REFUSED", "TOMBSTONED", "rolled back")) > 0


async def test_the_lock_alone_keeps_the_claims(database: str) -> None:
    """The order protects even without the inbox's primary key, which is only the last defence."""
    await _drop_primary_key(database)

    found = await _stress(database, Batch, 7)

    assert (found.wrong_boxes, found.leaked, found.events["conflict"]) == (0, 0, 0)


async def test_reading_before_locking_is_caught(database: str) -> None:
    """The wrong order runs into the primary key: its batches conflict where the right one's never do."""
    found = await _stress(database, EarlyReader, 7)

    assert found.events["conflict"] > 0


async def test_reading_before_locking_leaks_without_the_key(database: str) -> None:
    """With the key gone, the wrong order doubles claims and undoes what it should not."""
    await _drop_primary_key(database)

    found = await _stress(database, EarlyReader, 7)

    assert found.wrong_boxes > 0 or found.events["broken law"] > 0


async def _drop_primary_key(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("alter table inbox drop constraint inbox_pkey")
    await connection.execute("create index on inbox (message_id)")
    await connection.close()


async def _stress(database: str, variant: type[Batch], seed: int) -> Found:
    rng = random.Random(seed)
    claims = [
        Claim(f"saga_{n}", f"box_{rng.randrange(BOXES)}", rng.randrange(1, 100), rng.random() < 0.4)
        for n in range(SAGAS)
    ]
    events: Counter[str] = Counter()
    await _run_lanes(database, variant, _shuffled(claims, rng), rng, events)
    tried = await _tried(database)
    confirms = [c.item(Op.CONFIRM) for c in claims if not c.cancelled and c.saga_id in tried for _ in range(2)]
    rng.shuffle(confirms)
    await _run_lanes(database, variant, confirms, rng, events)
    return await _count(database, claims, tried, events)


def _shuffled(claims: list[Claim], rng: random.Random) -> list[Item]:
    """Tries and cancels, some twice, each near its saga's turn, in no order."""
    timed: list[tuple[float, Claim, Op]] = []
    for turn, claim in enumerate(claims):
        timed += [(turn + rng.random() * 60, claim, Op.TRY) for _ in range(rng.choice((1, 1, 2)))]
        if claim.cancelled:
            timed += [(turn + rng.random() * 60, claim, Op.CANCEL) for _ in range(rng.choice((1, 2)))]
    return [claim.item(op) for _, claim, op in sorted(timed)]


async def _run_lanes(
    database: str, variant: type[Batch], items: list[Item], rng: random.Random, events: Counter[str]
) -> None:
    parts = iter(_parts(items, rng))
    await asyncio.gather(*(_lane(database, variant, lane, parts, rng, events) for lane in range(LANES)))


def _parts(items: list[Item], rng: random.Random) -> Iterator[list[Item]]:
    start = 0
    while start < len(items):
        size = rng.choice((1, 5, 30))
        yield items[start : start + size]
        start += size


async def _lane(
    database: str, variant: type[Batch], lane: int, parts: Iterator[list[Item]], rng: random.Random,
    events: Counter[str],
) -> None:
    connection = await asyncpg.connect(database)
    lane_id = await connection.fetchval("select nextval('lane_ids')")
    seq = 1
    for part in parts:
        while True:
            batch = variant(BUSINESS, part, CLOCK)
            seq += 1_000
            if await _attempt(connection, batch, lane_id, seq, rng, events):
                break
    await connection.close()


async def _attempt(
    connection: Connection, batch: Batch, lane_id: int, seq: int, rng: random.Random, events: Counter[str]
) -> bool:
    """One transaction; False if it has to be tried again."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await batch.run(connection)
        await batch.save(connection, "", Outlet(lane_id, seq))
        if rng.random() < SLOW:
            await connection.execute("select pg_sleep($1)", rng.random() * 0.01)
        if rng.random() < ROLLED_BACK:
            await transaction.rollback()
            events["rolled back"] += 1
            return False
        await transaction.commit()
    except asyncpg.UniqueViolationError:
        await transaction.rollback()
        events["conflict"] += 1
        return False
    except asyncpg.DeadlockDetectedError:
        await transaction.rollback()
        events["deadlock"] += 1
        return False
    except asyncpg.CheckViolationError:
        await transaction.rollback()
        events["broken law"] += 1
        return True
    events["set aside"] += len(batch.effects.faulty)
    events.update(answered.verdict.value for answered in batch.encoded.answered.values())
    return True


async def _tried(database: str) -> set[str]:
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("select message_id from inbox where message_id like '%/T' and verdict = 'DONE'")
    await connection.close()
    return {row[0].removesuffix("/T") for row in rows}


async def _count(database: str, claims: list[Claim], tried: set[str], events: Counter[str]) -> Found:
    """Nothing may be held in the end, and each box keeps exactly what was tried and not cancelled."""
    expected: Counter[str] = Counter()
    for claim in claims:
        if claim.saga_id in tried and not claim.cancelled:
            expected[claim.box] += claim.amount
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("select id, held, kept from boxes")
    await connection.close()
    wrong = [row for row in rows if row[1] or row[2] != expected[row[0]]]
    return Found(len(wrong), sum(row[1] + row[2] - expected[row[0]] for row in rows), events)
