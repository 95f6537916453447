"""Processes of one service share its partitions: evenly, soon after one comes or goes, and nothing lost or doubled."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.kafka.producer import SafeProducer
from services.runtime.lanes.sharing import share_of
from services.runtime.process import Process
from services.runtime.stored.leases import Peer
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.test_lanes import fetch

PARTITIONS = 8
SHARED = replace(SERVICE, name="shared")
COMMANDS = "settlement.shared.commands.v1"


@some.composite
def processes(draw: some.DrawFn) -> list[Peer]:
    """The lanes of a few processes, which need not have the same number of lanes."""
    lanes = draw(some.lists(some.integers(1, 5), min_size=1, max_size=6))
    places = [(number, count) for count in lanes for number in range(count)]
    ids = draw(some.permutations(range(1, len(places) + 1)))
    return [Peer(lane_id, number, count) for lane_id, (number, count) in zip(ids, places, strict=True)]


@given(processes(), some.integers(5, 64))
def test_every_partition_is_somebodys_and_nobody_elses(living: list[Peer], partitions: int) -> None:
    """Whoever works it out comes to the same, also one that does not see itself among the living yet."""
    shares = [share_of(peer, [other for other in living if other != peer], partitions) for peer in living]

    assert sorted(partition for share in shares for partition in share) == list(range(partitions))
    assert shares == [share_of(peer, living, partitions) for peer in living]


@given(some.integers(1, 8), some.integers(1, 8), some.integers(1, 64))
def test_shares_of_like_processes_differ_by_one_at_most(count: int, lanes: int, partitions: int) -> None:
    """Of the lanes with the same number, each in a process of its own."""
    living = [Peer(1 + number + lanes * process, number, lanes) for process in range(count) for number in range(lanes)]
    for number in range(lanes):
        sizes = [len(share_of(peer, living, partitions)) for peer in living if peer.number == number]

        assert max(sizes) - min(sizes) <= 1


def held(*processes: Process) -> list[int]:
    """How many partitions each process holds."""
    return [sum(len(lane.session.held) for lane in p._lanes._lanes if lane.session) for p in processes]


@pytest.fixture
def wide(local: Settings, cluster: MockCluster) -> Settings:
    """More partitions than the other tests have."""
    for name in (COMMANDS, "settlement.shared.events.v1"):
        cluster.create_topic(name, PARTITIONS)
    return replace(local, service="shared", partitions=PARTITIONS)


async def test_processes_share_evenly_when_one_comes_and_when_one_goes(wide: Settings, until: Until) -> None:
    """The first took all and kept all, the second had nothing to do (findings: test_two_processes_do_not_share)."""
    first, second, third = (Process(SHARED, replace(wide)) for _ in range(3))
    await first.start()
    await until(lambda: held(first) == [8])

    await second.start()
    await until(lambda: held(first, second) == [4, 4])
    await third.start()
    await until(lambda: sorted(held(first, second, third)) == [2, 3, 3])
    await first.stop()
    await until(lambda: held(second, third) == [4, 4])
    await third.stop()
    await until(lambda: held(second) == [8])
    await second.stop()


async def test_hand_overs_lose_and_repeat_nothing(wide: Settings, until: Until) -> None:
    """Commands come without a pause while processes come and go; each counts once, those of a key in their order."""
    producer = SafeProducer(replace(wide, service="order"))
    sent, enough = 0, asyncio.Event()

    async def send() -> None:
        nonlocal sent
        while not enough.is_set():
            await producer.send([_command(number) for number in range(sent, sent + 16)])
            sent += 16
            await asyncio.sleep(0.005)

    steady = Process(SHARED, wide)
    await steady.start()
    sending = asyncio.create_task(send())
    for _ in range(3):
        passing = Process(SHARED, replace(wide))
        await passing.start()
        await until(lambda: held(steady, passing) == [4, 4])  # noqa: B023 - awaited within the round
        mark = sent
        await until(lambda: sent > mark + 64)  # noqa: B023
        await passing.stop()
        await until(lambda: held(steady) == [8])
    enough.set()
    await sending

    async def all_counted() -> bool:
        counted = await fetch(wide, "select coalesce(sum(value), 0)::bigint from counters")
        return sent <= int(counted[0][0])

    await until(all_counted)
    await steady.stop()
    await producer.stop()
    rows = await fetch(wide, "select sum(value)::bigint, sum(version)::bigint from counters")
    assert [tuple(row) for row in rows] == [(sent, sent)]
    decided = await fetch(wide, "select aggregate_id, array_agg(saga_id order by sequence) from events group by 1")
    for _, sagas in decided:
        assert all(int(one[1:]) < int(next_[1:]) for one, next_ in pairwise(sagas))


def _command(number: int) -> Outgoing:
    headers = [
        ("ce_source", b"settlement/order"), ("ce_type", b"google.protobuf.Int64Value"),
        ("ce_id", f"s{number}/counter/E".encode()),
        ("ce_saga", f"s{number}".encode()), ("ce_branch", b"counter"), ("ce_op", b"E"), ("ce_replyto", b"order/ord_1"),
    ]
    return Outgoing(COMMANDS, number % PARTITIONS, f"k{number % 32}", headers, b"\x08\x01")
