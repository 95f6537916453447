"""How the rows that a batch changed are written: one way for every table, one statement for each table.

A row that was not found is INSERTed, so that two processes that make the same one collide, and the loser decides again
on what the winner made. A row that was found is UPDATEd while it still has the version in which it was found, and the
updated rows are counted. Locks keep that from ever failing; a write that no lock covered is not lost in silence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from services.kernel.errors import Defect
from services.runtime.ground.tables import Connection


class Overtaken(Exception):
    """Somebody else changed a row since it was found: what was decided on it does not hold."""


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
    `moving` with each; `version` is among them. `key` is the column by which a row is found."""

    def __init__(self, table: str, *, key: str, once: Sequence[Column], moving: Sequence[Column]) -> None:
        self.table, self.key, self.columns = table, key, (*once, *moving)
        self._moving = (*(each for each in once if each.name == key), *moving)
        names = ", ".join(each.name for each in self.columns)
        self._insert = f"insert into {table} ({names}) select * from unnest({_arrays(self.columns)})"
        self._update = self._updating(moving, after=0)
        self._both = f"with made as ({self._insert}) {self._updating(moving, after=len(self.columns))}"

    def _updating(self, moving: Sequence[Column], after: int) -> str:
        """The update, with its arguments after so many others."""
        arrays = f"{_arrays(self._moving, after)}, ${after + len(self._moving) + 1}::bigint[]"
        return f"""update {self.table} t set {", ".join(f"{each.name} = n.{each.name}" for each in moving)}
                   from unnest({arrays}) n ({", ".join(each.name for each in self._moving)}, found_version)
                   where t.{self.key} = n.{self.key} and t.version = n.found_version"""

    async def __call__(self, connection: Connection, rows: Sequence[Any], found: Mapping[str, int]) -> None:
        """Write these rows; `found` has, by key, the version in which each known one was found.

        Raises `UniqueViolationError` for a new row that is there by now, `Overtaken` for a known one that was changed.
        """
        known = [row for row in rows if row.key in found]
        new = [row for row in rows if row.key not in found] if len(known) < len(rows) else []
        if not known:
            await connection.execute(self._insert, *_values(self.columns, new))
            return
        moved = (*_values(self._moving, known), [found[row.key] for row in known])
        if new:
            status = await connection.execute(self._both, *_values(self.columns, new), *moved)
        else:
            status = await connection.execute(self._update, *moved)
        if status != f"UPDATE {len(known)}":
            raise Overtaken(f"{self.table}: {status} of {len(known)}")


class Appending:
    """Writes rows that never change; the table's primary key refuses one that is there."""

    def __init__(self, table: str, each: Sequence[Column]) -> None:
        self.table, self.columns = table, each

    async def __call__(self, connection: Connection, rows: Sequence[Any], found: Mapping[str, int]) -> None:
        """Append these rows; one that was found is a defect."""
        if changed := [row.key for row in rows if row.key in found]:
            raise Defect(f"{self.table}: {changed} are there, and never change")
        await connection.copy_records_to_table(
            self.table, columns=[each.name for each in self.columns],
            records=list(zip(*_values(self.columns, rows), strict=True)),
        )


class Viewing:
    """Stands where others save, for rows that are only read: who changes what they show changes other rows."""

    async def __call__(self, connection: Connection, rows: Sequence[Any], found: Mapping[str, int]) -> None:
        """Refuse; a decision that changes a view is a defect."""
        raise Defect(f"{[row.key for row in rows]} are only read")


def _arrays(each: Sequence[Column], after: int = 0) -> str:
    return ", ".join(f"${number}::{one.type}[]" for number, one in enumerate(each, after + 1))


def _values(each: Iterable[Column], rows: Sequence[Any]) -> list[list[Any]]:
    return [list(map(one.value, rows)) for one in each]
