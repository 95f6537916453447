"""Every value of a row changed in turn, also inside its lists; and which of them no log can know of, and why."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from fnmatch import fnmatch
from typing import Any, NamedTuple

import asyncpg

from settle.audit.snapshots import SETTINGS, Connection

FAR = 1_000
"""So much greater is a number: a version one further may be that of a decision which is no operation."""

_DAY = timedelta(days=1)
_STEPS_OF_LEGS = "what rails report moves legs, and is no operation"
_CHAINED = "the chains hold it"
_SAID_ONCE = "only this input says it, and nothing follows from it; the chain of the log holds it"
UNTOLD: Mapping[str, str] = {
    "credit_accounts.sequence": "events of legs are no operations",
    "credit_accounts.version": "legs step without an operation: there may be more decisions than operations",
    "credit_accounts.pending_*": "a claim is no operation",
    "credit_accounts.*_head": _CHAINED, "operations.link": _CHAINED,
    "legs.state": _STEPS_OF_LEGS, "legs.attempts": _STEPS_OF_LEGS, "legs.detail": _STEPS_OF_LEGS,
    "legs.updated_at": _STEPS_OF_LEGS, "legs.moved_at": _STEPS_OF_LEGS, "legs.word": _STEPS_OF_LEGS,
    "legs.ended": _STEPS_OF_LEGS, "legs.used_minor": _STEPS_OF_LEGS, "legs.version": _STEPS_OF_LEGS,
    "legs.seal": "a seal is read by a walk of its own", "adjustments.version": "it is written once",
    "payment_references.version": "claims of a TRY are no operations",
    "operations.body.expected_account_version": _SAID_ONCE,
    "operations.body.goods_back": _SAID_ONCE,
    "operations.body.reaches_back": _SAID_ONCE,
    "operations.facts.due_by_days": "it changes nothing where no month is short",
}
"""By place; what is not told by the log of an account, and why."""

BOUNDED: Mapping[str, str] = {
    "journals.posted_at": "a saga confirms some time after its TRY, and only the TRY is in the log",
    "journals.no": "the promise journals.ordinals holds it", "operations.body.reason": _SAID_ONCE,
    "operations.body.quote_valid_until": _SAID_ONCE,
}
"""What is known only as far as its neighbours bound it: it may be found, or not."""


class Edit(NamedTuple):
    """A place in a table, and the assignment that puts another value there."""

    place: str
    change: str


def untold(place: str) -> str:
    """Why nothing can be known of this place, or nothing."""
    return next((reason for pattern, reason in UNTOLD.items() if fnmatch(place, pattern)), "")


def edits(table: str, row: Mapping[str, Any], types: Mapping[str, str]) -> Iterator[Edit]:  # Any: of its columns
    """Each value of a row in turn as another one."""
    for column, kind in types.items():
        value = row[column]
        if kind == "json" and value is not None:
            for path, leaf in _leaves(json.loads(value)):
                name = ".".join(("", *(step for step in path if not step.isdigit())))
                changed = json.dumps(_other(leaf, "text")).replace("'", "''")
                set_ = f"jsonb_set({column}::jsonb, '{{{','.join(path)}}}', '{changed}')::json"
                yield Edit(f"{table}.{column}{name}", f"{column} = {set_}")
        else:
            yield Edit(f"{table}.{column}", f"{column} = {_literal(_other(value, kind))}")


@asynccontextmanager
async def auditor_of(dsn: str) -> AsyncIterator[Connection]:
    """The auditor's connection to a database of a test, whose own constraints are gone."""
    connection = await asyncpg.connect(dsn, server_settings=SETTINGS)
    for row in await connection.fetch(
        """select conrelid::regclass::text as table, conname as name from pg_constraint
           where contype in ('c', 'p') and connamespace = 'public'::regnamespace"""
    ):
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
    yield connection
    await connection.close()


@asynccontextmanager
async def broken(connection: Connection, *statements: str) -> AsyncIterator[None]:
    """The database after statements past all rules; they are taken back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("set local session_replication_role = replica")
        for sql in statements:
            assert not (await connection.execute(sql)).endswith(" 0"), sql
        yield
    finally:
        await transaction.rollback()


async def types_of(connection: Connection, table: str) -> dict[str, str]:
    """The columns of a table with their types."""
    rows = await connection.fetch(
        """select column_name, udt_name from information_schema.columns
           where table_name = $1 and table_schema = 'public'""", table,
    )
    return {row["column_name"]: row["udt_name"] for row in rows}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # Any: json
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
    for step, item in items or ():
        yield from _leaves(item, (*path, str(step)))


def _other(value: Any, kind: str) -> Any:  # Any: a value of a column or a list
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + FAR
        case datetime() | date():
            return value + _DAY
        case list():
            return [*value[:-1], _other(value[-1], kind)]
        case str() if value[:4].isdigit() and value[4:5] == "-":
            return f"{int(value[:4]) + 1}{value[4:]}"
        case str():
            return f"{value}x"
    return {"timestamptz": datetime(2026, 1, 1).astimezone(), "date": date(2026, 1, 1), "bool": True}.get(kind, "x")


def _literal(value: Any) -> str:  # Any: as above
    if isinstance(value, list):
        return "'{" + ",".join(f'"{item}"' for item in value) + "}'"
    return str(value) if isinstance(value, bool | int) else f"'{value}'"
