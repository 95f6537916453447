"""A database that was restored: its service does not start beside the topic that it had read, but beside a new one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.process import Process
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.raw_records import PARTITIONS, TOPICS, notice, send
from tests.services.runtime.test_lanes import fetch


@pytest.fixture
def emptied() -> Iterator[MockCluster]:
    """Kafka as it is once its topics were made anew."""
    mock = MockCluster()
    for name in TOPICS:
        mock.create_topic(name, PARTITIONS)
    yield mock
    mock.close()


async def run(settings: Settings, until: Until) -> None:
    """Start, be ready, stop."""
    process = Process(SERVICE, settings)
    await process.start()
    await until(lambda: process._lanes.ready)
    await process.stop()


async def restore(settings: Settings, name: str) -> None:
    """Say what `restore.sh` says, for this database alone."""
    connection = await asyncpg.connect(settings.dsn)
    await connection.execute(f"alter database \"{settings.dsn.rpartition('/')[2]}\" set settle.restored = '{name}'")
    await connection.close()


async def test_topics_that_were_not_emptied_are_refused(local: Settings, emptied: MockCluster, until: Until) -> None:
    """What is in them belongs to settlements that nobody knows; new ones are taken, once and for all."""
    await run(local, until)
    await send(local, notice("later/1", b"a", 1))
    await restore(local, "2026-11-30")

    with pytest.raises(SettingsError, match=r"2026-11-30.*make the topics anew"):
        await Process(SERVICE, local).start()
    await run(replace(local, kafka=emptied.bootstrap), until)
    await run(replace(local, kafka=emptied.bootstrap), until)

    assert [row["value"] for row in await fetch(local, "select value from counters")] == []
    facts = await fetch(local, "select value from runtime_facts where name = 'restored'")
    assert [row["value"] for row in facts] == ["2026-11-30"]


async def test_topics_with_nothing_in_them_are_emptied(local: Settings, until: Until) -> None:
    """A broker may not tell one topic of that name from the next."""
    await run(local, until)
    await restore(local, "2026-11-30")

    await run(local, until)


async def test_each_restoration_is_looked_at(local: Settings, until: Until) -> None:
    """Also one that follows another."""
    await run(local, until)
    await restore(local, "first")
    await run(local, until)
    await send(local, notice("later/1", b"a", 1))
    await restore(local, "second")

    with pytest.raises(SettingsError, match="second"):
        await Process(SERVICE, local).start()


async def test_a_topic_that_an_older_backup_never_read_is_refused(
    local: Settings, emptied: MockCluster, until: Until
) -> None:
    """Topics were made anew after that backup, and are as full of what it has never heard of as any other."""
    await run(local, until)
    later = replace(local, kafka=emptied.bootstrap)
    await send(later, notice("later/1", b"a", 1))
    await restore(local, (datetime.now(UTC) + timedelta(minutes=5)).isoformat())

    with pytest.raises(SettingsError, match="make the topics anew"):
        await Process(SERVICE, later).start()


async def test_what_was_sent_since_the_restoration_is_taken(local: Settings, until: Until) -> None:
    """Whoever starts first may send before the others have looked, and a broker may not tell a topic from the next."""
    await run(local, until)
    await restore(local, (datetime.now(UTC) - timedelta(minutes=5)).isoformat())
    await send(local, notice("since/1", b"a", 1))

    await run(local, until)

    facts = await fetch(local, "select value from runtime_facts where name = 'restored'")
    assert len(facts) == 1
