"""Rows of codes: envelopes, found by their blind index. Rotation of keys wraps them anew; nothing else changes them."""

from collections.abc import Sequence

import asyncpg

from services.card_redemption.domain.codes import CardCode, Envelope
from services.runtime.ground.saving import Appending, column, columns
from services.runtime.ground.tables import Connection

_CODE = "blind_index, card_id, number, last4, key_version, wrapped_key, sealed, version"


def code_of(row: asyncpg.Record) -> CardCode:
    """The code in a row."""
    return CardCode(
        blind_index=row["blind_index"], card_id=row["card_id"], number=row["number"], last4=row["last4"],
        envelope=Envelope(row["key_version"], row["wrapped_key"], row["sealed"]), version=row["version"],
    )


async def load_codes(connection: Connection, keys: Sequence[str]) -> list[CardCode]:
    """Read the codes with these blind indexes; their cards are locked already."""
    rows = await connection.fetch(f"select {_CODE} from card_codes where blind_index = any($1::text[])", keys)
    return [code_of(row) for row in rows]


async def load_codes_of(connection: Connection, card_ids: Sequence[str]) -> list[CardCode]:
    """Read all codes of these cards, the dead ones too."""
    rows = await connection.fetch(f"select {_CODE} from card_codes where card_id = any($1::text[])", card_ids)
    return [code_of(row) for row in rows]


save_codes = Appending(
    "card_codes",
    (
        *columns("text", "blind_index", "card_id", "last4"), *columns("bigint", "number", "version"),
        column("sealed", "bytea", "envelope.sealed"),
    ),
    beside=(
        column("key_version", "integer", "envelope.key_version"),
        column("wrapped_key", "bytea", "envelope.wrapped_key"),
    ),
    sealed=True,
)


async def find_card_of(connection: Connection, blind_index: str) -> str | None:
    """The card whose code has this blind index."""
    card_id: str | None = await connection.fetchval(
        "select card_id from card_codes where blind_index = $1", blind_index
    )
    return card_id


async def find_good_code(connection: Connection, card_id: str) -> CardCode | None:
    """The code of a card that is good now."""
    row = await connection.fetchrow(
        f"""select {_CODE} from card_codes
            where card_id = $1 and number = (select code_number from gift_cards where id = $1)""", card_id,
    )
    return code_of(row) if row else None


async def find_code(connection: Connection, card_id: str, number: int) -> CardCode | None:
    """The code of a card with this number."""
    row = await connection.fetchrow(
        f"select {_CODE} from card_codes where card_id = $1 and number = $2", card_id, number
    )
    return code_of(row) if row else None


async def list_codes_under(connection: Connection, below: int, after: str, limit: int) -> list[CardCode]:
    """Codes that are under keys of versions below this one, by blind index, locked until they are wrapped anew."""
    rows = await connection.fetch(
        f"""select {_CODE} from card_codes where key_version < $1 and blind_index > $2
            order by blind_index limit $3 for no key update""", below, after, limit,
    )
    return [code_of(row) for row in rows]


async def save_rewrapped(connection: Connection, codes: Sequence[CardCode]) -> None:
    """Keep these codes under their new key."""
    await connection.execute(
        """update card_codes c set key_version = n.key_version, wrapped_key = n.wrapped_key
           from unnest($1::text[], $2::integer[], $3::bytea[]) n (blind_index, key_version, wrapped_key)
           where c.blind_index = n.blind_index""",
        [code.blind_index for code in codes], [code.envelope.key_version for code in codes],
        [code.envelope.wrapped_key for code in codes],
    )
