"""Every table of every service is written whole: all columns under their types, by its primary key."""

import asyncpg
import pytest

from services.card_redemption.__main__ import SERVICE as CARDS
from services.credit_ledger.__main__ import SERVICE as CREDIT
from services.order.__main__ import SERVICE as ORDERS
from services.runtime.ground.migrations import migrate
from services.runtime.ground.saving import Appending, Column, Saving, Viewing
from services.runtime.service import Service
from services.runtime.stored.sagas import saga_table
from tests.settle.audit.scratch import server

_COLUMNS = """select a.attname, format_type(a.atttypid, null) from pg_attribute a
              where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped"""
_KEY = """select array_agg(a.attname) from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid
          and a.attnum = any(c.conkey) where c.conrelid = $1::text::regclass and c.contype = 'p'"""
_LONG = {"timestamptz": "timestamp with time zone"}


@pytest.mark.parametrize("service", [ORDERS, CREDIT, CARDS], ids=lambda service: service.name)
async def test_every_column_is_written_as_its_type_and_rows_are_found_by_the_primary_key(service: Service) -> None:
    """A column that a migration adds is one that saving knows of."""
    tables = [*service.tables, *([saga_table(service.definitions)] if service.definitions else [])]
    with server() as dsn:
        await migrate(f"{dsn}/postgres", [service.migrations])
        connection = await asyncpg.connect(f"{dsn}/postgres")
        for table in tables:
            save = table.save
            if isinstance(save, Viewing):
                continue
            assert isinstance(save, Saving | Appending)
            stored = {row[0]: row[1] for row in await connection.fetch(_COLUMNS, save.table)}
            key = await connection.fetchval(_KEY, save.table)

            assert {each.name: _type(each) for each in save.columns} | _seals(save) == stored, save.table
            if isinstance(save, Saving):
                assert key == [save.key], save.table
        await connection.close()


def _seals(save: Saving | Appending) -> dict[str, str]:
    """The columns of seals, which saving makes itself."""
    if isinstance(save, Appending):
        return {"seal": "bytea"} if save.sealed else {}
    seals = {"seal": save.under_seal, "made_seal": save.made_under_seal}
    return {name: "bytea" for name, under in seals.items() if under}


def _type(column: Column) -> str:
    return _LONG.get(column.type, column.type)
