"""Rows that stood there at the last clean run, and are gone: of what never changes, the engine drops only old events;
of what changes and stays, nothing (`staying.py`).

A root that was set back with all that came after it fits its chains and seals: they hold nothing of the future. The
mark of the last clean run does: it has the numbers of rows of then, and is signed.
"""

from collections.abc import Mapping

from settle.audit.changed import Place, comparable, count_of
from settle.audit.findings import Finding
from settle.audit.snapshots import World
from settle.audit.staying import fewer

GONE = "rows.gone"
SAYS = {GONE: "no row of what never changes, or stays, is gone since the last clean run"}
CAUSE = (
    "rows were deleted past the engine; or an older backup was restored: if that was meant, remove audit/mark.json"
    " from the data folder"
)


async def gone(world: World, since: Mapping[str, Place]) -> list[Finding]:
    """The tables of which fewer or more rows from before these places are left than there were; fewer, where they
    change."""
    found = []
    for service, place in since.items():
        if not await comparable(world[service], place):
            continue
        for table, expected in place.counts.items():
            if (actual := await count_of(world[service], table, place)) != expected:
                found.append(_finding(service, table, f"{expected:,} rows from before {place.at}", actual, place))
        for table, (until, count), left in await fewer(world[service], service, place.standing, place.present):
            made = f"made by {until}" if until else "or more"
            found.append(_finding(service, table, f"{count:,} rows {made}", left, place))
    return found


def _finding(service: str, table: str, expected: str, actual: int, place: Place) -> Finding:
    return Finding(GONE, service, table, expected, f"{actual:,} of them", since=place.at, cause=CAUSE)
