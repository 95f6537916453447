"""Differences with a rail, told again from the events of their comparison: since when each is open, until when (PM-7).

What differs may change from night to night without an event: so much is held against the event only until it is seen
again. What was told in events that are pruned is not known any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from google.protobuf.message import DecodeError

from services.credit_ledger.domain.model.reconciliation import Difference, DifferenceKind
from settle.audit.findings import CREDIT, Finding, Walk, instant
from settle.audit.snapshots import World
from settlement.credit_ledger.v1 import events_pb2, reconciliation_service_pb2

DIFFERENCES = "rails.differences"
SAYS = "every difference with a rail is open since it was found, as its comparison told, and until it was resolved"
CAUSE = "the row was changed, deleted or put there past the engine"
_EVENTS = """
select aggregate_id, sequence, type, at, payload from events where aggregate_id = any($1::text[])
order by aggregate_id, sequence
"""
_ROWS = """
select key, reconciliation_id, kind, account_id, reference, leg_minor, rail_minor, detail, opened_at, seen_at,
       resolved_at
from rail_differences where reconciliation_id = any($1::text[]) order by key
"""
_PRUNED = "select aggregate_id from event_checkpoints where aggregate_id = any($1::text[])"
_KINDS = {
    number: name.removeprefix("DIFFERENCE_KIND_")
    for name, number in reconciliation_service_pb2.DifferenceKind.items()
}
_FOUND, _RESOLVED = events_pb2.RailDifferenceFound, events_pb2.RailDifferenceResolved


@dataclass(frozen=True, slots=True)
class Told:
    """A difference as its events tell it."""

    difference: Difference
    found_at: datetime
    opened_at: datetime
    resolved_at: datetime | None = None


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of the differences that these comparisons found is not as they told."""
    told: dict[str, dict[str, Told]] = {}
    for row in await world[CREDIT].fetch(_EVENTS, ids):
        _tell(told.setdefault(row["aggregate_id"], {}), row)
    pruned = {row["aggregate_id"] for row in await world[CREDIT].fetch(_PRUNED, ids)}
    left = {(of, key) for of, known in told.items() for key in known}
    found: list[Finding] = []
    for row in await world[CREDIT].fetch(_ROWS, ids):
        of, key = row["reconciliation_id"], row["key"]
        left.discard((of, key))
        if (said := told.get(of, {}).get(key)) is not None:
            found += _unlike(row, said)
        elif of not in pruned:
            found.append(_finding(key, "", f"an event of {of} that tells it", "none", row["opened_at"]))
    return found + [
        _finding(key, "", "a row, as it was told", "none", told[of][key].opened_at) for of, key in sorted(left)
    ]


def _tell(known: dict[str, Told], row: Any) -> None:  # Any: an asyncpg record
    """Take the next event; one that cannot be read is the chain's to tell."""
    try:
        if row["type"] == _FOUND.DESCRIPTOR.full_name:
            _find(known, _FOUND.FromString(row["payload"]), row["at"])
        elif row["type"] == _RESOLVED.DESCRIPTOR.full_name:
            key = _RESOLVED.FromString(row["payload"]).leg_id
            if key in known:
                known[key] = replace(known[key], resolved_at=row["at"])
    except (DecodeError, ValueError):
        return


def _find(known: dict[str, Told], wire: events_pb2.RailDifferenceFound, at: datetime) -> None:
    difference = Difference(
        key=wire.leg_id, kind=DifferenceKind(_KINDS[wire.kind]), account_id=wire.account_id, reference=wire.reference,
        leg_minor=wire.leg_minor, rail_minor=wire.rail_minor, detail=wire.detail,
    )
    before = known.get(wire.leg_id)
    opened_at = at if before is None or before.resolved_at is not None else before.opened_at
    known[wire.leg_id] = Told(difference, at, opened_at)


def _unlike(row: Any, said: Told) -> Iterator[Finding]:  # Any: an asyncpg record
    expected: dict[str, object] = {
        "kind": said.difference.kind.value, "opened_at": said.opened_at, "resolved_at": said.resolved_at
    }
    if row["seen_at"] <= said.found_at:
        expected |= said.difference._asdict() | {"kind": said.difference.kind.value, "seen_at": said.found_at}
    for field, value in expected.items():
        if row[field] != value:
            yield _finding(row["key"], f" {field}", str(value), str(row[field]), said.opened_at)


def _finding(key: str, field: str, expected: str, actual: str, since: datetime) -> Finding:
    return Finding(DIFFERENCES, CREDIT, f"rail_differences {key}{field}", expected, actual, since=instant(since))


WALKS = (Walk(DIFFERENCES, SAYS, CREDIT, "reconciliation", differing, cause=CAUSE),)
