"""Rows of what orders took of gift cards."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.kernel.participant import Pending
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

_TENDER = """order_id, card_id, merchant_id, deposited_minor, returned_minor, captured_minor, refunds, pending_saga_id,
    pending_tried_at, version, covering_minor"""
_REFUNDS = msgspec.json.Decoder(tuple[CardRefund, ...])


async def load_tenders(connection: Connection, keys: Sequence[str]) -> list[CardTender]:
    """Read the tenders of these orders; their cards are locked already."""
    rows = await connection.fetch(f"select {_TENDER} from card_tenders where order_id = any($1::text[])", keys)
    return [_tender_of(row) for row in rows]


def _tender_of(row: asyncpg.Record) -> CardTender:
    saga_id = row["pending_saga_id"]
    return CardTender(
        order_id=row["order_id"], card_id=row["card_id"], merchant_id=row["merchant_id"],
        deposited_minor=row["deposited_minor"], returned_minor=row["returned_minor"],
        captured_minor=row["captured_minor"], refunds=_REFUNDS.decode(row["refunds"]),
        pending=Pending(saga_id, row["pending_tried_at"]) if saga_id is not None else None, version=row["version"],
        covering_minor=row["covering_minor"],
    )


save_tenders = Saving(
    "card_tenders",
    key="order_id",
    once=columns("text", "order_id", "card_id", "merchant_id"),
    moving=(
        *columns("bigint", "deposited_minor", "returned_minor", "captured_minor", "covering_minor", "version"),
        column("refunds", "json", lambda t: msgspec.json.encode(t.refunds)),
        column("pending_saga_id", "text", lambda t: t.pending.saga_id if t.pending else None),
        column("pending_tried_at", "timestamptz", lambda t: t.pending.tried_at if t.pending else None),
    ),
    sealed=True,
)
"""Which order took it of which card never changes."""
