"""What one settlement leaves open between the two books is zero when it ends (BK-3 to BK-5); the main alarm."""

from collections.abc import AsyncIterator
from typing import Any

from settle.audit.findings import BOOKS, Finding
from settle.audit.present import PRESENT
from settle.audit.side_by_side import side_by_side
from settle.audit.snapshots import World, pages

CLEARING = "clearing.zero"
SAYS = {CLEARING: "X.CLEARING over both books is zero for every ended settlement and operation"}

_OPEN = """
select coalesce(sub, '?') collate "C" sub, op collate "C" op, sum(amount_minor) amount_minor from entries
where account = 'X.CLEARING' group by 1, 2 having sum(amount_minor) <> 0 order by 1, 2
"""
_ENDED = f"""
select id from audit_settlements where id = any($1::text[])
union all
select id from audit_redemptions where id = any($1::text[]) and ended_at < {PRESENT} - interval '1 minute'
"""
"""Settlements of redemptions are read after the credit book: of the last minute one may have ended after that was."""
Key = tuple[str, str]
"""A settlement and an operation."""


async def clearing(world: World) -> list[Finding]:
    """Sum X.CLEARING{settlement} by operation over both books; what is not zero and has ended is a violation."""
    still_open = {key: amount async for key, amount in _over_both(world) if amount}
    if not still_open:
        return []
    running = set() if world.quiet else await _running(world, {sub for sub, _ in still_open})
    return [
        Finding(CLEARING, "both books", f"{sub} {op}", expected="0", actual=str(amount))
        for (sub, op), amount in still_open.items() if sub not in running
    ]


async def _over_both(world: World) -> AsyncIterator[tuple[Key, int]]:
    """The sums of both books. In each alone every settlement between them is open, so none is kept."""
    left, right = (_open_in(world, book) for book in BOOKS)
    async for key, one, other in side_by_side(left, right):
        yield key, (one or 0) + (other or 0)


async def _open_in(world: World, book: str) -> AsyncIterator[tuple[Key, int]]:
    async for page in pages(world[book], _OPEN):
        for row in page:
            yield (row["sub"], row["op"]), int(row["amount_minor"])


async def _running(world: World, subs: set[str]) -> set[str]:
    """The settlements among these that had not ended when the books were read."""
    rows: list[Any] = []  # Any: asyncpg records
    for book in BOOKS:
        rows += await world[book].fetch(_ENDED, sorted(subs))
    return subs - {row["id"] for row in rows}
