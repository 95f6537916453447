"""What the auditor cannot tell of a database whose clock went back: which of two instants was later, where both were
shown twice. Everything else of it is checked as of any other."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from settle.simulation.store import Store

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00")
_OF_TIME = (" updated_at", " posted_at", " at")
_HEAD = " events_head"
"""The head of a chain is no field of a replayed order; it is told where any other field is."""


class Said(NamedTuple):
    """One field that differs: of what, and the two values."""

    what: str
    expected: str
    actual: str


def told(store: Store, found: Iterable[Said]) -> Iterator[str]:
    """What is wrong, but for what the clock alone is the cause of."""
    kept = [each for each in found if not _by_the_clock(store, each)]
    named = {each.what.removesuffix(_HEAD) for each in kept if each.what.endswith(_HEAD)}
    others = {row for row in named if any(each.what.startswith(row) for each in kept if not each.what.endswith(_HEAD))}
    for each in kept:
        head = each.what.endswith(_HEAD) and each.what.removesuffix(_HEAD) not in others
        if not (head and store.lived_twice):
            yield f"{each.what}: {each.expected}, not {each.actual}"


def _by_the_clock(store: Store, said: Said) -> bool:
    """Whether both values are instants of one stretch that the clock showed twice."""
    if not (store.lived_twice and said.what.endswith(_OF_TIME)):
        return False
    instants = [datetime.fromisoformat(text) for text in _INSTANT.findall(f"{said.expected} {said.actual}")]
    return len(instants) > 1 and store.showed_twice(*instants)
