"""Reads that wait: they hold nothing while they wait, end in time, and leave alone what is not theirs to wait for."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from services.kernel.errors import Aborted, NotFound, ResourceExhausted, Unavailable
from services.runtime.rpc.edge import RESERVE_SECONDS
from services.runtime.rpc.reading import POLL_SECONDS_MAX, NotYet, new_enough, read_when, reading


@dataclass
class Thing:
    """Something with a version."""

    version: int


class OnePlace:
    """An edge with one connection, which says whether it is out."""

    def __init__(self) -> None:
        self.out = 0
        self.looks = 0
        self.changed = asyncio.Event()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """The connection; whoever comes while it is out is a fault of the test."""
        assert not self.out
        self.out += 1
        self.looks += 1
        try:
            yield self
        finally:
            self.out -= 1

    @contextmanager
    def changes(self, key: str) -> Iterator[asyncio.Event]:
        """Nobody else changes anything; a test sets it."""
        yield self.changed


@dataclass
class Call:
    """A call with so many seconds left; None for one without a deadline."""

    seconds: float | None = 30.0

    def invocation_metadata(self) -> tuple[()]:
        """Nothing."""
        return ()

    def time_remaining(self) -> float | None:
        """Seconds left."""
        return self.seconds


@pytest.fixture
def edge() -> Any:
    """An edge with one connection."""
    return OnePlace()


async def test_a_version_is_waited_for_without_a_connection(edge: Any) -> None:
    """Each look takes one and gives it back."""
    thing = Thing(1)
    looked = asyncio.Event()

    async def look(_: Any) -> Thing:
        looked.set()
        return new_enough(thing, 2)

    context: Any = Call()
    waiting = asyncio.create_task(read_when(edge, context, look))
    await looked.wait()
    await asyncio.wait({waiting}, timeout=0)
    out = edge.out
    thing.version = 3
    found = await waiting

    assert (out, found.version, edge.out) == (0, 3, 0)
    assert edge.looks > 1


@pytest.mark.parametrize("seconds", [0.15, 0.0, -1.0])
async def test_a_version_that_does_not_come_is_stale(edge: Any, seconds: float) -> None:
    """At the end of the call's time, less what the answer needs; every call looks at least once."""

    async def look(_: Any) -> Thing:
        return new_enough(Thing(1), 2, "thing_1 is at version")

    context: Any = Call(seconds)
    with pytest.raises(Aborted, match="STALE_VERSION: thing_1 is at version 1"):
        await read_when(edge, context, look)
    assert edge.looks >= 1


async def test_a_call_without_a_deadline_waits_so_long_at_most(edge: Any) -> None:
    """What it could not have is said by the look itself."""

    async def look(_: Any) -> None:
        raise NotYet(Unavailable("ACCOUNT_BUSY", "saga_1 holds it"))

    context: Any = Call(None)
    with pytest.raises(Unavailable, match="ACCOUNT_BUSY"):
        await read_when(edge, context, look, seconds_max=0.05)


async def test_only_the_look_is_repeated(edge: Any) -> None:
    """Any other refusal is the answer at once, and what the block does is the block's."""

    async def missing(_: Any) -> Thing:
        raise NotFound("THING_NOT_FOUND")

    async def look(connection: Any) -> Any:
        return connection

    async def block() -> None:
        async with reading(edge, context, look) as (connection, found):
            assert (connection, found, edge.out) == (edge, edge, 1)
            raise NotYet(Unavailable("LATER"))

    context: Any = Call()
    with pytest.raises(NotFound):
        await read_when(edge, context, missing)
    with pytest.raises(NotYet):
        await block()

    assert (edge.looks, edge.out) == (2, 0)


async def test_a_caller_who_leaves_leaves_nothing_behind(edge: Any) -> None:
    """Cancelled while it waits, or while it reads."""
    looked = asyncio.Event()

    async def look(_: Any) -> None:
        looked.set()
        await asyncio.Event().wait()

    context: Any = Call()
    waiting = asyncio.create_task(read_when(edge, context, look))
    await looked.wait()
    waiting.cancel()
    await asyncio.wait({waiting})

    assert waiting.cancelled()
    assert edge.out == 0


async def test_who_waits_is_woken_by_the_change(edge: Any) -> None:
    """It does not wait for its next look, however late that is."""
    thing = Thing(1)

    async def look(_: Any) -> Thing:
        return new_enough(thing, 2)

    context: Any = Call()
    waiting = asyncio.create_task(read_when(edge, context, look, key="thing_1"))
    for _ in range(6):
        looks = edge.looks
        async with asyncio.timeout(10):
            while edge.looks == looks:
                await asyncio.sleep(0)
    thing.version = 2
    edge.changed.set()

    async with asyncio.timeout(0.9 * POLL_SECONDS_MAX):  # by itself it would look later
        assert (await waiting).version == 2


async def test_who_waits_hears_of_no_crowd_among_readers() -> None:
    """Turned away at first, a read is refused; later it waits on, and hears in the end what it waited for."""
    edge: Any = Crowded([0, 2, 3])

    async def look(_: Any) -> Thing:
        return new_enough(Thing(1), 2, "thing_1 is at version")

    context: Any = Call(0.4)
    with pytest.raises(ResourceExhausted):
        await read_when(edge, context, look)
    with pytest.raises(Aborted, match="STALE_VERSION: thing_1 is at version 1"):
        await read_when(edge, context, look)
    assert edge.looks > 4


class Crowded(OnePlace):
    """An edge at which some looks find too many readers."""

    def __init__(self, turned_away: list[int]) -> None:
        super().__init__()
        self.turned_away = turned_away

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        """The connection, or no place in the queue for it."""
        look, self.looks = self.looks, self.looks + 1
        if look in self.turned_away:
            raise ResourceExhausted("OVERLOADED", "too many readers")
        yield self


async def test_at_the_end_of_its_time_it_looks_once_more_and_then_ends(edge: Any) -> None:
    """Not later, by however much longer it would have slept: there is little time for the answer."""

    async def look(_: Any) -> Thing:
        return new_enough(Thing(1), 2)

    context: Any = Call(RESERVE_SECONDS + 0.35)  # its looks by itself are after 0.3 s, then after 0.62 s
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Aborted):
        await read_when(edge, context, look)

    assert loop.time() - began < 0.6
