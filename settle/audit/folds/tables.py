"""A table whose rows are told: its columns, each beside what a told row has there.

Columns are compared as they are written, for that is cheap; only of those that differ are the lists read, and compared
field by field. What was written in another form, by an older engine or by a migration, is the same if it reads the
same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg
import msgspec

from settle.audit.findings import CREDIT, Finding
from settle.audit.folds.differing import ABSENT, Difference, differences, said

encode = msgspec.json.Encoder().encode
Get = Callable[[Any], Any]
"""From a told row to what its column holds (Any: rows of one kind)."""


class Column(NamedTuple):
    """A column: `get` is what a told row has there; a list is written as json, and `shape` is its type. `select` is the
    expression that reads it, if it is not the column alone. A stored null is not compared if it is `unless_null`."""

    name: str
    get: Get
    shape: Any = None
    """Any: what msgspec reads it as, a type or a form of one."""
    select: str = ""
    unless_null: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table, the kind of its rows, and the column of their key (`key`: an expression that gives it)."""

    name: str
    kind: type
    key: str
    columns: Sequence[Column]
    of: str = "account_id"
    version: str = "null::bigint"
    """The expression of how often a row was changed, where that is told."""

    @property
    def query(self) -> str:
        """All rows of these aggregates: whose each is, its key, its version and its columns."""
        columns = ", ".join(f"{column.select or column.name} as {column.name}" for column in self.columns)
        return f"""select {self.of}, {self.key} as key, {self.version} as version, {columns}
                   from {self.name} where {self.of} = any($1) order by {self.of}"""


def column(name: str, get: str = "") -> Column:
    """A column that holds an attribute of the row as it is."""
    return Column(name, attrgetter(get or name))


def columns(*names: str) -> tuple[Column, ...]:
    """Columns that hold attributes of their name."""
    return tuple(column(name) for name in names)


def listed(name: str, shape: Any, get: str = "") -> Column:  # Any: as in `Column`
    """A column that holds an attribute as json."""
    return Column(name, attrgetter(get or name), shape)


def compared(table: Table, stored: asyncpg.Record, told: Any) -> Iterator[Difference]:  # Any: a row of `table.kind`
    """Where a stored row is not as it was told."""
    for column, actual in zip(table.columns, tuple(stored)[3:], strict=True):
        expected = column.get(told)
        if column.shape is not None:
            if expected is not None:
                yield from read(column, expected, actual)
        elif actual != expected and not (actual is None and column.unless_null):
            yield Difference(column.name, said(expected), said(actual))


def read(column: Column, expected: Any, actual: str | None) -> Iterator[Difference]:  # Any: of the column's shape
    """Where a list is not as it was told."""
    if actual is not None and actual.encode() == encode(expected):
        return
    try:
        value = None if actual is None else msgspec.json.decode(actual, type=column.shape)
    except (msgspec.MsgspecError, RecursionError):  # what cannot be read differs
        yield Difference(column.name, said(expected), said(actual))
    else:
        yield from differences(expected, value, column.name)


def finding(
    check: str, what: str, expected: str, actual: str, since: str = "", cause: str = ""
) -> Finding:
    """What is not as it was told, in the credit ledger."""
    return Finding(check, CREDIT, what, expected=expected, actual=actual, since=since, cause=cause)


def missing(check: str, table: str, key: str, since: str) -> Finding:
    """A row that was told and is not there."""
    return finding(check, f"{table} {key}", "a row", ABSENT, since)


def unasked(check: str, table: str, key: str) -> Finding:
    """A row that is there, and nothing in the log made it."""
    return finding(check, f"{table} {key}", "no row, for no operation made it", "a row")


Rows = Mapping[str, Any]
"""Told rows of one kind, by key."""
