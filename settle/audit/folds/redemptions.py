"""Redemptions are as the last of their steps left them (DOMAIN 2.8)."""

from collections.abc import Iterator, Mapping, Sequence

import asyncpg

from settle.audit.findings import CARD, Finding, Walk
from settle.audit.shared_reads import EVENTS, read_all
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import redemption_events_pb2, redemption_pb2

HISTORY = "redemptions.history"
ROWS = """
select id, card_id, state, version, declared_minor, face_minor, channel_fee_minor, remitted_minor, claimed_minor,
       adjusted_minor
from redemption_orders where card_id = any($1::text[])
"""
_TYPE: str = redemption_events_pb2.RedemptionStepped.DESCRIPTOR.full_name
Row = Mapping[str, object]


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What the redemptions of these cards say that their last step did not."""
    last: dict[str, redemption_pb2.Redemption] = {}
    for row in await read_all(world, CARD, EVENTS, ids):
        if row["type"] == _TYPE:
            told = redemption_events_pb2.RedemptionStepped.FromString(row["payload"]).redemption
            last[told.redemption_id] = told
    rows: dict[str, asyncpg.Record] = {row["id"]: row for row in await world[CARD].fetch(ROWS, ids)}
    missing = [
        Finding(HISTORY, CARD, f"redemption_orders {key}", "the redemption that was told of", "none")
        for key in sorted(last.keys() - rows.keys())
    ]
    untold = [
        Finding(HISTORY, CARD, f"redemption_orders {key}", "a step that tells of it", "none")
        for key in sorted(rows.keys() - last.keys())
    ]
    both = sorted(rows.keys() & last.keys())
    return [*missing, *untold, *(finding for key in both for finding in _compared(rows[key], last[key]))]


def _compared(row: asyncpg.Record, told: redemption_pb2.Redemption) -> Iterator[Finding]:
    expected: Row = {
        "card_id": told.card_id, "version": told.version, "declared_minor": told.declared.minor_units,
        "state": redemption_pb2.RedemptionState.Name(told.state).removeprefix("REDEMPTION_STATE_"),
        "face_minor": told.face.minor_units, "channel_fee_minor": told.channel_fees.minor_units,
        "remitted_minor": told.remitted.minor_units, "claimed_minor": told.claimed.minor_units,
        "adjusted_minor": told.adjusted.minor_units,
    }
    for name, value in expected.items():
        if row[name] != value:
            yield Finding(HISTORY, CARD, f"redemption_orders {row['id']} {name}", str(value), str(row[name]))


WALKS = (
    Walk(
        HISTORY, "a redemption is as the last of its steps left it", CARD, "card", differing,
        cause="an event was lost or changed, or the row was changed past the engine",
    ),
)
