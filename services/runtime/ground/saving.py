"""How the rows that a batch changed are written: one way for every table, as parts of the batch's one statement.

A row that was not found is INSERTed, so that two processes that make the same one collide, and the loser decides again
on what the winner made. A row that was found is UPDATEd while it still has the version in which it was found, and the
updated rows are counted. Locks keep that from ever failing; a write that no lock covered is not lost in silence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from services.kernel.decision import Known
from services.kernel.effects import ToLoad
from services.kernel.errors import Defect
from services.kernel.seal import seal_of
from services.runtime.ground.tables import Connection, Table, load
from services.runtime.ground.writing import Write, insert_into


@dataclass(frozen=True, slots=True)
class Column:
    """A column, its SQL type, and how to get its value from the row's dataclass."""

    name: str
    type: str
    value: Callable[[Any], Any]  # Any: of whatever class the rows are, and of whatever type the field is


def column(name: str, kind: str, value: str | Callable[[Any], Any] = "") -> Column:  # Any: as in `Column`
    """A column of this SQL type whose value is an attribute, given as a path (if not by the column's own name), or
    what a function makes of the row."""
    return Column(name, kind, attrgetter(value or name) if isinstance(value, str) else value)


def columns(kind: str, *names: str) -> tuple[Column, ...]:
    """Columns of one SQL type that are named as their attributes."""
    return tuple(column(name, kind) for name in names)


class Saving:
    """Writes versioned rows. The columns of `once` are written with a row's first version and never again, those of
    `moving` with each; `version` is among them. `key` is the column by which a row is found.

    A `sealed` row keeps its `seal` (`kernel/seal.py`), over all columns but the documents of `once`: these are not
    encoded again, so they have a `made_seal` of their own.
    """

    def __init__(
        self, table: str, *, key: str, once: Sequence[Column], moving: Sequence[Column], sealed: bool = False
    ) -> None:
        self.table, self.key, self.once, self.columns, self.sealed = table, key, tuple(once), (*once, *moving), sealed
        documents = [each for each in once if each.type == "json"]
        own = next(each for each in once if each.name == key)
        self.under_seal = tuple(each for each in self.columns if each not in documents) if sealed else ()
        self.made_under_seal = (own, *documents) if sealed and documents else ()
        self._moving = (own, *moving)
        moved = [each.name for each in moving] + ["seal"] * sealed
        written = (*self.columns, *_seals(self.made_under_seal, "made_seal"), *_seals(self.under_seal, "seal"))
        self._insert = insert_into(table, {each.name: each.type for each in written})
        self._update = self._updating(moved)

    def _updating(self, moved: Sequence[str]) -> str:
        given = (*self._moving, *_seals(self.under_seal, "seal"))
        return f"""update {self.table} t set {", ".join(f"{name} = n.{name}" for name in moved)}
                   from unnest({_arrays(given)}, ${len(given) + 1}::bigint[])
                        n ({", ".join(each.name for each in given)}, found_version)
                   where t.{self.key} = n.{self.key} and t.version = n.found_version"""

    def __call__(self, rows: Sequence[Any], found: Mapping[str, int], seal_key: bytes = b"") -> list[Write]:
        """The writes of these rows; `found` has, by key, the version in which each known one was found."""
        known = [row for row in rows if row.key in found]
        new = [row for row in rows if row.key not in found] if len(known) < len(rows) else []
        writes = [Write(self._insert, self._made(new, seal_key))] if new else []
        if known:
            moved = (*self._moved(known, seal_key), [found[row.key] for row in known])
            writes.append(Write(self._update, moved, self.table, len(known)))
        return writes

    def _made(self, rows: Sequence[Any], seal_key: bytes) -> list[list[Any]]:
        """All columns of new rows, with their seals."""
        values = dict(zip(self.columns, _values(self.columns, rows), strict=True))
        made = self._sealed(self.made_under_seal, values, seal_key)
        return [*values.values(), *made, *self._sealed(self.under_seal, values, seal_key)]

    def _moved(self, rows: Sequence[Any], seal_key: bytes) -> list[list[Any]]:
        """What moves of known rows, with their key and their seal."""
        read = self.under_seal or self._moving
        values = dict(zip(read, _values(read, rows), strict=True))
        return [*(values[each] for each in self._moving), *self._sealed(self.under_seal, values, seal_key)]

    def _sealed(
        self, columns: Sequence[Column], values: Mapping[Column, list[Any]], seal_key: bytes
    ) -> list[list[bytes]]:
        if not columns:
            return []
        return [[seal_of(self.table, row, seal_key) for row in zip(*(values[each] for each in columns), strict=True)]]


class Appending:
    """Writes rows that never change; the table's primary key refuses one that is there. A `sealed` row keeps a seal
    over all its columns, if no chain holds it; but over none of `beside`, which others may write anew."""

    def __init__(
        self, table: str, each: Sequence[Column], *, beside: Sequence[Column] = (), sealed: bool = False
    ) -> None:
        self.table, self.columns, self.sealed = table, (*each, *beside), sealed
        self.under_seal = tuple(each) if sealed else ()
        written = (*self.columns, *_seals(self.under_seal, "seal"))
        self._insert = insert_into(table, {column.name: column.type for column in written})

    def __call__(self, rows: Sequence[Any], found: Mapping[str, int], seal_key: bytes = b"") -> list[Write]:
        """Append these rows; one that was found is a defect."""
        if changed := [row.key for row in rows if row.key in found]:
            raise Defect(f"{self.table}: {changed} are there, and never change")
        values = _values(self.columns, rows)
        if self.sealed:
            under = zip(*values[: len(self.under_seal)], strict=True)
            values.append([seal_of(self.table, row, seal_key) for row in under])
        return [Write(self._insert, values)]


class Viewing:
    """Stands where others save, for rows that are only read: who changes what they show changes other rows."""

    def __call__(self, rows: Sequence[Any], found: Mapping[str, int], seal_key: bytes = b"") -> list[Write]:
        """Refuse; a decision that changes a view is a defect."""
        raise Defect(f"{[row.key for row in rows]} are only read")


async def free_of(connection: Connection, table: Table, keys: Sequence[str]) -> set[str]:
    """Lock the roots of these sorted keys that no other transaction has locked; answers the keys of these, and those
    that have no row. Nobody is waited for, so whoever has locked others before waits for nobody in a circle."""
    if not isinstance(table.save, Saving):
        return set()
    name, key = table.save.table, table.save.key
    rows = await connection.fetch(
        f"""with free as (
                select {key} as key from {name} where {key} = any($1::text[]) order by {key}
                for no key update skip locked)
            select w.key from unnest($1::text[]) w (key)
            where w.key in (select key from free) or not exists (select from {name} t where t.{key} = w.key)""", keys
    )
    return {row[0] for row in rows}


async def load_free(connection: Connection, tables: Sequence[Table], wanted: ToLoad, known: Known) -> None:
    """Load what is wanted, but of roots only those that no other transaction has locked."""
    for table in tables:
        if table.root and table.kind in wanted.rows:
            wanted.rows[table.kind] = await free_of(connection, table, sorted(wanted.rows[table.kind]))
    await load(connection, tables, wanted, known)


async def hold(tables: Sequence[Table], connection: Connection, keys: Sequence[str]) -> None:
    """Lock the roots that there are with these sorted keys and that tell events: nothing is told of them meanwhile."""
    for table in tables:
        if table.tells and isinstance(table.save, Saving):
            name, key = table.save.table, table.save.key
            await connection.execute(
                f"select from {name} where {key} = any($1::text[]) order by {key} for no key update", keys
            )


def _seals(columns: Sequence[Column], name: str) -> tuple[Column, ...]:
    """The column of a seal over these columns, if there are any."""
    return (column(name, "bytea"),) if columns else ()


def _arrays(each: Sequence[Column]) -> str:
    return ", ".join(f"${number}::{one.type}[]" for number, one in enumerate(each, 1))


def _values(each: Iterable[Column], rows: Sequence[Any]) -> list[list[Any]]:
    return [list(map(one.value, rows)) for one in each]
