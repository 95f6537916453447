"""The fence: what was consumed before is not decided again, whoever was paused meanwhile."""

from dataclasses import replace

import asyncpg
import pytest

from services.kernel.messages import Message
from services.runtime.ground.migrations import migrate
from services.runtime.ground.settings import Settings
from services.runtime.lanes.item import Item, RecordPlace, lock_records, next_offsets
from services.runtime.stored import offsets

TOPIC = "settlement.service.commands.v1"


def _recorded(partition: int, offset: int) -> Item:
    return Item(Message(f"{partition}/{offset}", "key", None), record=RecordPlace(TOPIC, partition, offset, [], b""))


def test_a_partition_is_read_on_after_its_last_record() -> None:
    """What nobody brought says nothing of a partition."""
    called = replace(_recorded(0, 9), record=None)

    assert next_offsets([_recorded(0, 4), _recorded(0, 3), called, _recorded(1, 0)]) == {0: 5, 1: 1}


async def test_what_was_consumed_is_not_decided_again(settings: Settings) -> None:
    """Another lane read on while this one was paused; a partition without a row was taken away."""
    await migrate(settings.dsn, [])
    connection = await asyncpg.connect(settings.dsn)
    await offsets.start(connection, TOPIC, {0: (0, 9)}, "epoch")
    await offsets.save(connection, TOPIC, {0: 5})
    items = [_recorded(0, offset) for offset in range(3, 8)]
    called = replace(items[0], record=None)

    fresh = await lock_records(connection, TOPIC, [*items, called])

    assert [item.record and item.record.offset for item in fresh] == [5, 6, 7, None]
    with pytest.raises(ConnectionError):
        await lock_records(connection, TOPIC, [_recorded(1, 0)])
    await connection.close()
