"""Rows of gift cards."""

from collections.abc import Sequence

import asyncpg

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.states import CardStanding
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

CARD_COLUMNS = """id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version, events_head,
    standing, claimed_by, frozen_from, frozen_for, handed_to, code_number, issuer"""
"""In the order of the fields of `GiftCard`."""
_STANDING, _FROZEN_FROM = 9, 11
_STANDINGS = {each.value: each for each in CardStanding}


def card_of(row: asyncpg.Record) -> GiftCard:
    """The card in a row."""
    values = list(row)
    values[_STANDING] = _STANDINGS[row[_STANDING]]
    if row[_FROZEN_FROM] is not None:
        values[_FROZEN_FROM] = _STANDINGS[row[_FROZEN_FROM]]
    return GiftCard(*values)


async def load_cards(connection: Connection, keys: Sequence[str]) -> list[GiftCard]:
    """Lock and read these cards."""
    rows = await connection.fetch(
        f"select {CARD_COLUMNS} from gift_cards where id = any($1::text[]) order by id for no key update", keys
    )
    return [card_of(row) for row in rows]


save_cards = Saving(
    "gift_cards",
    key="id",
    once=(*columns("text", "id", "issuer"), column("face_minor", "bigint"), column("issued_at", "timestamptz")),
    moving=(
        *columns("bigint", "balance_minor", "held_minor", "sequence", "version", "code_number"),
        *columns("text", "customer_id", "standing", "claimed_by", "frozen_from", "frozen_for", "handed_to"),
        column("events_head", "bytea"),
    ),
    sealed=True,
)
"""What it was worth never changes, nor who issued it."""
