"""How a service's aggregates reach the lane: one `Table` for each kind, with its set-based load and save."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from services.kernel.decision import Aggregate, Known
from services.kernel.effects import ToLoad
from services.runtime.ground.writing import Connection as Connection
from services.runtime.ground.writing import Write

Load = Callable[[Connection, Sequence[str]], Awaitable[Sequence[Any]]]


class Save(Protocol):
    """How rows are written (`saving.py`)."""

    def __call__(self, rows: Sequence[Any], found: Mapping[str, int], seal_key: bytes = b"") -> Sequence[Write]: ...


@dataclass(frozen=True, slots=True)
class Log:
    """Rows that never change and are chained in the order in which they were decided: which `root` they belong to and
    the attribute of it that has the `head`, and a `row` as it is hashed. They have a `link`."""

    root: type[Aggregate]
    head: str
    row: Callable[[Any], bytes]  # Any: of the kind of the table


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of aggregate.

    `load` gets sorted keys and answers the rows that exist; for a root it locks them `ORDER BY id FOR NO KEY UPDATE`.
    `save` says how all given rows are written, new and changed; it gets the versions in which the known ones were
    found, by key (`saving.py`). `load_family` answers all *open* children of the given roots, for decisions that ask
    for `known.children`. A root that `tells` events has an `events_head`; what is appended to a root is its `log`. One
    that is only `told` is named by no call: all that is decided of it comes by the records of its partition.
    """

    kind: type[Aggregate]
    load: Load
    save: Save
    root: bool = False
    told: bool = False
    load_family: Load | None = None
    tells: bool = False
    log: Log | None = None


async def load(connection: Connection, tables: Sequence[Table], wanted: ToLoad, known: Known) -> None:
    """Load the rows and families that are wanted, each kind by one statement: roots first,
    under whose locks the rest is."""
    for roots in (True, False):
        for table in tables:
            keys = wanted.rows.get(table.kind)
            if keys and table.root is roots:
                asked = sorted(keys)
                rows = await table.load(connection, asked)
                known.load(table.kind, {row.key: row for row in rows}, asked)
    for table in tables:
        if table.kind in wanted.families and table.load_family:
            by_root: dict[str, list[Aggregate]] = {root: [] for root in wanted.families[table.kind]}
            for row in await table.load_family(connection, sorted(by_root)):
                by_root[row.root].append(row)
            for root, members in by_root.items():
                known.load_family(table.kind, root, members)


def unlocked(tables: Sequence[Table], loads: Mapping[type, Load]) -> tuple[Table, ...]:
    """The same tables for reading only: of these kinds by these loads, which lock nothing."""
    return tuple(replace(table, load=loads.get(table.kind, table.load)) for table in tables)
