"""Rows of who redeems: roots of their own, beside the cards."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.recycling.caps import CancelledToday
from services.card_redemption.domain.redemption.redeemer import NEVER, Redeemer, RedeemerStanding
from services.kernel.participant import Pending
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_COLUMNS = """id, completed, cancelled_day, cancelled_minor, restricted, cases, pending_saga_id, pending_tried_at,
    version"""
_CASES = msgspec.json.Decoder(tuple[str, ...])


def _redeemer_of(row: asyncpg.Record) -> Redeemer:
    saga_id = row["pending_saga_id"]
    return Redeemer(
        id=row["id"], completed=row["completed"],
        cancelled=CancelledToday(row["cancelled_day"], row["cancelled_minor"]), restricted=row["restricted"],
        cases=_CASES.decode(row["cases"]),
        pending=None if saga_id is None else Pending(saga_id, row["pending_tried_at"]), version=row["version"],
    )


async def load_redeemers(connection: Connection, keys: Sequence[str]) -> list[Redeemer]:
    """Lock and read these."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from redeemers where id = any($1::text[]) order by id for no key update", keys
    )
    return [_redeemer_of(row) for row in rows]


async def load_standings(connection: Connection, keys: Sequence[str]) -> list[RedeemerStanding]:
    """How these stand, by what was committed last; nothing is locked."""
    rows = await connection.fetch(
        "select id, completed, restricted, version from redeemers where id = any($1::text[])", keys
    )
    return [RedeemerStanding(row["id"], row["completed"], row["restricted"], row["version"]) for row in rows]


async def find_cancelled(connection: Connection, customer_id: str) -> CancelledToday:
    """What somebody cancelled for a fee on the last day on which he did, by what was committed last."""
    row = await connection.fetchrow(
        "select cancelled_day, cancelled_minor from redeemers where id = $1", customer_id
    )
    return NEVER if row is None else CancelledToday(row["cancelled_day"], row["cancelled_minor"])


save_redeemers = Saving(
    "redeemers",
    key="id",
    once=columns("text", "id"),
    moving=(
        *columns("bigint", "completed", "version"), column("restricted", "text"),
        column("cases", "json", lambda each: msgspec.json.encode(each.cases)),
        column("cancelled_day", "date", "cancelled.day"), column("cancelled_minor", "bigint", "cancelled.face_minor"),
        column("pending_saga_id", "text", lambda each: each.pending.saga_id if each.pending else None),
        column("pending_tried_at", "timestamptz", lambda each: each.pending.tried_at if each.pending else None),
    ),
    sealed=True,
)
"""What is counted for a customer."""
