"""Random edits of the filled engine and the verdicts on them; each place and way comes once before any comes twice."""

import os
from collections.abc import AsyncIterator, Sequence
from random import Random
from typing import NamedTuple

from tests.settle.audit.breaking import Breakable, RefusedByDatabaseError, Verdict
from tests.settle.audit.edits import Edit, Place, drawn, ways

EDITS = int(os.environ.get("SETTLE_EDITS", "200"))
SEED = int(os.environ.get("SETTLE_EDITS_SEED", "1"))


class Tried(NamedTuple):
    """An edit, and the verdict on it."""

    edit: Edit
    verdict: Verdict


def pairs(places: Sequence[Place], random: Random) -> list[tuple[Place, str]]:
    """Every place with each of its ways, in random order."""
    found = [(place, way) for place in places for way in ways(place)]
    random.shuffle(found)
    return found


async def tried(broken: Breakable, place: Place, way: str, random: Random) -> Tried | None:
    """Edit a place in a way; None if it cannot be, or the database itself refuses it."""
    edit = drawn(place, way, random)
    if edit is None:
        return None
    try:
        return Tried(edit, await broken.broken({edit.service: edit.statements}, edit.rows))
    except RefusedByDatabaseError:
        return None


async def random_edits(
    broken: Breakable, places: Sequence[Place], count: int, seed: int
) -> AsyncIterator[Tried]:
    """So many edits with their verdicts."""
    random, left = Random(seed), count
    while left:
        for place, way in pairs(places, random):
            found = await tried(broken, place, way, random)
            if found is not None:
                yield found
                left -= 1
            if not left:
                return
