"""Rows of cards and of their tenders."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.card import CardTender, GiftCard
from services.kernel.participant import Pending
from services.runtime.tables import Connection, Table

_CARD = "id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version"
_TENDER = """order_id, card_id, merchant_id, deposited_minor, returned_minor, captured_minor, refunds, pending_saga_id,
    pending_tried_at, version"""
_REFUNDS = msgspec.json.Decoder(tuple[tuple[str, int], ...])


def card_of(row: asyncpg.Record) -> GiftCard:
    """The card in a row."""
    return GiftCard(*row)


async def load_cards(connection: Connection, keys: Sequence[str]) -> list[GiftCard]:
    """Lock and read these cards."""
    rows = await connection.fetch(
        f"select {_CARD} from gift_cards where id = any($1::text[]) order by id for no key update", keys
    )
    return [card_of(row) for row in rows]


async def save_cards(connection: Connection, rows: Sequence[GiftCard]) -> None:
    """Insert new cards, update known ones."""
    await connection.execute(
        f"""insert into gift_cards ({_CARD})
            select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[],
                                 $7::bigint[], $8::bigint[])
            on conflict (id) do update set balance_minor = excluded.balance_minor, held_minor = excluded.held_minor,
                sequence = excluded.sequence, version = excluded.version""",
        [c.id for c in rows], [c.customer_id for c in rows], [c.face_minor for c in rows],
        [c.balance_minor for c in rows], [c.issued_at for c in rows], [c.held_minor for c in rows],
        [c.sequence for c in rows], [c.version for c in rows],
    )


async def load_tenders(connection: Connection, keys: Sequence[str]) -> list[CardTender]:
    """Read the tenders of these orders; their cards are locked already."""
    rows = await connection.fetch(f"select {_TENDER} from card_tenders where order_id = any($1::text[])", keys)
    return [
        CardTender(
            row[0], row[1], row[2], row[3], row[4], row[5], _REFUNDS.decode(row[6]),
            Pending(row[7], row[8]) if row[7] is not None else None, row[9],
        )
        for row in rows
    ]


async def save_tenders(connection: Connection, rows: Sequence[CardTender]) -> None:
    """Insert new tenders, update known ones."""
    await connection.execute(
        f"""insert into card_tenders ({_TENDER})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                 $7::json[], $8::text[], $9::timestamptz[], $10::bigint[])
            on conflict (order_id) do update set deposited_minor = excluded.deposited_minor,
                returned_minor = excluded.returned_minor, captured_minor = excluded.captured_minor,
                refunds = excluded.refunds, pending_saga_id = excluded.pending_saga_id,
                pending_tried_at = excluded.pending_tried_at, version = excluded.version""",
        [t.order_id for t in rows], [t.card_id for t in rows], [t.merchant_id for t in rows],
        [t.deposited_minor for t in rows], [t.returned_minor for t in rows], [t.captured_minor for t in rows],
        [msgspec.json.encode(t.refunds) for t in rows], [t.pending.saga_id if t.pending else None for t in rows],
        [t.pending.tried_at if t.pending else None for t in rows], [t.version for t in rows],
    )


async def find_card(connection: Connection, card_id: str) -> GiftCard | None:
    """One card as it is, without a lock."""
    row = await connection.fetchrow(f"select {_CARD} from gift_cards where id = $1", card_id)
    return card_of(row) if row else None


async def list_cards(connection: Connection, customer_id: str, after: str, limit: int) -> list[GiftCard]:
    """A customer's cards by id."""
    rows = await connection.fetch(
        f"select {_CARD} from gift_cards where customer_id = $1 and id > $2 order by id limit $3", customer_id, after, limit
    )
    return [card_of(row) for row in rows]


TABLES = (
    Table(GiftCard, load_cards, save_cards, root=True),
    Table(CardTender, load_tenders, save_tenders),
)
