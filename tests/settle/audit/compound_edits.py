"""Edits that a cunning hand would make: what keeps sums, changes places, goes together, or only looks the same.

Each is made of several statements over one database. They come by table and way, as single edits do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from tests.settle.audit.edits import Edit, Path, Place, Row, Statement, deleting, inserting, setting, value_at

ROWS_SWAPPED = "rows change places"
MOVED = "one more here, one less there"
ALL_GONE = "all of it deleted"
OF_ANOTHER = "copied for another"
INFINITE = "for ever"
_LOOKS_ALIKE: Mapping[str, Callable[[str], str]] = {
    "in the other case": str.swapcase, "with a space": lambda text: f"{text} ",
    "with what nobody sees": lambda text: f"{text}\u200b", "of a million letters": lambda text: text + "x" * 1_000_000,
}
_OF_ANOTHER_TYPE: Mapping[str, Callable[[int], Any]] = {
    "a text that says it": str, "a fraction that says it": float, "in a list": lambda value: [value],
    "beyond all numbers": lambda value: 10**400,
}
"""Any: json takes all of these."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to edit a place: what it does to some rows of it; None where it can do nothing there."""

    place: Place
    name: str
    make: Callable[[Random], Edit | None]


def ways(places: Sequence[Place]) -> list[Way]:
    """Every way in which some place can be edited so."""
    return [way for place in places for way in _ways(place)]


def _ways(place: Place) -> Iterator[Way]:
    table = place.table
    if not place.column:
        if len(table.rows) > 1 and set(table.types) - set(table.key) - table.generated:
            yield Way(place, ROWS_SWAPPED, partial(_rows_swapped, place))
        return
    kinds = {type(value_at(row, place.column, path)) for row, path in place.rows[:50]}
    if int in kinds and place.column not in table.key:
        yield Way(place, MOVED, partial(_moved, place))
        for number in _OF_ANOTHER_TYPE if table.types[place.column] == "json" else ():
            yield Way(place, number, partial(_other, place, number, _OF_ANOTHER_TYPE[number], int))
    if str in kinds:
        for text, change in _LOOKS_ALIKE.items():
            yield Way(place, text, partial(_other, place, text, change, str))
        if not any(path for _, path in place.rows):
            yield Way(place, ALL_GONE, partial(_all_gone, place))
            if place.column in table.key[:-1]:
                yield Way(place, OF_ANOTHER, partial(_of_another, place))
    if table.types[place.column].startswith("timestamp"):
        yield Way(place, INFINITE, partial(_infinite, place))


def _rows_swapped(place: Place, random: Random) -> Edit | None:
    """All that two rows hold, but their keys."""
    table = place.table
    one, other = random.sample(list(table.rows), 2)
    names = [name for name in table.types if name not in table.key and name not in table.generated]
    if all(one[name] == other[name] for name in names):
        return None
    statements = [
        setting(table, to, name, (), from_[name])
        for to, from_ in ((one, other), (other, one)) for name in names if one[name] != other[name]
    ]
    return _edit(place, ROWS_SWAPPED, statements, (one, other))


def _moved(place: Place, random: Random) -> Edit | None:
    """The sum stays."""
    found = [(row, path) for row, path in place.rows if type(value_at(row, place.column, path)) is int]
    if len(found) < 2:
        return None
    (one, path), (other, there) = random.sample(found, 2)
    if one is other:
        return None
    changes = ((one, path, 1), (other, there, -1))
    statements = [
        setting(place.table, row, place.column, way, value_at(row, place.column, way) + by)
        for row, way, by in changes
    ]
    return _edit(place, MOVED, statements, (one, other))


def _other(
    place: Place, name: str, change: Callable[[Any], Any], kind: type, random: Random
) -> Edit | None:  # Any: of the kind
    found = [(row, path) for row, path in place.rows if type(value_at(row, place.column, path)) is kind]
    row, path = random.choice(found)
    old = value_at(row, place.column, path)
    new = change(old)
    if new == old and type(new) is type(old):
        return None
    return _edit(place, name, [setting(place.table, row, place.column, path, new)], (row,))


def _all_gone(place: Place, random: Random) -> Edit | None:
    """Every row of the table that has the same there."""
    value = value_at(*_drawn(place, random))
    if not value:
        return None
    rows = [row for row in place.table.rows if row[place.column] == value]
    return _edit(place, ALL_GONE, [deleting(place.table, row) for row in rows], tuple(rows), value)


def _of_another(place: Place, random: Random) -> Edit | None:
    """The row is there for somebody else, too."""
    row, _, _ = _drawn(place, random)
    others = sorted({each[place.column] for each in place.table.rows} - {row[place.column]})
    if not others:
        return None
    other = random.choice(others)
    copy = {**row, place.column: other}
    return _edit(place, OF_ANOTHER, [inserting(place.table, copy)], (row, copy), other)


def _infinite(place: Place, random: Random) -> Edit | None:
    row, column, _ = _drawn(place, random)
    if row[column] is None:
        return None
    where = " and ".join(f"{name} = ${number}" for number, name in enumerate(place.table.key, 1))
    sign = random.choice(("", "-"))
    sql = f"update {place.table.name} set {column} = '{sign}infinity' where {where}"
    return _edit(place, INFINITE, [Statement(sql, tuple(row[name] for name in place.table.key))], (row,))


def _drawn(place: Place, random: Random) -> tuple[Row, str, Path]:
    row, path = random.choice(place.rows)
    return row, place.column, path


def _edit(place: Place, way: str, statements: Sequence[Statement], rows: tuple[Row, ...], told: object = "") -> Edit:
    table = place.table
    keys = ", ".join("/".join(str(row[name]) for name in table.key) for row in rows[:3])
    return Edit(table.service, place.name, way, keys, tuple(statements), rows, told=str(told)[:80])
