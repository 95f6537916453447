"""Reading the book: the journals of a root in posting order, page by page, as callers see them."""


import asyncpg

from services.kernel.journal import Unit
from services.runtime.ground.scalars import Enumeration, instant_to_wire
from services.runtime.ground.tables import Connection
from settlement.common.v1 import journal_pb2 as pb

PAGE_SIZE = 200
_UNITS = Enumeration(Unit, pb.JournalUnit)


async def journal_page(
    connection: Connection, root: str, after: tuple[int, int], order_id: str, size: int
) -> tuple[list[pb.Journal], tuple[int, int] | None]:
    """The journals of a root after (version, ordinal), of one order if it is named; and where the next page begins."""
    rows = await connection.fetch(
        """select root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts
           from journals where root = $1 and (root_version, no) > ($2, $3) and ($4 = '' or order_id = $4)
           order by root_version, no limit $5""",
        root, *after, order_id, size + 1,
    )
    last = rows[size - 1] if len(rows) > size else None
    return [_journal(row) for row in rows[:size]], (last["root_version"], last["no"]) if last else None


def _journal(row: asyncpg.Record) -> pb.Journal:
    return pb.Journal(
        root_id=row["root"], root_version=row["root_version"], no=row["no"], op=row["op"],
        unit=_UNITS.to_wire[row["unit"]], order_id=row["order_id"], settlement_id=row["saga_id"],
        post_time=instant_to_wire(row["posted_at"]),
        lines=[
            pb.JournalLine(account=account, sub=sub, amount_minor=amount)
            for account, sub, amount in zip(row["accounts"], row["subs"], row["amounts"], strict=True)
        ],
    )
