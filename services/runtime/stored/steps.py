"""Sagas as their last step left them, read for many at once: for those who watch what another process commits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from services.kernel.coordination import Definitions
from services.kernel.decision import Aggregate
from services.kernel.saga import WAKE, Run
from services.runtime.ground.tables import Connection
from services.runtime.stored.sagas import saga_table

R = TypeVar("R", bound=Aggregate)

Shown = Callable[[Connection, Sequence[Run]], Awaitable[Sequence[Aggregate]]]
"""Reads what views of these sagas show beside them: their roots and children of these, none of them locked."""


@dataclass(frozen=True, slots=True)
class Step:
    """A saga as a step left it, with what is known of its root and its root's children, and when it is woken next."""

    run: Run
    rows: tuple[Aggregate, ...] = ()
    wake_at: datetime | None = None

    def find(self, kind: type[R], key: str) -> R | None:
        """A row of the saga's root, if it is known."""
        return next((row for row in self.rows if isinstance(row, kind) and row.key == key), None)


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found: `newer` steps than are known, and the sagas that do not exist."""

    newer: Sequence[Step] = ()
    missing: frozenset[str] = frozenset()


Look = Callable[[Connection, Mapping[str, int]], Awaitable[Found]]
"""Looks for sagas by id, each with the version that is known of it."""


async def nothing_shown(connection: Connection, runs: Sequence[Run]) -> Sequence[Aggregate]:
    """For services whose sagas nobody is shown."""
    return ()


def look_for(definitions: Definitions, shown: Shown) -> Look:
    """The look of a coordinator: one statement where nothing is new."""
    runs = saga_table(definitions)

    async def look(connection: Connection, known: Mapping[str, int]) -> Found:
        rows = await connection.fetch("select id, version from sagas where id = any($1::text[])", list(known))
        if missing := known.keys() - {row[0] for row in rows}:  # unknown ones, or ended long ago
            rows += await connection.fetch(
                "select id, version from saga_digests where id = any($1::text[])", list(missing)
            )
            missing -= {row[0] for row in rows}
        newer = [row[0] for row in rows if row[1] > known[row[0]]]
        return Found(await _steps(connection, newer) if newer else (), frozenset(missing))

    async def _steps(connection: Connection, saga_ids: Sequence[str]) -> list[Step]:
        found: Sequence[Run] = await runs.load(connection, saga_ids)
        by_root: dict[str, list[Aggregate]] = {}
        for row in await shown(connection, found):
            by_root.setdefault(row.root, []).append(row)
        woken = {row[0]: row[1] for row in await connection.fetch(
            "select key, due_at from timers where kind = $1 and key = any($2::text[])", WAKE, saga_ids
        )}
        return [
            Step(run, tuple(by_root.get(run.root, ())), None if run.terminal else woken.get(run.id)) for run in found
        ]

    return look
