"""A process is killed, or leaves partitions to another: nobody waits until its coordinator sends a command again."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import asyncpg
import pytest

from services.kernel.messages import Message, Op
from services.runtime import chores
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.ground.writing import write
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.lanes.queues import Queues
from services.runtime.process import Process
from services.runtime.stored import leases, offsets, outbox
from services.runtime.stored.leases import Peer
from services.runtime.stored.offsets import READ_AGAIN_MAX, Beginning
from tests.services.runtime.claimed import SCHEMA, claimed_service
from tests.services.runtime.conftest import Start, Until
from tests.services.runtime.counters import SERVICE, Add
from tests.services.runtime.raw_records import COMMANDS, EVENTS, command, fetch, holds, send

KEY = b"hot"


def first_phase(number: int) -> tuple[bytes | None, list[tuple[str, bytes | None]], bytes | None]:
    """The TRY of a saga."""
    return phase(number, Op.TRY)


def phase(number: int, op: Op) -> tuple[bytes | None, list[tuple[str, bytes | None]], bytes | None]:
    """A command of a saga of several participants."""
    identity = f"s{number}/counter/{op}".encode()
    key, headers, value = command(number, KEY, ce_id=identity, ce_op=op.value.encode())
    return key, list(headers), value


async def killed(process: Process) -> None:
    """As kill -9 leaves it: its connections are gone, and nothing was drained."""
    for task in process._tasks:
        task.cancel()
    for task in process._tasks:
        with suppress(asyncio.CancelledError):
            await task


def waiting(process: Process) -> int:
    """How many wait for a claim there."""
    return sum(len(lane.waiting) for lane in process._lanes._lanes)


async def claims(local: Settings) -> None:
    """The table of the counters that a saga can claim."""
    await fetch(local, SCHEMA)


async def test_who_waits_for_a_claim_outlives_the_process(local: Settings, start: Start, until: Until) -> None:
    """The line is memory, its commands are consumed: whoever takes the partition over reads them again, and nobody has
    to send them (before: after 5 s at the earliest)."""
    await claims(local)
    seen, later = Counter[str](), Counter[str]()
    first = await start(claimed_service(seen, []))
    await send(local, first_phase(1), first_phase(2), first_phase(3))
    await until(lambda: waiting(first) == 2)
    await killed(first)

    await start(claimed_service(later, []))
    for number in (1, 2, 3):
        await until(holds(local, "select count(*) = 1 from inbox where message_id = $1", f"s{number}/T"))
        await send(local, phase(number, Op.CONFIRM))
    await until(holds(local, "select value = 3 from claimed"))
    await until(holds(local, "select waiting_from is null from consumed_offsets where next_offset = 6"))

    assert later["s1/counter/T"] == 0


async def test_who_takes_a_partition_over_takes_its_line(local: Settings, start: Start, until: Until) -> None:
    """The other process leaves partitions to it, and forgets who waited there: the claims end elsewhere from now on."""
    await claims(local)
    first = await start(claimed_service(Counter(), []))
    await send(local, first_phase(1), first_phase(2), partition=1)
    await until(lambda: waiting(first) == 1)

    second = await start(claimed_service(Counter(), []))
    await until(lambda: (waiting(first), waiting(second)) == (0, 1))
    await send(local, phase(1, Op.CONFIRM), partition=1)
    await until(holds(local, "select count(*) = 1 from inbox where message_id = 's2/T'"))


async def test_what_was_consumed_is_not_decided_again(local: Settings, start: Start, until: Until) -> None:
    """What is read again beside those who wait has its answer; what no claim can stop is not looked at."""
    await claims(local)
    first = await start(claimed_service(Counter(), []))
    single = command(4, b"cold")
    await send(local, first_phase(1), first_phase(2), single, (b"cold", [("ce_type", b"nobody's")], b""))
    await until(holds(local, "select next_offset = 4 and waiting_from = 1 from consumed_offsets where partition = 0"))
    await killed(first)

    decisions = Counter[str]()
    await start(claimed_service(decisions, []))
    await until(lambda: decisions["s2/counter/T"])
    await send(local, phase(1, Op.CANCEL))
    await until(holds(local, "select count(*) = 1 from inbox where message_id = 's2/T'"))

    assert decisions.keys() == {"s1/counter/C", "s2/counter/T"}
    assert await fetch(local, "select count(*) from parked") == [(1,)]


async def test_so_much_is_read_again_and_no_more(local: Settings) -> None:
    """A line may stand for long; its commands are sent again by their coordinators in any case."""
    connection = await asyncpg.connect(local.dsn)
    ends = {0: (0, 9_000), 1: (5_500, 9_000)}
    await offsets.start(connection, "t", ends, "epoch")
    await offsets.save(connection, "t", {0: 6_000, 1: 6_000}, waiting={0: 10, 1: 5_000})

    begin = await offsets.start(connection, "t", ends, "epoch")
    anew = await offsets.start(connection, "t", ends, "another")

    assert begin == {0: Beginning(6_000 - READ_AGAIN_MAX, 6_000), 1: Beginning(5_500, 6_000)}
    assert anew == {0: Beginning(0, 0), 1: Beginning(5_500, 5_500)}
    await connection.close()


def test_what_is_read_again_goes_with_its_partition() -> None:
    """Whoever takes the partition reads it once more."""
    queues = Queues()
    message = Message("s1/counter/T", "hot", Add(1))
    place = RecordPlace(COMMANDS, 1, 7, [], b"")
    for item in (Item(message, stood_at=(0, 3)), Item(message, stood_at=(1, 3)), Item(message, record=place)):
        queues.add(item)

    queues.forget_partitions({1})

    assert [item.stood_at for item in queues.urgent] == [(0, 3)]


async def test_what_a_dead_lane_left_is_published_once_it_is_missed(
    local: Settings, start: Start, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the next sweep: settlements wait for it."""
    monkeypatch.setattr(chores, "SWEEP_SECONDS", timedelta(days=1).total_seconds())
    process = await start(SERVICE)
    dead = await asyncpg.connect(local.dsn)
    lane_id = await leases.announce(dead)
    await leases.join(dead, Peer(lane_id, 0, 1))
    await until(lambda: process._lanes._lanes[0].session and len(process._lanes._lanes[0].session.peers) == 2)
    await write(dead, outbox.Outlet(lane_id, 1).save([Outgoing(EVENTS, 0, "c", [("ce_type", b"t")], b"left")]))

    await dead.close()
    await until(holds(local, "select count(*) = 0 from outbox"))
