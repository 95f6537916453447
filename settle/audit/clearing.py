"""What one settlement leaves open between the two books is zero when it ends (BK-3 to BK-5); the main alarm."""

from collections import Counter
from typing import Any

from settle.audit.findings import BOOKS, CREDIT, Finding
from settle.audit.snapshots import World

CLEARING = "clearing.zero"
CONSOLIDATED = "clearing.consolidated"
SAYS = {
    CLEARING: "X.CLEARING over both books is zero for every ended settlement and operation",
    CONSOLIDATED: "both books together sum to zero per unit",
}

_OPEN = """
select sub, op, sum(amount_minor) amount_minor from entries
where account = 'X.CLEARING' group by sub, op having sum(amount_minor) <> 0
"""
_ENDED = "select id from audit_settlements"
_TOTALS = "select unit, sum(amount_minor) amount_minor from audit_balances group by unit"


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


async def consolidated(world: World) -> list[Finding]:
    """The company's book is the sum of the two; it sums to zero in each unit, LIMIT living in one book only."""
    sums: Counter[str] = Counter()
    strays = []
    for book in BOOKS:
        for row in await world[book].fetch(_TOTALS):
            unit, amount = row["unit"], int(row["amount_minor"])
            sums[unit] += amount
            if unit == "LIMIT" and book != CREDIT:
                strays.append(
                    Finding(CONSOLIDATED, book, unit, expected="only in credit_ledger", actual=str(amount))
                )
    return strays + [
        Finding(CONSOLIDATED, "both books", unit, expected="0", actual=str(amount))
        for unit, amount in sums.items() if amount
    ]
