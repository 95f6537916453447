"""Reading the book: the journals of a root in posting order, page by page, as callers see them."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from services.kernel.journal import Unit
from services.runtime.ground.paging import page_of
from services.runtime.ground.scalars import Enumeration, instant_field
from services.runtime.rpc.edge import Edge
from settlement.common.v1 import journal_pb2 as pb

PAGE_SIZE = 500
_ALL_OF_IT = 2**15 - 1
"""Behind every ordinal within a version."""

_UNITS = Enumeration(Unit, pb.JournalUnit)


async def journal_page(
    edge: Edge, request: Any  # Any: each book has its ListJournals
) -> tuple[Sequence[pb.Journal], str]:
    """The journals of `root_id` after `after_version`, of `order_id` if it is named; and the token of the next page."""
    page = page_of(request, (request.after_version, _ALL_OF_IT), PAGE_SIZE)
    async with edge.read() as connection:
        rows = await connection.fetch(
            """select root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts
               from journals where root = $1 and (root_version, no) > ($2, $3) and ($4 = '' or order_id = $4)
               order by root_version, no limit $5""",
            request.root_id, *page.after, request.order_id, page.limit,
        )
    return page.cut(rows, lambda row: (row["root_version"], row["no"]), _journal)


def _journal(row: asyncpg.Record) -> pb.Journal:
    return pb.Journal(
        root_id=row["root"], root_version=row["root_version"], no=row["no"], op=row["op"],
        unit=_UNITS.to_wire[row["unit"]], order_id=row["order_id"], settlement_id=row["saga_id"],
        post_time=instant_field(row["posted_at"]),
        lines=[
            pb.JournalLine(account=account, sub=sub, amount_minor=amount)
            for account, sub, amount in zip(row["accounts"], row["subs"], row["amounts"], strict=True)
        ],
    )
