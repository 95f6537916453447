"""Proof under fire: whatever is killed, stopped, lost, paused or repeated, every settlement ends, the auditor is clean,
and no request is answered twice with different answers."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest

from settle.audit import auditor, telling
from settle.client.tokens import Tokens
from tests.end_to_end.fire.client import Client
from tests.end_to_end.fire.conftest import ORDERS, Fire
from tests.end_to_end.fire.replay import repeat_everything

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]

SETTLEMENTS = 500
QUIET_SECONDS_MAX = 90.0
SLOW_SECONDS = 5.0
PAUSE_SECONDS_MAX = 15.0
"""Longer than PostgreSQL lets a transaction stand idle: a process may be paused in the middle of one."""
Accident = Callable[[], Awaitable[None]]


@pytest.mark.parametrize("service", ["order", "order-2", "credit_ledger", "card_redemption-2"])
async def test_a_service_is_killed(fire: Fire, service: str) -> None:
    """kill -9 in the middle of 500 settlements; the supervisor starts it again."""
    async def accident() -> None:
        fire.stack.kill(service)

    await _burn(fire, accident)


async def test_postgres_crashes(fire: Fire) -> None:
    """PostgreSQL is stopped immediately, without a checkpoint, and started again."""
    async def accident() -> None:
        await asyncio.to_thread(fire.stack.stop_postgres, True)
        await asyncio.to_thread(fire.stack.start_postgres)

    await _burn(fire, accident)


async def test_kafka_forgets_everything(fire: Fire) -> None:
    """All data of Kafka is deleted while settlements are open; the timers send again what was lost."""
    async def accident() -> None:
        await asyncio.to_thread(fire.stack.wipe_kafka)

    await _burn(fire, accident)


async def test_the_database_is_slow(fire: Fire) -> None:
    """Every answer of PostgreSQL, and every question to it, takes a while longer; then all is as before."""
    async def accident() -> None:
        fire.stack.wire.delay_seconds = 0.02
        await asyncio.sleep(SLOW_SECONDS)
        fire.stack.wire.delay_seconds = 0.0

    await _burn(fire, accident)


async def test_a_service_sleeps_past_its_lease(fire: Fire) -> None:
    """Each credit ledger in turn is paused until the other has taken over, and wakes up as a zombie."""
    moved = []

    async def accident() -> None:
        for name in ("credit_ledger", "credit_ledger-2"):
            owners = await _owners(fire)
            fire.stack.pause(name)
            await _until(partial(_moved, fire, owners), PAUSE_SECONDS_MAX)
            moved.append(await _moved(fire, owners))
            fire.stack.resume(name)

    await _burn(fire, accident)

    assert any(moved), "no pause was longer than the lease"


async def test_every_message_comes_twice(fire: Fire) -> None:
    """All records of the command and reply topics are sent once more, in the middle and at the end."""
    async def accident() -> None:
        await repeat_everything(fire.stack.broker.bootstrap)

    await _burn(fire, accident)
    assert await repeat_everything(fire.stack.broker.bootstrap) > SETTLEMENTS
    await verify(fire)


async def test_the_command_says_the_same(fire: Fire) -> None:
    """After all of it, `settle verify --json` prints one clean object and ends with 0."""
    command = [sys.executable, "-m", "settle.cli", "verify", "--data", str(fire.stack.data), "--strict", "--json"]

    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said = json.loads((await process.communicate())[0])

    assert process.returncode == 0
    assert said["clean"]
    assert said["figures"]["settlements"] > ORDERS


async def _burn(fire: Fire, accident: Accident) -> None:
    """500 settlements, the accident in their middle; then everything is asked and checked."""
    client = Client(fire.addresses, Tokens.of(fire.stack.endpoints))
    targets, first = fire.take(SETTLEMENTS), next(fire.numbers)
    assert len(targets) == SETTLEMENTS
    try:
        load = asyncio.create_task(client.settle(targets, first))
        await _until(lambda: _answered(client, SETTLEMENTS // 3), 60.0)
        await accident()
        await load
        await verify(fire)
        await client.ask_again()
    finally:
        await client.close()

    assert client.contradictions() == {}
    assert all(len(answers) >= 2 for answers in client.history.values())
    refused = [answers[0] for answers in client.history.values() if not answers[0].startswith("saga_")]
    assert refused == []


async def verify(fire: Fire) -> None:
    """The auditor's word, once nothing is under way."""
    report = await auditor.audit(fire.dsns, wait_seconds=QUIET_SECONDS_MAX, strict=True)
    assert report.clean, telling.as_text(report)
    assert not any("parked" in note for note in report.notes), report.notes


async def _answered(client: Client, count: int) -> bool:
    return len(client.history) >= count


async def _owners(fire: Fire) -> set[int]:
    """The PostgreSQL processes that hold partitions of the credit ledger."""
    connection = await asyncpg.connect(fire.dsns["credit_ledger"])
    try:
        rows = await connection.fetch(
            """select distinct l.pid from pg_locks l
               join pg_database d on d.oid = l.database and d.datname = current_database()
               where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.classid <> 24183"""
        )
    finally:
        await connection.close()
    return {row["pid"] for row in rows}


async def _moved(fire: Fire, before: set[int]) -> bool:
    """Whether a connection that held partitions holds none now, and others do."""
    owners = await _owners(fire)
    return bool(owners) and bool(before - owners)


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not await condition() and time.monotonic() < deadline:  # other processes decide
        await asyncio.sleep(0.05)
