"""A table whose rows are sealed, and what of a row does not fit its seals (`services/kernel/seal.py`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

import asyncpg

from services.kernel.chain import name_of
from services.kernel.seal import UNSEALED, seal_of
from settle.audit.chains import key_name
from settle.audit.findings import Finding, instant
from settle.audit.shared_reads import pages_of
from settle.audit.snapshots import World

SEALS = "seals"
_CAUSE = ("the row was changed, or put there, by hand; or written by a process from before there were seals, beside"
          " newer ones: the next write seals it again")
_WRITTEN_AT = (
    "updated_at", "decided_at", "resolved_at", "parked_at", "ended_at", "acted_at", "moved_at", "pending_tried_at",
)
"""Since when a row is as it is, at the earliest, where it says so itself."""


_WRITTEN = {"merchant_shares": "(version > 0 or payable_minor <> 0)", "agreement_years": "version > 0"}
"""By table, which of its rows have seals, where not all have."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table whose rows are sealed: by which column a row is found, and by which it belongs to an aggregate; what its
    seal is over, in that order, and the seal of its own that what never changes may have."""

    service: str
    table: str
    key: str
    owner: str
    columns: Sequence[str]
    made: Sequence[str] = ()
    of: str = ""

    @property
    def seals(self) -> Mapping[str, Sequence[str]]:
        """The columns under each seal."""
        return {"made_seal": self.made, "seal": self.columns} if self.made else {"seal": self.columns}

    @property
    def query(self) -> str:
        """All that is under seals, and these, of the rows of some aggregates."""
        return self.selected(f"{self.owner} = any($1::text[])")

    @property
    def written(self) -> str:
        """Which rows are: one that only a lock made is empty, and has no seal, nor has a year that a process of before
        closed."""
        return _WRITTEN.get(self.table, "true")

    def selected(self, where: str) -> str:
        """All that is under seals, and these, of some rows."""
        read = ", ".join(f'{name} "{name}"' for name in self._read)
        return f"select {read} from {self.table} where {where}"

    async def find(self, world: World, ids: Sequence[str]) -> list[Finding]:
        """The rows of these aggregates that do not fit their seals."""
        if await key_name(world, self.service) != name_of(world.chain_key):
            return []  # `chain_keys` tells it once
        read = pages_of(world, self.service, self.query, ids)
        return [found async for page in read for found in self.broken(page, world.chain_key)]

    def broken(self, rows: Iterable[asyncpg.Record], key: bytes) -> list[Finding]:
        """What of these rows does not fit their seals; what was not sealed may be anything."""
        found, places = [], {name: place for place, name in enumerate(self._read)}
        under = [
            (name, places[name], itemgetter(*(places[column] for column in columns)))
            for name, columns in self.seals.items()
        ]
        for row in rows:
            values = tuple(row)
            for name, place, sealed in under:
                right = seal_of(self.table, sealed(values), key)
                if values[place] != right and values[place] != UNSEALED:
                    found.append(self._finding(row, name, right))
        return found

    @property
    def _read(self) -> Sequence[str]:
        """What is read of a row, in that order."""
        return list(dict.fromkeys((self.key, *self.columns, *self.made, *self.seals)))

    def _finding(self, row: asyncpg.Record, name: str, right: bytes) -> Finding:
        since = next((row[at] for at in _WRITTEN_AT if isinstance(row.get(at), datetime)), None)
        return Finding(
            SEALS, self.service, f"{self.table} {row[self.key]}", f"{name} {right.hex()}, by what it holds",
            row[name].hex(), since=instant(since), cause=_CAUSE,
        )
