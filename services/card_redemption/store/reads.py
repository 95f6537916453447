"""Queries for callers. They lock nothing and answer what is committed; a page goes on after a key, so it is stable."""

import asyncpg

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.store.cards import CARD_COLUMNS, card_of
from services.kernel.shares import share_keys
from services.runtime.ground.tables import Connection


async def find_card(connection: Connection, card_id: str) -> GiftCard | None:
    """One card as it is, without a lock."""
    row = await connection.fetchrow(f"select {CARD_COLUMNS} from gift_cards where id = $1", card_id)
    return card_of(row) if row else None


async def list_cards(connection: Connection, customer_id: str, after: str, limit: int) -> list[GiftCard]:
    """A customer's cards by id."""
    rows = await connection.fetch(
        f"select {CARD_COLUMNS} from gift_cards where customer_id = $1 and id > $2 order by id limit $3",
        customer_id, after, limit,
    )
    return [card_of(row) for row in rows]


async def list_history(connection: Connection, card_id: str, after: int, limit: int) -> list[asyncpg.Record]:
    """What was told of a card: number, instant, settlement, and the event as it was told."""
    return await connection.fetch(
        """select sequence, at, saga_id, type, payload from events
           where aggregate_id = $1 and sequence > $2 order by sequence limit $3""",
        card_id, after, limit,
    )


async def merchant_balance(connection: Connection, merchant_id: str) -> tuple[int, int]:
    """What this book owes a merchant over all its shares, and what of it is claimed by what has not ended."""
    row = await connection.fetchrow(
        """select coalesce(sum(payable_minor), 0)::bigint as payable_minor,
               coalesce(sum(settling_minor + refunding_minor), 0)::bigint as claimed_minor
           from merchant_shares where id = any($1::text[])""",
        list(share_keys(merchant_id)),
    )
    return (row["payable_minor"], row["claimed_minor"]) if row else (0, 0)
