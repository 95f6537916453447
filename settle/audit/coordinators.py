"""What the coordinators have on record, whichever of them a settlement belongs to."""

from collections.abc import Iterable
from datetime import datetime

from settle.audit.findings import COORDINATORS
from settle.audit.snapshots import World

_KNOWN = "select id from saga_records where id = any($1::text[])"
_LATEST = "select max(started_at) from saga_records"
_ROOTS = "select distinct root from saga_records where id = any($1::text[])"


async def known_settlements(world: World, ids: Iterable[str]) -> set[str]:
    """Those of these settlements that a coordinator has."""
    wanted, known = sorted(set(ids)), set[str]()
    for coordinator in COORDINATORS:
        known.update(row["id"] for row in await world[coordinator].fetch(_KNOWN, wanted))
    return known


async def latest_begun(world: World) -> datetime | None:
    """When the last settlement began, at the coordinator whose last one is the oldest; None where there is none."""
    latest = [await world[coordinator].fetchval(_LATEST) for coordinator in COORDINATORS]
    return min((at for at in latest if at is not None), default=None)


async def roots_of(world: World, coordinator: str, ids: Iterable[str]) -> set[str]:
    """What these settlements are about, as far as they are this coordinator's."""
    return {row["root"] for row in await world[coordinator].fetch(_ROOTS, sorted(set(ids)))}
