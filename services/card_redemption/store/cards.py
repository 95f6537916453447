"""Rows of cards and of their tenders."""

from collections.abc import Sequence

import asyncpg
import msgspec

from services.card_redemption.domain.cards.card import CardRefund, CardTender, GiftCard
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.participant import Pending
from services.kernel.shares import share_keys
from services.runtime.ground.tables import Connection, Table

_CARD = "id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version"
_TENDER = """order_id, card_id, merchant_id, deposited_minor, returned_minor, captured_minor, refunds, pending_saga_id,
    pending_tried_at, version, covering_minor"""
_SHARE = """id, merchant_id, payable_minor, settling_minor, sequence, pending_saga_id, pending_tried_at, version,
    refunding_minor"""
_REFUNDS = msgspec.json.Decoder(tuple[CardRefund, ...])


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
            Pending(row[7], row[8]) if row[7] is not None else None, row[9], row[10],
        )
        for row in rows
    ]


async def save_tenders(connection: Connection, rows: Sequence[CardTender]) -> None:
    """Insert new tenders, update known ones."""
    await connection.execute(
        f"""insert into card_tenders ({_TENDER})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                                 $7::json[], $8::text[], $9::timestamptz[], $10::bigint[], $11::bigint[])
            on conflict (order_id) do update set deposited_minor = excluded.deposited_minor,
                returned_minor = excluded.returned_minor, captured_minor = excluded.captured_minor,
                refunds = excluded.refunds, pending_saga_id = excluded.pending_saga_id,
                pending_tried_at = excluded.pending_tried_at, version = excluded.version,
                covering_minor = excluded.covering_minor""",
        [t.order_id for t in rows], [t.card_id for t in rows], [t.merchant_id for t in rows],
        [t.deposited_minor for t in rows], [t.returned_minor for t in rows], [t.captured_minor for t in rows],
        [msgspec.json.encode(t.refunds) for t in rows], [t.pending.saga_id if t.pending else None for t in rows],
        [t.pending.tried_at if t.pending else None for t in rows], [t.version for t in rows],
        [t.covering_minor for t in rows],
    )


async def load_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    """Lock and read these shares. One that is missing is inserted empty first: cards of several lanes may meet in it."""
    shares = await _lock_merchant_shares(connection, keys)
    missing = sorted(set(keys) - {share.id for share in shares})
    if missing:
        await connection.execute(
            f"""insert into merchant_shares ({_SHARE})
                select key, regexp_replace(key, '/[^/]*$', ''), 0, 0, 0, null, null, 0, 0 from unnest($1::text[]) key
                on conflict (id) do nothing""",
            missing,
        )
        shares += await _lock_merchant_shares(connection, missing)
    return shares


async def _lock_merchant_shares(connection: Connection, keys: Sequence[str]) -> list[MerchantShare]:
    rows = await connection.fetch(
        f"select {_SHARE} from merchant_shares where id = any($1::text[]) order by id for no key update", keys
    )
    return [
        MerchantShare(
            row[0], row[1], row[2], row[3], row[4], Pending(row[5], row[6]) if row[5] is not None else None, row[7], row[8]
        )
        for row in rows
    ]


async def save_merchant_shares(connection: Connection, rows: Sequence[MerchantShare]) -> None:
    """Write these shares; loading them has made their rows."""
    await connection.execute(
        """update merchant_shares s set payable_minor = n.payable, settling_minor = n.settling, sequence = n.sequence,
               pending_saga_id = n.saga_id, pending_tried_at = n.tried_at, version = n.version, refunding_minor = n.refunding
           from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::bigint[],
                       $8::bigint[]) n (id, payable, settling, sequence, saga_id, tried_at, version, refunding)
           where s.id = n.id""",
        [s.id for s in rows], [s.payable_minor for s in rows], [s.settling_minor for s in rows],
        [s.sequence for s in rows], [s.pending.saga_id if s.pending else None for s in rows],
        [s.pending.tried_at if s.pending else None for s in rows], [s.version for s in rows],
        [s.refunding_minor for s in rows],
    )


async def merchant_balance(connection: Connection, merchant_id: str) -> tuple[int, int]:
    """What this book owes a merchant over all its shares, and what of it is claimed by what has not ended."""
    row = await connection.fetchrow(
        """select coalesce(sum(payable_minor), 0)::bigint, coalesce(sum(settling_minor + refunding_minor), 0)::bigint
           from merchant_shares where id = any($1::text[])""",
        list(share_keys(merchant_id)),
    )
    return (row[0], row[1]) if row else (0, 0)


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
    Table(MerchantShare, load_merchant_shares, save_merchant_shares, root=True),
    Table(CardTender, load_tenders, save_tenders),
)
