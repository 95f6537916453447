"""The permanent record in SQL: appended to with a batch, read by page; nothing deletes of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.kernel.errors import Defect
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Write, insert_into

_COLUMNS = ("request_id", "at", "actor", "channel", "kind", "outcome", "reason", "card_id", "order_id")
_APPEND = insert_into("attempts", dict.fromkeys(_COLUMNS, "text") | {"at": "timestamptz"})
ATTEMPT = f"id, {', '.join(_COLUMNS)}, volume, number, link"


class Kept(NamedTuple):
    """An attempt as it is kept: with its instant, and once it is sealed its place in the chain."""

    id: int
    at: datetime
    attempt: Attempt
    volume: str
    number: int
    link: bytes


def keep_attempts(records: Sequence[object], now: datetime) -> Write:
    """Append these attempts, at the instant of the batch that decided them."""
    rows = []
    for attempt in records:
        if not isinstance(attempt, Attempt):
            raise Defect(f"{attempt!r} is nothing for the record")
        rows.append((
            attempt.request_id, now, attempt.actor, attempt.channel.value, attempt.kind, attempt.outcome.value,
            attempt.reason, attempt.card_id, attempt.order_id,
        ))
    return Write(_APPEND, [[row[column] for row in rows] for column in range(len(_COLUMNS))])


async def count_wrong_codes(connection: Connection, actor: str, now: datetime, window: timedelta) -> int:
    """How many wrong codes somebody gave within the window that ends now."""
    count: int = await connection.fetchval(
        "select count(*) from attempts where actor = $1 and reason = 'CODE_REJECTED' and at > $2", actor, now - window
    )
    return count


async def list_attempts(
    connection: Connection, actor: str, card_id: str, after: int, limit: int
) -> list[Kept]:
    """The attempts of somebody, on a card, or all, in the order in which they were recorded."""
    rows = await connection.fetch(
        f"""select {ATTEMPT} from attempts
            where ($1 = '' or actor = $1) and ($2 = '' or card_id = $2) and id > $3 order by id limit $4""",
        actor, card_id, after, limit,
    )
    return [_kept(row) for row in rows]


def _kept(row: asyncpg.Record) -> Kept:
    attempt = Attempt(
        kind=row["kind"], actor=row["actor"], channel=EntryChannel(row["channel"]),
        outcome=AttemptOutcome(row["outcome"]), reason=row["reason"], card_id=row["card_id"],
        order_id=row["order_id"], request_id=row["request_id"],
    )
    return Kept(
        id=row["id"], at=row["at"], attempt=attempt, volume=row["volume"] or "", number=row["number"] or 0,
        link=row["link"] or b"",
    )
