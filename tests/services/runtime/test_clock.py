"""Time is the database's: one instant for all processes, taken under the locks; a machine with another one says so."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY

from services.kernel.decision import Decision, Done, Timer, rule
from services.kernel.messages import Message, TimerDue
from services.runtime.ground.clock import ManualClock, SystemClock, open_clock
from services.runtime.ground.clock_check import CLOCK_OFF_SECONDS_MAX, ClockCheck, machine_time
from services.runtime.ground.postgres import connect_lane
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.lanes.batch import Batch
from services.runtime.lanes.item import Item
from services.runtime.process import Process
from services.runtime.stored import timers
from services.runtime.stored.outbox import Outlet
from services.runtime.stored.switches import Present
from settle.client.channels import open_channel
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1.operations_service_pb2_grpc import OperationsServiceStub
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE, Add
from tests.services.runtime.test_lanes import add, business, fetch

T0 = datetime(2031, 5, 1, 8, tzinfo=UTC)
END = datetime(2200, 12, 31, 23, 59, 59, 999_999, UTC)
BELL = replace(SERVICE, timers={"ring": rule(TimerDue, lambda body, message: (), lambda *_: Decision(Done()))})


@pytest_asyncio.fixture(loop_scope="session")
async def connection(local: Settings) -> AsyncIterator[Connection]:
    """A lane's connection."""
    opened = await connect_lane(local)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pair(local: Settings, until: Until) -> AsyncIterator[list[Process]]:
    """Two processes of one service on the manual clock; the first holds all partitions."""
    running = [Process(BELL, replace(local, clock="manual")) for _ in range(2)]
    for process in running:
        await process.start()
        await until(partial(ready, process))
    yield running
    for process in running:
        await process.stop()


def ready(process: Process) -> bool:
    """Whether its lanes can decide."""
    return process._lanes.ready


def operations(process: Process) -> Any:  # Any: the generated stub is typed for blocking channels
    """The operators' service of a process."""
    return OperationsServiceStub(open_channel(f"127.0.0.1:{process._server.port}"))


async def set_clock(process: Process, at: datetime) -> None:
    """Move the time through this process."""
    stamp = Timestamp()
    stamp.FromDatetime(at)
    await operations(process).SetClock(pb.SetClockRequest(request_id=str(uuid4()), time=stamp))


async def test_all_processes_agree_on_the_manual_instant(pair: list[Process], local: Settings) -> None:
    """Set through one, it is shown and decided by in the other at once, backwards too."""
    for mover, other in (pair, pair[::-1]):
        at = T0 if mover is pair[0] else T0 - timedelta(days=400)
        await set_clock(mover, at)
        await add(other, str(uuid4()))
        shown = await operations(other).GetClock(pb.GetClockRequest())

        assert (shown.time.ToDatetime(UTC), shown.manual) == (at, True)
        assert [row[0] for row in await fetch(local, "select max(sequence) from events where at = $1", at)] != [None]


async def test_a_timer_fires_when_another_process_moves_the_time(
    pair: list[Process], local: Settings, until: Until
) -> None:
    """The process that holds the timer's partition sees the same row."""
    await set_clock(pair[0], T0)
    due = T0 + timedelta(days=1)
    await fetch(local, "insert into timers values ('ring', 'b', 'b', 0, $1), ('ring', 'c', 'c', 1, $1)", due)

    async def rung() -> bool:
        return await fetch(local, "select from timers") == []

    await set_clock(pair[1], due - timedelta(microseconds=1))
    await add(pair[1], str(uuid4()))
    before = await rung()
    await set_clock(pair[1], due)
    await until(rung)

    assert not before


async def test_a_manual_clock_begins_at_the_present_and_goes_on_where_it_was_left(connection: Connection) -> None:
    """And tells who registered that it moved; without a zone it does not move."""
    told: list[bool] = []
    clock = await open_clock(connection, "manual")
    assert isinstance(clock, ManualClock)
    begun = await clock.now(connection)
    clock.on_set.append(lambda: told.append(True))

    await clock.set(connection, T0)
    clock.moved()
    left = await open_clock(connection, "manual")

    assert begun <= await SystemClock().now(connection)
    assert (await left.now(connection), told) == (T0, [True])
    with pytest.raises(ValueError, match="no time zone"):
        await clock.set(connection, datetime(2026, 1, 1))  # noqa: DTZ001
    assert isinstance(await open_clock(connection, "system"), SystemClock)


async def test_a_timer_that_was_found_before_the_clock_was_set_back_is_not_due(connection: Connection) -> None:
    """Unless it waited for a claim: where it was moved to then is no later time for it."""
    clock, ring, moved = await open_clock(connection, "manual"), ("ring", "a"), timedelta(seconds=5)
    assert isinstance(clock, ManualClock)
    await timers.ensure(connection, [Timer(*ring, "a", T0)], partitions=1)
    await clock.set(connection, T0)
    (found,) = await timers.find_due(connection, [0], clock, 1, sagas=False)

    await clock.set(connection, T0 - moved)

    assert found.body == TimerDue(*ring, T0)
    assert await timers.still_due(connection, {ring: None}, clock) == (Present(T0 - moved), set())
    assert await timers.still_due(connection, {ring: T0}, clock) == (Present(T0 - moved), {ring})


async def test_a_decision_gets_the_instant_at_which_its_root_was_free(
    connection: Connection, local: Settings, until: Until
) -> None:
    """Waiting for the lock counts (CV-11): no root is decided at an earlier instant than before."""
    holder = await asyncpg.connect(local.dsn)
    await fetch(local, "insert into counters values ('c', 1, 1)")
    held = holder.transaction()
    await held.start()
    await holder.execute("select from counters where id = 'c' for update")

    async def decide() -> None:
        async with connection.transaction():
            batch = Batch(business(), [Item(Message("late", "c", Add(1)))], SystemClock())
            await batch.run(connection)
            await batch.save(connection, "", Outlet(1, 1))

    async def waits() -> bool:
        return bool(await fetch(local, "select from pg_stat_activity where wait_event_type = 'Lock'"))

    deciding = asyncio.create_task(decide())
    await until(waits)
    freed = await holder.fetchval("select clock_timestamp()")
    await held.commit()
    await deciding

    assert [row[0] >= freed for row in await fetch(local, "select at from events")] == [True]
    assert [row[0] >= freed for row in await fetch(local, "select decided_at from inbox")] == [True]
    await holder.close()


@pytest.mark.parametrize("stored", ["9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59.999999+00:00", END.isoformat()])
async def test_a_clock_at_the_end_of_the_calendar_harms_nothing(
    local: Settings, until: Until, stored: str
) -> None:
    """F13: whatever is stored, decisions are made at the last instant that may come in, defects of theirs and timers
    among them, and the process goes on."""
    await fetch(local, "insert into runtime_facts values ('manual_clock', $1)", stored)
    await fetch(local, "insert into timers values ('unknown', 'b', 'b', 0, $1)", T0)
    process = Process(SERVICE, replace(local, clock="manual"))
    await process.start()
    await until(lambda: process._lanes.ready)
    ended = asyncio.create_task(process.wait(asyncio.Event()))

    done = await add(process, str(uuid4()), 5)
    with pytest.raises(Exception, match="could not be decided"):
        await add(process, str(uuid4()), 13)
    again = await add(process, str(uuid4()), 6)

    async def put_off() -> bool:
        return bool(await fetch(local, "select from timers where due_at > $1", END))

    await until(put_off)
    assert (done.verdict, again.verdict) == ("DONE", "DONE")
    assert {row[0] for row in await fetch(local, "select at from events")} == {END}
    assert not ended.done()
    ended.cancel()
    await process.stop()


def off_by(seconds: float) -> Callable[[], datetime]:
    """A machine whose clock is so far ahead."""
    return lambda: machine_time() + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "word"), [
    (CLOCK_OFF_SECONDS_MAX + 1, "ahead of"), (-CLOCK_OFF_SECONDS_MAX - 1, "behind"), (4.0, ""), (-4.0, ""), (0.0, ""),
    (365 * 86_400.0, "ahead of"),
])
async def test_a_clock_that_is_off_is_told(connection: Connection, seconds: float, word: str) -> None:
    """In words and in figures; one that is right within five seconds is not."""
    check = ClockCheck(off_by(seconds))

    await check.look(connection)

    assert word in check.fault
    assert bool(check.fault) is bool(word)
    assert REGISTRY.get_sample_value("settle_clock_off_seconds") == pytest.approx(seconds, abs=0.5)


async def test_a_process_whose_clock_is_off_is_not_ready_and_says_why(local: Settings, until: Until) -> None:
    """Health says NOT_SERVING, /readyz why; what reaches it all the same is decided by the database's time. Once the
    clock is right, it is ready."""
    off = [-60.0]
    process = Process(SERVICE, local, lambda: off_by(off[0])())
    await process.start()
    await until(lambda: process._lanes.ready)
    host, port = process._metrics.sockets[0].getsockname()
    asked: Any = health_pb2_grpc.HealthStub(open_channel(f"127.0.0.1:{process._server.port}"))

    async def readyz() -> str:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
        answer = (await reader.read()).decode()
        writer.close()
        return answer

    async def serving() -> bool:
        answer = await asked.Check(health_pb2.HealthCheckRequest())
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    refused, served = await readyz(), await serving()
    before = machine_time()
    await add(process, str(uuid4()))
    decided_at = (await fetch(local, "select decided_at from inbox"))[0][0]
    off[0] = 0.0
    await until(serving)

    assert "not ready: the clock is 60.0 s behind the database's, at most 5 s" in refused
    assert not served
    assert abs((decided_at - before).total_seconds()) < 30
    assert "200 OK" in await readyz()
    await process.stop()
