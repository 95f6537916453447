"""What a batch writes, as one statement: to a small batch a round trip costs more than the rows that it brings.

PostgreSQL runs the parts of a statement on one snapshot and in no order, so no part reads what another one writes, and
no two touch the same row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
STATEMENTS_KNOWN = 1_024
"""So many shapes of a batch are put together once."""
_ARGUMENT = re.compile(r"\$(\d+)")


class Overtaken(Exception):
    """Somebody else changed a row since it was found: what was decided on it does not hold."""


@dataclass(frozen=True, slots=True)
class Write:
    """An INSERT, UPDATE or DELETE and its arguments `$1`, `$2`, ... Where it touches another number of rows of its
    `table` than `exactly`, somebody else was first."""

    sql: str
    arguments: Sequence[Any]
    table: str = ""
    exactly: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is selected beside the writes: expressions, separated by commas, that see nothing of what these write."""

    sql: str
    arguments: Sequence[Any] = ()


def insert_into(table: str, columns: Mapping[str, str]) -> str:
    """The SQL of rows that come as an array for each column; `columns` are their SQL types by name."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), 1))
    return f"insert into {table} ({', '.join(columns)}) select * from unnest({arrays})"


async def write(connection: Connection, *writes: Write, asked: Question | None = None) -> Sequence[Any]:
    """Do all of this in one statement; answers what was asked.

    Raises `UniqueViolationError` for a new row that is there by now, `Overtaken` for known ones that were changed.
    """
    if not writes and asked is None:
        return ()
    shapes = tuple((each.sql, len(each.arguments), each.exactly is not None) for each in writes)
    given = [each.arguments for each in writes] + ([asked.arguments] if asked else [])
    row = await connection.fetchrow(_together(shapes, asked.sql if asked else ""), *chain.from_iterable(given))
    assert row is not None
    counted = [each for each in writes if each.exactly is not None]
    for each, touched in zip(counted, row, strict=False):
        if touched != each.exactly:
            raise Overtaken(f"{each.table}: {touched} of {each.exactly} rows")
    return tuple(row)[len(counted):]


@lru_cache(STATEMENTS_KNOWN)
def _together(shapes: tuple[tuple[str, int, bool], ...], asked: str) -> str:
    """One statement of all these, each (SQL, number of its arguments, whether its rows are counted)."""
    parts, counts, before = [], [], 0
    for number, (sql, arguments, counted) in enumerate(shapes):
        parts.append(f"w{number} as ({_after(before, sql)}{' returning true' if counted else ''})")
        counts += [f"(select count(*) from w{number})"] * counted
        before += arguments
    selected = ", ".join([*counts, *([_after(before, asked)] if asked else [])])
    return f"with {', '.join(parts)} select {selected}" if parts else f"select {selected}"


def _after(before: int, sql: str) -> str:
    """The SQL with its arguments numbered after so many others."""
    return _ARGUMENT.sub(lambda found: f"${int(found[1]) + before}", sql)
