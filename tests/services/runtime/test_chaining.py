"""A lane chains what it appends: the head is found in the locked root, and left there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from services.kernel.chain import EVENTS, KEY_NAME, NONE_YET, linked, name_of, origin, row_of
from services.kernel.decision import Decision, Event, Known, rule, rules
from services.kernel.errors import Defect
from services.kernel.messages import Message
from services.runtime.ground import facts
from services.runtime.ground.migrations import migrate
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.records import Outbound
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tables import Connection
from services.runtime.lanes.business import Business
from services.runtime.process import Process
from tests.services.batches import decide
from tests.services.runtime.counters import CODEC, SCHEMA, SERVICE, Add, Added, Counter

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BUSINESS = Business(SERVICE.tables, SERVICE.rules, {}, CODEC, Outbound("counter", CODEC, 4), 4)


@pytest_asyncio.fixture(loop_scope="session")
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    """To a database of counters."""
    await migrate(settings.dsn, [])
    opened = await connect_lane(settings)
    await opened.execute(SCHEMA)
    yield opened
    await opened.close()


def add(number: int, counter: str) -> Message:
    """A call that adds."""
    return Message(f"m{number}", counter, Add(1))


async def followed(connection: Connection, counter: str, key: bytes = b"") -> list[bool]:
    """Of each event of a counter, whether it has the link that it should have; in the end, whether its root has the
    head."""
    rows = await connection.fetch(
        "select sequence, type, at, saga_id, cause, payload, link from events where aggregate_id = $1 order by 1",
        counter,
    )
    head, right = NONE_YET, []
    for sequence, kind, at, saga_id, cause, payload, link in rows:
        values = kind, at, origin(saga_id, cause), payload
        should, after = linked(head, row_of(EVENTS, counter, sequence, *values), key)
        head = after if link else head
        right.append(link == should)
    return [*right, await connection.fetchval("select events_head from counters where id = $1", counter) == head]


@pytest.mark.parametrize("key", [b"", b"k" * 32])
async def test_events_are_chained_from_batch_to_batch(connection: Connection, key: bytes) -> None:
    """Several of one aggregate in one batch among those of others; the next batch goes on where it stood."""
    business = replace(BUSINESS, chain_key=key)
    await decide(connection, business, [add(n, "ab"[n % 2]) for n in range(6)], NOW, 1)
    await decide(connection, business, [add(n, "a") for n in range(6, 8)], NOW, 100)

    assert await followed(connection, "a", key) == [True] * 6
    assert await followed(connection, "b", key) == [True] * 4
    assert not all(await followed(connection, "b", b"another key"))


async def test_the_chain_goes_on_over_what_an_older_process_wrote(connection: Connection) -> None:
    """It knows no links: its events have none, and the head stays as it is."""
    await decide(connection, BUSINESS, [add(1, "a")], NOW, 1)
    await connection.execute(
        "insert into events (aggregate_id, sequence, type, at, payload) values ('a', 2, 'google.protobuf.StringValue',"
        " now(), '')"
    )
    await connection.execute("update counters set version = 2, value = 2 where id = 'a'")

    await decide(connection, BUSINESS, [add(3, "a")], NOW, 100)

    assert await followed(connection, "a") == [True, False, True, True]


async def test_what_has_no_link_by_now_is_accepted(connection: Connection) -> None:
    """As the migration does, and its owner once the last older process has stopped: up to the last without a link."""
    await connection.execute(
        "insert into events (aggregate_id, sequence, type, at, payload) select 'a', n, '', now(), ''"
        " from generate_series(1, 3) n"
    )
    await decide(connection, BUSINESS, [add(1, "b")], NOW, 1)

    for _ in range(2):
        await connection.execute("select accept_unlinked()")

    assert [tuple(row) for row in await connection.fetch("select * from chain_starts")] == [("events", "a", 3)]


async def test_an_event_of_what_did_not_change_is_a_defect(connection: Connection) -> None:
    """It would be in no chain, and nobody would miss it."""

    def stray(known: Known, body: Add, message: Message, now: datetime) -> Decision:
        return Decision(events=(Event("elsewhere", 1, Added(1)),))

    business = replace(BUSINESS, rules=rules(rule(Add, lambda body, message: ((Counter, message.key),), stray)))

    with pytest.raises(Defect, match="elsewhere"):
        await decide(connection, business, [add(1, "a")], NOW, 1)


def test_a_link_is_of_everything_before_it() -> None:
    """No two rows, heads or keys come to the same; nor does a head to a link, for a link is there to be seen."""
    def row(
        root: str = "ord_1", number: int = 1, kind: str = "Added", saga: str = "saga_1", tail: bytes = b""
    ) -> bytes:
        return row_of(EVENTS, root, number, *(kind, NOW, saga, tail))

    steps = {
        linked(NONE_YET, row()), linked(b"h" * 16, row()), linked(NONE_YET, row(), b"key"),
        linked(NONE_YET, row(tail=b"\0")), linked(NONE_YET, row("ord_11")), linked(NONE_YET, row(number=11)),
        linked(NONE_YET, row(kind="Addeds", saga="aga_1")),
    }

    assert len({each for step in steps for each in step}) == 14


async def test_a_process_with_another_key_does_not_start(connection: Connection, settings: Settings) -> None:
    """Nobody could follow a chain that is under two keys; the first process says under which it is, or under none."""
    await facts.pin(connection, KEY_NAME, name_of(b"k" * 32))
    assert await facts.pin(connection, KEY_NAME, name_of(b"")) == name_of(b"k" * 32)

    for given in ("", "5e" * 32):
        process = Process(SERVICE, replace(settings, environ={"SETTLE_CHAIN_KEY": given}))
        with pytest.raises(SettingsError, match="SETTLE_CHAIN_KEY is not what it was"):
            await process.start()
        await process._pool.close()  # tests may look inside


def test_the_key_of_the_chains_is_32_bytes_or_none() -> None:
    """Without one, chains are made under none; a bad one is refused before anything starts."""
    assert Settings("order").chain_key == b""
    assert Settings("order", environ={"SETTLE_CHAIN_KEY": "5e" * 32}).chain_key == b"\x5e" * 32
    with pytest.raises(SettingsError):
        _ = Settings("order", environ={"SETTLE_CHAIN_KEY": "5e"}).chain_key
