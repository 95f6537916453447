"""Rows of gift cards."""

from collections.abc import Sequence

import asyncpg

from services.card_redemption.domain.cards.card import GiftCard
from services.runtime.ground.tables import Connection

CARD_COLUMNS = "id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version"


def card_of(row: asyncpg.Record) -> GiftCard:
    """The card in a row."""
    return GiftCard(
        id=row["id"], customer_id=row["customer_id"], face_minor=row["face_minor"], balance_minor=row["balance_minor"],
        issued_at=row["issued_at"], held_minor=row["held_minor"], sequence=row["sequence"], version=row["version"],
    )


async def load_cards(connection: Connection, keys: Sequence[str]) -> list[GiftCard]:
    """Lock and read these cards."""
    rows = await connection.fetch(
        f"select {CARD_COLUMNS} from gift_cards where id = any($1::text[]) order by id for no key update", keys
    )
    return [card_of(row) for row in rows]


async def save_cards(connection: Connection, rows: Sequence[GiftCard]) -> None:
    """Insert new cards, update known ones."""
    await connection.execute(
        f"""insert into gift_cards ({CARD_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[],
                                 $7::bigint[], $8::bigint[])
            on conflict (id) do update set balance_minor = excluded.balance_minor, held_minor = excluded.held_minor,
                sequence = excluded.sequence, version = excluded.version""",
        [c.id for c in rows], [c.customer_id for c in rows], [c.face_minor for c in rows],
        [c.balance_minor for c in rows], [c.issued_at for c in rows], [c.held_minor for c in rows],
        [c.sequence for c in rows], [c.version for c in rows],
    )
