"""How a service's aggregates reach the lane: one `Table` for each kind, with its set-based load and save."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from services.kernel.decision import Aggregate

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Load = Callable[[Connection, Sequence[str]], Awaitable[Sequence[Any]]]
Save = Callable[[Connection, Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of aggregate.

    `load` gets sorted keys and answers the rows that exist; for a root it locks them `ORDER BY id FOR NO KEY UPDATE`.
    `save` writes all given rows (new and changed) in one statement. `load_family` answers all *open* children of the
    given roots, for decisions that ask for `known.children`.
    """

    kind: type[Aggregate]
    load: Load
    save: Save
    root: bool = False
    load_family: Load | None = None
