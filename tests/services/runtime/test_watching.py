"""Accepted stays accepted: whoever waits for an end is told with what was committed, whoever else reads meanwhile
(findings: proto_waiters, readers_kill)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest_asyncio
from google.protobuf.wrappers_pb2 import UInt64Value

from services.kernel.errors import Defect, SettlementError
from services.kernel.messages import Message, Op
from services.kernel.saga import Phase
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.rpc.server import channel
from services.runtime.stored import sagas
from services.runtime.stored.steps import Step
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.operations.v1.operations_service_pb2_grpc import OperationsServiceStub
from settlement.order.v1 import order_service_pb2 as order
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import Add, Counter
from tests.services.runtime.errands import DEFINITIONS, SERVICE, SHIP, TOPICS, VAN, Begin, reply, whole_way
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.test_edge import edge_of
from tests.services.runtime.test_lanes import fetch

WAITERS = 800


@pytest_asyncio.fixture(loop_scope="session")
async def small(local: Settings, cluster: MockCluster) -> Settings:
    """Settings of the coordinator, with room for two readers and two more who wait."""
    for name in TOPICS:
        cluster.create_topic(name, local.partitions)
    return replace(local, service="errands", pool_connections_max=2, pool_waiting_max=2)


@pytest_asyncio.fixture(loop_scope="session")
async def process(small: Settings, until: Until) -> AsyncIterator[Process]:
    """The coordinator, running."""
    running = Process(SERVICE, small)
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


async def begun(process: Process, name: str) -> None:
    """An errand of this name, for a counter of this name."""
    await process._lanes.submit(Message(str(uuid4()), name, Begin(name), uuid4().hex), b"h", 20.0)


async def readers_full(process: Process, stack: AsyncExitStack) -> None:
    """Readers have all connections that readers can have, and as many wait as may."""
    for _ in range(2):
        await stack.enter_async_context(process._pool.acquire())

    async def wait() -> None:
        with suppress(SettlementError):
            async with process._pool.acquire():
                pass

    for _ in range(2):
        stack.callback(asyncio.create_task(wait()).cancel)
    await asyncio.sleep(0)
    assert process._pool.waiting == 2


async def test_800_who_wait_are_told_though_nobody_can_read(process: Process, small: Settings) -> None:
    """Each hears the end of its own errand, with its counter. Before, each read for itself, and most were refused."""
    edge = edge_of(process, small)
    names = [f"saga_{number}" for number in range(WAITERS)]
    await asyncio.gather(*(begun(process, name) for name in names))
    refused = metrics.REJECTED.labels("readers")._value.get()

    async with AsyncExitStack() as stack:
        await readers_full(process, stack)
        waiting = [asyncio.create_task(edge.awaited(name, 20, since=1)) for name in names]
        await asyncio.sleep(0)
        for name in names:
            for message in whole_way(name, name):
                process._lanes.feed_back(message)
        steps = await asyncio.gather(*waiting)

    assert [told.run.id for told in steps if told is not None and told.run.phase is Phase.DONE] == names
    assert all(told is not None and told.find(Counter, told.run.root) == Counter(told.run.root, 1, 1) for told in steps)
    assert metrics.REJECTED.labels("readers")._value.get() == refused
    assert process._watchers.watched == 0


async def test_an_errand_is_watched_step_by_step(process: Process, small: Settings) -> None:
    """From where it stands; each step with its next wake-up, which a step may leave as it was."""
    edge, told = edge_of(process, small), asyncio.Queue[Step | None]()
    await begun(process, "saga_1")

    async def watch() -> None:
        async with aclosing(edge.watch("saga_1")) as steps:
            async for step in steps:
                told.put_nowait(step)
        told.put_nowait(None)

    watching = asyncio.create_task(watch())
    seen = [await told.get()]
    for message in whole_way("saga_1", "saga_1"):
        process._lanes.feed_back(message)
        seen.append(await told.get())
    await watching

    stood = [(step.run.phase, step.run.version, step.wake_at is not None) for step in seen if step is not None]
    assert stood == [
        (Phase.TRYING, 1, True), (Phase.TRYING, 2, True), (Phase.CONFIRMING, 3, True), (Phase.CONFIRMING, 4, True),
        (Phase.DONE, 5, False),
    ]
    assert seen[1] is not None
    assert seen[0] is not None
    assert seen[1].wake_at == seen[0].wake_at
    assert told.get_nowait() is None


async def test_a_step_whose_wake_up_nobody_knows_is_looked_for(process: Process, small: Settings) -> None:
    """Who waits from a version on has seen no step; the first that comes may not say when the next is due."""
    await begun(process, "saga_1")
    waiting = asyncio.create_task(edge_of(process, small).awaited("saga_1", 1.0, since=1))
    await asyncio.sleep(0)
    process._lanes.feed_back(reply("saga_1", "saga_1", VAN, Op.TRY))

    step = await waiting

    assert step is not None
    assert (step.run.version, step.wake_at) == (
        2, (await fetch(small, "select due_at from timers where key = 'saga_1'"))[0][0]
    )


async def test_what_another_process_commits_is_found_for_all_at_once(process: Process, small: Settings) -> None:
    """One statement for everybody, on a connection that no reader can have."""
    edge = edge_of(process, small)
    names = [f"saga_{number}" for number in range(50)]
    await asyncio.gather(*(begun(process, name) for name in names))
    other = await asyncpg.connect(small.dsn)

    async with AsyncExitStack() as stack:
        await readers_full(process, stack)
        waiting = [asyncio.create_task(edge.awaited(name, 20, since=1)) for name in names]
        await asyncio.sleep(0)
        await other.execute("update sagas set phase = 'DONE', version = 9")
        steps = await asyncio.gather(*waiting)

    assert [(step.run.id, step.run.version) for step in steps if step is not None] == [(name, 9) for name in names]
    assert all(step is not None and step.find(Counter, step.run.root) is not None for step in steps)
    await other.close()


async def test_who_begins_to_watch_has_it_looked_for(process: Process, small: Settings) -> None:
    """Where somebody had watched in vain for long, the next one was told what was known, and the news seconds later."""
    edge, first = edge_of(process, small), asyncio.Event()
    await begun(process, "saga_1")

    async def watch() -> None:
        async with aclosing(edge.watch("saga_1")) as steps:
            async for _ in steps:
                first.set()

    watching = asyncio.create_task(watch())
    await first.wait()
    process._watchers._later(process._watchers._watched["saga_1"], 60.0)
    await fetch(small, "update sagas set phase = 'DONE', version = 9")
    step = await edge.awaited("saga_1", 5.0)

    assert step is not None
    assert (step.run.phase, step.run.version) == (Phase.DONE, 9)
    async with asyncio.timeout(5):
        await watching


async def test_nobody_hears_of_a_saga_that_does_not_exist(process: Process, small: Settings) -> None:
    """The watch ends at once."""
    async with asyncio.timeout(5), aclosing(edge_of(process, small).watch("saga_none")) as steps:
        assert [step async for step in steps] == []


async def test_a_saga_that_is_a_digest_by_now_is_shown_at_its_end(process: Process, small: Settings) -> None:
    """It was unknown to those who watch, though who reads finds it."""
    await begun(process, "saga_1")
    other = await asyncpg.connect(small.dsn)
    await other.set_type_codec("json", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes)
    await other.execute("update sagas set phase = 'DONE', version = 5, updated_at = now()")
    assert await sagas.digest(other, DEFINITIONS, datetime.now(UTC) + timedelta(days=1), most=1) == 1
    await other.close()

    async with asyncio.timeout(5), aclosing(edge_of(process, small).watch("saga_1")) as steps:
        seen = [step async for step in steps]

    assert [(step.run.phase, step.run.version, step.wake_at) for step in seen] == [(Phase.DONE, 5, None)]
    assert seen[0].find(Counter, seen[0].run.root) is not None


async def test_a_saga_that_cannot_be_read_harms_only_who_watches_it(process: Process, small: Settings) -> None:
    """One that no definition knows, among others."""
    edge = edge_of(process, small)
    names = ["saga_1", "saga_2", "saga_3"]
    await asyncio.gather(*(begun(process, name) for name in names))
    await fetch(small, "update sagas set kind = 'unheard_of' where id = 'saga_2'")

    async def first(name: str) -> Phase:
        async with aclosing(edge.watch(name)) as steps:
            return (await anext(steps)).run.phase

    found = await asyncio.gather(*(first(name) for name in names), return_exceptions=True)

    assert [found[0], found[2]] == [Phase.TRYING, Phase.TRYING]
    assert isinstance(found[1], Defect)


async def test_who_does_not_wait_long_enough_hears_how_far_it_came(process: Process, small: Settings) -> None:
    """Never an error: the settlement is accepted, and in progress."""
    edge = edge_of(process, small)
    await begun(process, "saga_1")

    nothing_new = await edge.awaited("saga_1", 0.2, since=1)
    process._lanes.feed_back(reply("saga_1", "saga_1", SHIP, Op.TRY))
    further = await edge.awaited("saga_1", 0.5, since=1)

    assert nothing_new is None
    assert further is not None
    assert (further.run.phase, further.run.version) == (Phase.TRYING, 2)


async def test_ends_are_kept_together_though_nobody_can_read(process: Process, small: Settings) -> None:
    """Each call's own; a second end under one request id does not replace the first."""
    edge = edge_of(process, small)
    requests = [order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1") for _ in range(300)]

    class Call:
        def time_remaining(self) -> float:
            return 20.0

        def invocation_metadata(self) -> tuple[()]:
            return ()

    call: Any = Call()
    told = await asyncio.gather(*(
        edge.ask(call, request, key=f"c{n}", body=Add(n + 100)) for n, request in enumerate(requests)
    ))
    async with AsyncExitStack() as stack:
        await readers_full(process, stack)
        kept = await asyncio.gather(*(
            edge.keep(request, answer, UInt64Value(value=1_000 + answer.value))
            for request, answer in zip(requests, told, strict=True)
        ))
        later = await edge.keep(requests[0], told[0], UInt64Value(value=7))
    again = await edge.ask(call, requests[5], key="c5", body=Add(105))

    assert [answer.value for answer in kept] == [1_100 + n for n in range(300)]
    assert (later.value, again.value) == (1_100, 1_105)


async def test_400_readers_cost_no_lane_its_session(process: Process, small: Settings, until: Until) -> None:
    """Timers, clearing and sweeps have connections of their own. Before, a reader's refusal ended the feed, and with it
    the session, several times a second."""
    lost, stop = metrics.SESSIONS_LOST._value.get(), asyncio.Event()
    lane_ids, refused = process._lanes.alive(), 0

    async def read() -> None:
        nonlocal refused
        while not stop.is_set():
            try:
                async with process._pool.acquire() as connection:
                    await connection.execute("select pg_sleep(0.02)")
            except SettlementError:
                refused += 1
                await asyncio.sleep(0.1)

    readers = [asyncio.create_task(read()) for _ in range(400)]
    for number in range(20):
        await begun(process, f"saga_{number}")
    await fetch(small, "update timers set due_at = now()")

    async def woken() -> bool:
        return not await fetch(small, "select from sagas where attempts = 0")

    async def cleared() -> bool:
        return not await fetch(small, "select from outbox")

    await until(woken, 20)
    await until(lambda: process._lanes.unpublished == 0)
    await process.chores.sweep()
    await until(cleared, 20)
    stop.set()
    await asyncio.gather(*readers)

    assert refused >= 400
    assert (metrics.SESSIONS_LOST._value.get(), process._lanes.alive()) == (lost, lane_ids)


async def test_operators_see_and_act_while_nobody_can_read(process: Process) -> None:
    """On connections of their own. Before, they were told that there are too many readers."""
    async with AsyncExitStack() as stack, channel(f"127.0.0.1:{process._server.port}", 5) as opened:
        await readers_full(process, stack)
        operators: Any = OperationsServiceStub(opened)

        activity = await operators.GetActivity(operations.GetActivityRequest())

    assert (activity.service, activity.queued) == ("errands", 0)


async def test_a_read_that_waits_is_woken_by_the_commit(process: Process, small: Settings) -> None:
    """By its key, whatever kind of row it is; and by nothing else."""
    edge = edge_of(process, small)

    with edge.changes("saga_1") as changed, edge.changes("other") as other:
        await begun(process, "saga_1")
        assert (changed.is_set(), other.is_set()) == (True, False)
    assert not process._watchers._keys
