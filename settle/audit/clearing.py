"""What one settlement leaves open between the two books is zero when it ends (BK-3 to BK-5); the main alarm."""

from collections import Counter
from typing import Any

from settle.audit.findings import BOOKS, Finding
from settle.audit.snapshots import World

CLEARING = "clearing.zero"
SAYS = {CLEARING: "X.CLEARING over both books is zero for every ended settlement and operation"}

_OPEN = """
select sub, op, sum(amount_minor) amount_minor from entries
where account = 'X.CLEARING' group by sub, op having sum(amount_minor) <> 0
"""
_ENDED = "select id from audit_settlements"


async def clearing(world: World) -> list[Finding]:
    """Sum X.CLEARING{settlement} by operation over both books; what is not zero and has ended is a violation."""
    sums: Counter[tuple[str, str]] = Counter()
    for book in BOOKS:
        for row in await world[book].fetch(_OPEN):
            sums[row["sub"], row["op"]] += int(row["amount_minor"])
    still_open = {key: amount for key, amount in sums.items() if amount}
    if not still_open:
        return []
    running = set() if world.quiet else await _running(world, {sub for sub, _ in still_open})
    return [
        Finding(CLEARING, "both books", f"{sub} {op}", expected="0", actual=str(amount))
        for (sub, op), amount in sorted(still_open.items()) if sub not in running
    ]


async def _running(world: World, subs: set[str]) -> set[str]:
    """The settlements among these that had not ended when the coordinator was read."""
    rows: list[Any] = []  # Any: asyncpg records
    for book in BOOKS:
        rows += await world[book].fetch(f"{_ENDED} where id = any($1::text[])", sorted(subs))
    return subs - {row["id"] for row in rows}
