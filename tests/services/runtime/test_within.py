"""What a service says to itself, over PostgreSQL and Kafka: in one transaction where its root is free, by Kafka where
another transaction has it, and where it would fail what caused it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import asyncpg
import pytest
import pytest_asyncio

from services.kernel.decision import Command, Decision, Done, Known, rule, rules, timer_rules
from services.kernel.messages import Message
from services.kernel.notices import ACKNOWLEDGED, REPEATED
from services.runtime.ground.records import heard_by, topic
from services.runtime.ground.saving import free_of
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.service import Service
from services.runtime.stored.notices import notice_table
from tests.services.runtime import counters
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import CODEC, SERVICE, Add, Counter, Total
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.raw_records import PARTITIONS
from tests.services.runtime.test_lanes import add, fetch
from tests.services.runtime.test_notices import heard

NAME = "card_redemption"
"""A service that takes commands, and so hears its own notices."""
OTHER, TOO_MUCH, UNLUCKY = "other", 1_000, 13
HELD = "alter table counters add constraint counters_held check (value < 1000)"


def decide(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """A call has what it adds added to the other counter by a notice; the notice adds it."""
    if message.key == OTHER:
        return counters.decide(known, body, message, now)
    return Decision(Done(Total(0)), commands=(Command(NAME, OTHER, body, id=f"{message.id}/told"),))


SAYING: Service = replace(
    SERVICE, name=NAME, timers=timer_rules(REPEATED),
    tables=(replace(SERVICE.tables[0], told=True), notice_table(CODEC)),
    rules=rules(rule(Add, lambda body, message: ((Counter, message.key),), decide), ACKNOWLEDGED),
)


@pytest.fixture
def own(local: Settings, cluster: MockCluster) -> Settings:
    """Settings of the service that hears itself."""
    for stream in ("commands", "events"):
        cluster.create_topic(topic(NAME, stream), PARTITIONS)
    return replace(local, service=NAME)


@pytest_asyncio.fixture(loop_scope="session")
async def saying(own: Settings, until: Until) -> AsyncIterator[Process]:
    """The service, running."""
    running = Process(SAYING, own)
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


async def _values(own: Settings) -> dict[str, int]:
    return {row[0]: row[1] for row in await fetch(own, "select id, value from counters")}


async def _left(own: Settings) -> list[int]:
    """Notices, their timers, and the answers to them."""
    return [(await fetch(own, query))[0][0] for query in (
        "select count(*) from notices", "select count(*) from timers where kind = 'notice'",
        "select count(*) from inbox where message_id like '%/told'",
    )]


async def test_what_it_says_to_itself_is_one_transaction_and_no_record(own: Settings, saying: Process) -> None:
    """When the call is answered the other counter has it, the notice is answered for, and Kafka has heard nothing."""
    await add(saying, "r", amount=5)

    assert await _values(own) == {OTHER: 5}
    assert await _left(own) == [0, 0, 1]
    assert await heard(own, heard_by(NAME)) == []


async def test_a_root_that_another_transaction_has_hears_by_kafka(own: Settings, saying: Process, until: Until) -> None:
    """Nobody waits for the lock: the call is answered, and its notice is decided when the root is free."""
    await add(saying, "first", amount=5)
    holder = await asyncpg.connect(own.dsn)
    async with holder.transaction():
        await holder.execute("select from counters where id = $1 for no key update", OTHER)
        await add(saying, "r", amount=2)
        assert (await _values(own), await _left(own)) == ({OTHER: 5}, [1, 1, 1])
    await holder.close()

    async def told() -> bool:
        return await _left(own) == [0, 0, 2]

    await until(told)
    assert await _values(own) == {OTHER: 7}
    said = {dict(each.headers)["ce_id"] for each in await heard(own, heard_by(NAME))}
    assert said == {b"r/told", b"r/told/acknowledged"}


@pytest.mark.parametrize("amount", [TOO_MUCH, UNLUCKY])
async def test_what_fails_within_is_set_aside_without_what_caused_it(
    own: Settings, saying: Process, until: Until, amount: int
) -> None:
    """A value that the database refuses, or a defect of the decision, fails the transaction: the call is decided
    without it, its notice by itself."""
    await fetch(own, HELD)

    await add(saying, "r", amount=amount)

    async def aside() -> bool:
        return bool(await fetch(own, "select from parked where message_id = 'r/told'"))

    await until(aside)
    assert await _values(own) == {}


async def test_only_roots_that_nobody_else_has_are_free(own: Settings) -> None:
    """Free and locked from now on, or not there at all; what another transaction has is neither."""
    table = SAYING.tables[0]
    one, two = [await asyncpg.connect(own.dsn) for _ in range(2)]
    await one.execute("insert into counters (id, value, version) values ('a', 0, 1), ('b', 0, 1)")
    async with one.transaction():
        assert await free_of(one, table, ["b", "new"]) == {"b", "new"}
        async with two.transaction():
            assert await free_of(two, table, ["a", "b", "new"]) == {"a", "new"}
            with pytest.raises(asyncpg.LockNotAvailableError):
                await one.execute("select from counters where id = 'a' for no key update nowait")
    await one.close()
    await two.close()
