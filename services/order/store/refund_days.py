"""What is counted against the limits of refunds: roots beside the orders, locked after them."""

from collections.abc import Sequence

import asyncpg

from services.order.domain.refund_days import RefundDay
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection


def _day_of(row: asyncpg.Record) -> RefundDay:
    return RefundDay(
        id=row["id"], day=row["day"], refunds=row["refunds"], amount_minor=row["amount_minor"], version=row["version"]
    )


async def load_refund_days(connection: Connection, keys: Sequence[str]) -> list[RefundDay]:
    """Lock and read these."""
    rows = await connection.fetch(
        """select id, day, refunds, amount_minor, version from refund_days
           where id = any($1::text[]) order by id for no key update""", keys,
    )
    return [_day_of(row) for row in rows]


save_refund_days = Saving(
    "refund_days",
    key="id",
    once=columns("text", "id"),
    moving=(column("day", "date"), *columns("bigint", "refunds", "amount_minor", "version")),
    sealed=True,
)
"""One row for each customer and each merchant."""
