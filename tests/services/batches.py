"""Messages decided in one transaction on a real database, without Kafka and gRPC, and what became of their rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import asyncpg
import pytest

from services.kernel.decision import Aggregate
from services.kernel.effects import Effects
from services.kernel.messages import Message
from services.kernel.notices import Notice
from services.runtime.ground.codec import Codec, Sealed
from services.runtime.ground.saving import Saving
from services.runtime.ground.tables import Connection, Table
from services.runtime.ground.writing import Overtaken, write
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.business import Business
from services.runtime.lanes.item import Item
from services.runtime.stored.outbox import Outlet
from tests.clocks import StillClock


async def decide(
    connection: Connection, business: Business, messages: Sequence[Message], now: datetime, seq: int
) -> Batch:
    """The batch of these messages, committed; a message that fails fails the test. `seq` numbers what it sends."""
    batch = Batch(business, [Item(message) for message in messages], StillClock(now))
    async with connection.transaction():
        await batch.run(connection)
        await batch.save(connection, "", Outlet(1, seq))
    for _, error in batch.effects.faulty:
        raise error
    return batch


async def check_saved(
    connection: Connection, tables: Sequence[Table], effects: Effects[Item], codec: Codec | None = None
) -> None:
    """Every row of a batch, loaded again, is the very row that was saved; it cannot be made a second time, nor be
    changed by whoever found another version of it (findings: proto_place_race). What a notice says comes back as the
    bytes of the `codec`."""
    by_kind = {table.kind: table for table in tables}
    for kind, rows in effects.dirty.items():
        table = by_kind[kind]
        async with connection.transaction():
            loaded = await table.load(connection, sorted(rows))
        assert {row.key: row for row in loaded} == {key: _stored(row, codec) for key, row in rows.items()}, kind
        with pytest.raises(asyncpg.UniqueViolationError):
            await write(connection, *table.save(loaded, {}))
        if isinstance(table.save, Saving):
            for other in (-1, 1):
                with pytest.raises(Overtaken):
                    await write(connection, *table.save(loaded, {row.key: row.version + other for row in loaded}))


def _stored(row: Aggregate, codec: Codec | None) -> Aggregate:
    return replace(row, body=Sealed(*codec.encode(row.body))) if isinstance(row, Notice) and codec else row
