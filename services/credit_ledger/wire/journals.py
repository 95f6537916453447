"""Stored journals as callers see them."""

from typing import Any

import asyncpg

from services.credit_ledger.wire.scalars import instant
from services.kernel.journal import Unit
from settlement.common.v1 import journal_pb2 as pb

_UNITS: dict[str, Any] = {unit.value: pb.JournalUnit.Value(f"JOURNAL_UNIT_{unit.name}") for unit in Unit}  # enum NewType


def journal(row: asyncpg.Record) -> pb.Journal:
    """A row of the journals table."""
    return pb.Journal(
        root_id=row["root"], root_version=row["root_version"], no=row["no"], op=row["op"], unit=_UNITS[row["unit"]],
        order_id=row["order_id"], settlement_id=row["saga_id"], post_time=instant(row["posted_at"]),
        lines=[
            pb.JournalLine(account=account, sub=sub, amount_minor=amount)
            for account, sub, amount in zip(row["accounts"], row["subs"], row["amounts"], strict=True)
        ],
    )
