"""Which event of a card tells which of its versions: a redemption tells more of itself between the card's own steps."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg

PASSING = ("RedemptionStepped", "FreezeCaseOpened", "DisputeStepped")
"""Messages that tell of a redemption and are no step of its card: they count among the card's events all the same."""


class Numbered(NamedTuple):
    """The events that are steps, by the version they made; how many others there were; the last version whose event was
    pruned."""

    steps: dict[int, Any]
    """Any: rows, by the names of their columns."""
    passed: int
    dropped: int


def is_step(type_name: str) -> bool:
    """Whether a message of this type is a step of its card."""
    return type_name.rpartition(".")[2] not in PASSING


def numbered(rows: Sequence[asyncpg.Record | Mapping[str, Any]], dropped: int, version: int) -> Numbered:
    """These events of a card by version. What was pruned up to the event number `dropped` is as many steps as the
    card's version has more than there are left."""
    kept = sum(is_step(row["type"]) for row in rows)
    passed = dropped_passed = max(0, dropped - (version - kept)) if dropped else 0
    steps = {}
    for row in sorted(rows, key=lambda row: row["sequence"]):
        if is_step(row["type"]):
            steps[row["sequence"] - passed] = row
        else:
            passed += 1
    return Numbered(steps, passed, dropped - dropped_passed)
