"""Rows of gift cards."""

from collections.abc import Sequence

import asyncpg

from services.card_redemption.domain.cards.card import GiftCard
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

CARD_COLUMNS = "id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version, events_head"


def card_of(row: asyncpg.Record) -> GiftCard:
    """The card in a row."""
    return GiftCard(
        id=row["id"], customer_id=row["customer_id"], face_minor=row["face_minor"], balance_minor=row["balance_minor"],
        issued_at=row["issued_at"], held_minor=row["held_minor"], sequence=row["sequence"], version=row["version"],
        events_head=row["events_head"],
    )


async def load_cards(connection: Connection, keys: Sequence[str]) -> list[GiftCard]:
    """Lock and read these cards."""
    rows = await connection.fetch(
        f"select {CARD_COLUMNS} from gift_cards where id = any($1::text[]) order by id for no key update", keys
    )
    return [card_of(row) for row in rows]


save_cards = Saving(
    "gift_cards",
    key="id",
    once=(*columns("text", "id", "customer_id"), column("face_minor", "bigint"), column("issued_at", "timestamptz")),
    moving=(*columns("bigint", "balance_minor", "held_minor", "sequence", "version"), column("events_head", "bytea")),
)
"""Whose card it is and what it was worth never changes."""
