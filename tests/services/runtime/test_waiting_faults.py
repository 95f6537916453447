"""Who waits for a claim and cannot be decided, or costs the lane its session, is found among the others (BZ-3)."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from threading import Thread

import asyncpg
import pytest
import pytest_asyncio

from services.kernel.decision import Decision, Known, Rule
from services.kernel.errors import Internal
from services.kernel.messages import Message, Op, TimerDue
from services.kernel.saga import Verdict
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.service import Service
from tests.services.runtime.claimed import RING, SCHEMA, claimed_service
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import Add
from tests.services.runtime.raw_records import command, holds, lost, send
from tests.services.runtime.test_lanes import fetch
from tests.services.runtime.test_slow_decisions import _end_sessions
from tests.services.runtime.test_waiting import KEY, Running

FULL = 1_000
"""The table holds no more: neither what comes to more nor the refusal of it is data that PostgreSQL cannot take."""


def deadly(service: Service, settings: Settings) -> Service:
    """The session is lost while a free root takes a call, or a claim its CONFIRM, that has `deadly` in its name, as if
    deciding it took too long; what has `slow` in it takes 10 ms."""
    rule, ring = service.rules[Add], service.timers[RING]

    def end_sessions() -> None:
        ending = Thread(target=asyncio.run, args=(_end_sessions(settings),))
        ending.start()
        ending.join()

    def decide(known: Known, body: Add, message: Message, now: datetime) -> Decision:
        decision = rule.decide(known, body, message, now)
        if "slow" in message.id:
            time.sleep(0.01)
        if "deadly" in message.id and (message.saga is None or message.saga.op is Op.CONFIRM):
            end_sessions()
        return decision

    def rung(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        decision = ring.decide(known, body, message, now)
        if body.key == "deadly":
            end_sessions()
        return decision

    return replace(
        service, rules={Add: Rule(Add, rule.wants, decide)}, timers={RING: Rule(TimerDue, ring.wants, rung)}
    )


@pytest_asyncio.fixture(loop_scope="session")
async def running(local: Settings, until: Until) -> AsyncIterator[Running]:
    """The service, running."""
    connection = await asyncpg.connect(local.dsn)
    await connection.execute(SCHEMA)
    await connection.execute(f"alter table claimed add constraint room check (value <= {FULL})")
    await connection.close()
    decisions, rung = Counter[str](), list[str]()
    settings = replace(local, batch_messages_max=64, deciding_ms_max=100)
    process = Process(deadly(claimed_service(decisions, rung), settings), settings)
    await process.start()
    await until(lambda: process._lanes.ready)
    yield Running(process, settings, until, decisions, rung)
    await process.stop()


async def test_one_who_can_neither_be_stored_nor_set_aside_waits_no_longer(running: Running) -> None:
    """It was decided over and over, and nobody behind it ever; a command is sent again by its coordinator."""
    await running.claim()
    running.command(Op.EXECUTE, "saga_1", FULL)
    await running.until(lambda: running.waiting == 1)
    bad = running.call("bad", FULL)
    await running.until(lambda: running.waiting == 2)
    good = running.call("good")
    await running.until(lambda: running.waiting == 3)

    running.command(Op.CONFIRM, "saga_0")
    async with asyncio.timeout(10):
        told = await asyncio.gather(bad, good, return_exceptions=True)

    assert isinstance(told[0], Internal)
    assert not isinstance(told[1], BaseException)
    assert told[1].verdict is Verdict.DONE
    await running.until(lambda: running.waiting == 0)
    assert not running.process._lanes._lanes[0].waiting.awake


async def test_one_who_cannot_be_stored_does_not_fail_batch_after_batch(running: Running) -> None:
    """While much else came in, it failed each transaction, which then ran again in halves."""
    await running.claim()
    bad = running.call("bad", FULL)
    await running.until(lambda: running.waiting == 1)

    running.command(Op.CONFIRM, "saga_0")
    others = [
        running.process._lanes.submit(Message(f"other_{n}", f"other_{n}", Add(1), f"other_{n}"), b"h", 20.0)
        for n in range(2_000)
    ]
    async with asyncio.timeout(20):
        await asyncio.gather(*others)
        with pytest.raises(Internal):
            await bad

    assert running.decisions["bad"] <= 5


async def test_one_who_costs_the_session_when_its_turn_comes_is_isolated(running: Running) -> None:
    """It was aboard each session anew, and nothing was ever decided again."""
    await running.claim()
    before = lost()
    bad, good = running.call("deadly"), running.call("good")
    await running.until(lambda: running.waiting == 2)

    running.command(Op.CONFIRM, "saga_0")
    async with asyncio.timeout(30):
        told = await asyncio.gather(bad, good, return_exceptions=True)

    assert isinstance(told[0], Internal)
    assert not isinstance(told[1], BaseException)
    assert lost() - before <= 6
    assert running.waiting == 0


async def test_what_ends_a_claim_and_costs_the_session_is_isolated_though_others_wait(running: Running) -> None:
    """Those who wait for its end were its company, so that it was never alone."""
    await running.claim("saga_deadly")
    before = lost()
    waiting = running.call("waiting", seconds=60.0)
    await running.until(lambda: running.waiting == 1)

    headers = {"ce_id": b"saga_deadly/counter/F", "ce_saga": b"saga_deadly", "ce_op": b"F"}
    await send(running.settings, command(0, KEY.encode(), **headers))
    await running.until(holds(running.settings, "select count(*) = 1 from parked where reason = 'SESSION_LOST'"), 30)

    assert lost() - before <= 6
    assert not waiting.done()
    running.command(Op.CANCEL, "saga_deadly")
    assert (await waiting).verdict is Verdict.DONE


async def test_a_timer_that_costs_the_session_when_its_turn_comes_comes_later(running: Running) -> None:
    """It was found among those who wait, and nowhere else."""
    await running.claim()
    before = lost()
    await fetch(
        running.settings, "insert into timers values ($1, 'deadly', $2, 0, now() - interval '1 hour')", RING, KEY
    )
    await running.until(lambda: running.waiting == 1)
    good = running.call("good", seconds=60.0)
    await running.until(lambda: running.waiting == 2)

    running.command(Op.CANCEL, "saga_0")
    async with asyncio.timeout(30):
        await good
    later = "select due_at > now() + interval '30 seconds' from timers where key = 'deadly'"
    await running.until(holds(running.settings, later), 30)

    assert lost() - before <= 8


async def test_those_who_waited_count_among_what_fits_into_a_transaction(running: Running) -> None:
    """Their time was counted and they were not: then it seemed that one message was too many."""
    await running.claim()
    calls = [running.call(f"slow_{n}") for n in range(30)]
    await running.until(lambda: running.waiting == 30)

    running.command(Op.CANCEL, "saga_0")
    async with asyncio.timeout(10):
        await asyncio.gather(*calls)

    assert running.process._lanes._lanes[0]._deciding._pace.most >= 5


async def test_a_long_line_leaves_room_for_what_comes_in(running: Running) -> None:
    """As long as those who waited filled each transaction, nothing else of the lane was decided."""
    await running.claim()
    line = [running.call(f"slow_{n}", seconds=60.0) for n in range(200)]
    await running.until(lambda: running.waiting == 200)

    running.command(Op.CANCEL, "saga_0")
    other = running.process._lanes.submit(Message("other", "other", Add(1), "other"), b"h", 60.0)
    async with asyncio.timeout(10):
        await other
        before = sum(call.done() for call in line)
        await asyncio.gather(*line)

    assert before <= 50
