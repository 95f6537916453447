"""Edits of single rows past all rules: each column by its type, json leaf by leaf; deletions, copies, swaps.

What can be edited is looked up in the filled databases: a `Place` is a column of a table, or a path in its json, with
the rows that have it; it can be edited in several ways. Paths have the fields' names, never bare numbers.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from operator import add
from random import Random
from typing import Any, NamedTuple, TypeAlias

from settle.audit.findings import SERVICES
from settle.audit.snapshots import Connection
from tests.settle.audit.json_names import named

Path: TypeAlias = tuple[str | int, ...]
Row: TypeAlias = Mapping[str, Any]  # Any: a column's value has the type of the column
WHOLE = "row"
"""The place of what is done to a row as a whole."""
GONE, TWICE, SWAPPED = "deleted", "copied", "swapped"
_HUGE = {"bigint": 2**62, "integer": 2**31 - 1, "smallint": 2**15 - 1}
_MOVES = {
    "a second later": timedelta(seconds=1), "a day earlier": timedelta(days=-1), "years later": timedelta(days=3_650),
}
_NOT_OURS = "schema_migrations"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is: its key, the types of its columns, its rows."""

    service: str
    name: str
    key: tuple[str, ...]
    types: Mapping[str, str]
    generated: frozenset[str]
    nullable: frozenset[str]
    rows: Sequence[Row]


class Statement(NamedTuple):
    """SQL with its arguments."""

    sql: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """What is done to which row; `place` and `way` say it as the table of meaningless edits does."""

    service: str
    place: str
    way: str
    key: str
    statements: tuple[Statement, ...]
    rows: tuple[Row, ...] = ()
    told: str = ""

    def __str__(self) -> str:
        return f"{self.service} {self.place} {self.way}: {self.key} {self.told}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an edit can be made, and in which rows: (row, path) each, the path empty for a whole column."""

    table: Table
    column: str
    name: str
    rows: list[tuple[Row, Path]] = field(default_factory=list)


async def tables(connections: Mapping[str, Connection]) -> list[Table]:
    """All tables of all databases that have rows."""
    found = [await _table(connections[service], service, name)
             for service in SERVICES for name in await _names(connections[service])]
    return [table for table in found if table.rows]


async def _names(connection: Connection) -> list[str]:
    rows = await connection.fetch(
        "select tablename from pg_tables where schemaname = 'public' and tablename <> $1 order by 1", _NOT_OURS
    )
    return [row["tablename"] for row in rows]


async def _table(connection: Connection, service: str, name: str) -> Table:
    columns = await connection.fetch(
        """select column_name, data_type, is_identity = 'YES' generated,
                  is_nullable = 'YES' nullable from information_schema.columns
           where table_schema = 'public' and table_name = $1 order by ordinal_position""", name,
    )
    key = await connection.fetch(
        """select a.attname from pg_index i, unnest(i.indkey) k (n), pg_attribute a
           where i.indrelid = $1::text::regclass and i.indisprimary and a.attrelid = i.indrelid
             and a.attnum = k.n""", name,
    )
    names = tuple(row["attname"] for row in key)
    types = {row[0]: row[1] for row in columns}
    rows = await connection.fetch(f"select {', '.join(types)} from {name} order by {', '.join(names)}")
    return Table(
        service=service, name=name, key=names, types=types,
        generated=frozenset(row[0] for row in columns if row["generated"]),
        nullable=frozenset(row[0] for row in columns if row["nullable"]),
        rows=[{column: _read(kind, row[column]) for column, kind in types.items()} for row in rows],
    )


def _read(kind: str, value: Any) -> Any:
    return json.loads(value) if kind == "json" and value is not None else value


def _written(kind: str, value: Any) -> Any:
    return json.dumps(value) if kind == "json" and value is not None else value


def places(known: Sequence[Table]) -> list[Place]:
    """Every place at which something can be edited, in a fixed order."""
    found: dict[tuple[str, str], Place] = {}
    for table in known:
        for row in table.rows:
            for column, path, name in _places_of(table, row):
                place = found.setdefault((table.service, name), Place(table, column, name))
                place.rows.append((row, path))
    return list(found.values())


def _places_of(table: Table, row: Row) -> Iterator[tuple[str, Path, str]]:
    yield "", (), f"{table.name}.{WHOLE}"
    for column, kind in table.types.items():
        if column in table.generated:
            continue
        if kind == "json" and row[column] is not None:
            for path, _ in _leaves(row[column]):
                yield column, path, ".".join((table.name, column, *named(table.name, column, path)))
        elif kind == "ARRAY":
            for index in range(len(row[column])):
                yield column, (index,), f"{table.name}.{column}"
        else:
            yield column, (), f"{table.name}.{column}"


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    items = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    if not value or not isinstance(value, list | dict):
        yield path, value
    for name, item in items:
        yield from _leaves(item, (*path, name))


def ways(place: Place) -> list[str]:
    """How the place can be edited, whatever its value is in a row."""
    if not place.column:
        return [GONE, TWICE]
    kinds = {type(value_at(row, place.column, path)) for row, path in place.rows[:200]}
    found = {way for kind in kinds for way in _WAYS.get(kind, ())}
    if place.column not in place.table.key:
        found |= {SWAPPED}
    if place.column in place.table.nullable or any(path for _, path in place.rows):
        found |= {"null"}
    return sorted(found)


_WAYS: Mapping[type, Sequence[str]] = {
    bool: ("the other",), int: ("one more", "one less", "zero", "huge"), str: ("another", "junk", "a day later"),
    datetime: tuple(_MOVES), date: ("a day later",), bytes: ("a bit flipped", "emptied"), type(None): ("filled",),
    list: ("filled",), dict: ("filled",),
}


def drawn(place: Place, way: str, random: Random) -> Edit | None:
    """An edit of this place in this way, of a row that is drawn; None if no row of some can be edited so."""
    for _ in range(8):
        row, path = random.choice(place.rows)
        edit = _edit(place, way, random, row, path)
        if edit is not None:
            return edit
    return None


def _edit(place: Place, way: str, random: Random, row: Row, path: Path) -> Edit | None:
    table = place.table
    key = "/".join(str(row[name]) for name in table.key)
    edit = Edit(table.service, place.name, way, key, (), (row,))
    if way == GONE:
        return replace(edit, statements=(deleting(table, row),))
    if way == TWICE:
        new = {**row, table.key[-1]: _next(row[table.key[-1]], [each[table.key[-1]] for each in table.rows])}
        return replace(edit, statements=(inserting(table, new),), rows=(row, new))
    old = value_at(row, place.column, path)
    if way == SWAPPED:
        other, there = random.choice(place.rows)
        new = value_at(other, place.column, there)
        if other is row or new == old:
            return None
        return replace(edit, told=f"{old!r} <-> {new!r}", rows=(row, other), statements=(
            setting(table, row, place.column, path, new), setting(table, other, place.column, there, old),
        ))
    new = _changed(place, way, random, row, old)
    if new == old and type(new) is type(old):
        return None
    return replace(
        edit, told=f"{old!r} -> {new!r}", statements=(setting(table, row, place.column, path, new),),
        rows=(row, {place.column: new}),
    )


def value_at(row: Row, column: str, path: Path) -> Any:
    """What a row has in a column, or in its json at a path."""
    value = row[column]
    for name in path:
        value = value[name]
    return value


def _changed(place: Place, way: str, random: Random, row: Row, old: Any) -> Any:
    change = _CHANGES.get((type(old), way))
    if way == "null" and old is not None:
        return None
    if way == "another" and isinstance(old, str):
        others = sorted({value for other, path in place.rows
                         if isinstance(value := value_at(other, place.column, path), str) and value != old})
        return random.choice(others) if others else old
    if way == "huge" and isinstance(old, int) and not isinstance(old, bool):
        return _HUGE.get(place.table.types[place.column], 2**62)
    if way == "filled" and not old and not isinstance(old, str | int | bytes | bool):
        return _filling(place, random, old)
    return old if change is None else change(old)


def _filling(place: Place, random: Random, old: Any) -> Any:
    """For what is null or an empty list: the value of another row, or something that is not null."""
    full = [value for row, path in place.rows if (value := value_at(row, place.column, path))]
    if full:
        return random.choice(full)
    kind = place.table.types[place.column]
    return datetime(2026, 5, 5, tzinfo=_UTC) if kind.startswith("timestamp") else date(2026, 5, 5) if kind == "date" \
        else "junk" if kind == "text" else ["junk"] if isinstance(old, list) else {"junk": 1} if isinstance(old, dict) \
        else 1


_UTC = datetime.now().astimezone().tzinfo


def _later(old: str) -> str:
    """An instant or a date that is written as text, a day later; anything else as it is."""
    if len(old) < len("2026-01-01") or not old[:4].isdigit():
        return old
    try:
        return str(date.fromisoformat(old) + timedelta(days=1))
    except ValueError:
        pass
    try:
        return (datetime.fromisoformat(old) + timedelta(days=1)).isoformat()
    except ValueError:
        return old


_CHANGES: Mapping[tuple[type, str], Callable[[Any], Any]] = {
    (bool, "the other"): lambda old: not old,
    (int, "one more"): lambda old: old + 1, (int, "one less"): lambda old: old - 1, (int, "zero"): lambda old: 0,
    (str, "junk"): lambda old: f"{old}~", (str, "a day later"): _later,
    (date, "a day later"): lambda old: old + timedelta(days=1),
    (bytes, "a bit flipped"): lambda old: old[:-1] + bytes([old[-1] ^ 1]) if old else b"\1",
    (bytes, "emptied"): lambda old: b"",
    **{(datetime, way): partial(add, by) for way, by in _MOVES.items()},
}


def setting(table: Table, row: Row, column: str, path: Path, value: Any) -> Statement:
    """Sets one value of a row."""
    whole = _written(table.types[column], _put(deepcopy(row[column]), path, value))
    where = " and ".join(f"{name} = ${number}" for number, name in enumerate(table.key, 2))
    return Statement(
        f"update {table.name} set {column} = $1 where {where}", (whole, *(row[name] for name in table.key))
    )


def _put(document: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return document


def deleting(table: Table, row: Row) -> Statement:
    """Deletes a row."""
    where = " and ".join(f"{name} = ${number}" for number, name in enumerate(table.key, 1))
    return Statement(f"delete from {table.name} where {where}", tuple(row[name] for name in table.key))


def _next(own: Any, known: Sequence[Any]) -> Any:
    if isinstance(own, str):
        return f"{own}~"
    return max(known) + (timedelta(days=1) if isinstance(own, date) else 1)


def inserting(table: Table, row: Row) -> Statement:
    """Adds a row."""
    columns = [name for name in table.types if name not in table.generated]
    numbered = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return Statement(
        f"insert into {table.name} ({', '.join(columns)}) values ({numbered})",
        tuple(_written(table.types[name], row[name]) for name in columns),
    )
