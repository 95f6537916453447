"""Who looks for one row each shares a query with all who ask while another is under way."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from services.runtime.ground.together import Together


class Looked:
    """What was looked for, query by query; each waits until it may end."""

    def __init__(self) -> None:
        self.queries: list[Sequence[str]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def look(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Each key has a value, but for those that are nobody's."""
        self.queries.append(keys)
        await self.may_end.wait()
        if "broken" in keys:
            raise ConnectionError("gone")
        return {key: key.upper() for key in keys if key != "nobody"}


async def test_who_asks_meanwhile_shares_the_next_query() -> None:
    """The first goes at once; the others, two of whom want the same, go together, and each hears its own."""
    looked = Looked()
    together = Together(looked.look)
    looked.may_end.clear()
    asked = [asyncio.create_task(together.find("a"))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked += [asyncio.create_task(together.find(key)) for key in ("c", "b", "nobody", "b")]
    await asyncio.sleep(0)
    looked.may_end.set()

    assert await asyncio.gather(*asked) == ["A", "C", "B", None, "B"]
    assert looked.queries == [["a"], ["b", "c", "nobody"]]


async def test_a_query_that_fails_is_heard_by_all_of_it_and_by_nobody_else() -> None:
    """The next one is asked anew."""
    looked = Looked()
    together = Together(looked.look)

    heard = await asyncio.gather(together.find("broken"), together.find("a"), return_exceptions=True)

    assert [str(error) for error in heard] == ["gone", "gone"]
    assert await together.find("a") == "A"


async def test_who_gives_up_takes_nobody_with_him() -> None:
    """The query goes on for the others."""
    looked = Looked()
    together = Together(looked.look)
    looked.may_end.clear()
    gone, stays = (asyncio.create_task(together.find("a")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    looked.may_end.set()

    assert await stays == "A"
    with pytest.raises(asyncio.CancelledError):
        await gone
