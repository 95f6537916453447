"""What is put beside a book is filled and read whole: indexes would cost more than they spare."""

import pytest

from settle.audit.findings import BOOKS
from settle.audit.snapshots import open_snapshots
from tests.settle.audit.house import House


@pytest.mark.parametrize("book", BOOKS)
async def test_it_has_no_index(filled: House, book: str) -> None:
    """None of its tables."""
    async with open_snapshots(filled.dsns) as connections:
        rows = await connections[book].fetch(
            """select c.relname, i.indexrelid::regclass::text index from pg_class c
               left join pg_index i on i.indrelid = c.oid
               where c.relnamespace = pg_my_temp_schema() and c.relkind = 'r' and c.relname like 'audit%'"""
        )

    assert "audit_settlements" in {row["relname"] for row in rows}
    assert [row["index"] for row in rows if row["index"]] == []
