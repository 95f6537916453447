"""Views over the lists that a row carries as JSON: every place of the list is a column under the name of its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.runtime.ground.tables import Connection

_COLUMNS = "select column_name from information_schema.columns where table_name = $1"


@dataclass(frozen=True, slots=True)
class ListView:
    """A view and the fields of what it spreads. `beside` are the columns that say whose it is; `renamed` are fields
    whose name a column of the row around it has already, or that SQL keeps for itself."""

    name: str
    fields: Sequence[str]
    beside: frozenset[str]
    renamed: Mapping[str, str] = field(default_factory=dict)

    async def check_columns(self, connection: Connection) -> None:
        """One column for each field, and none but them and those beside."""
        found = {row["column_name"] for row in await connection.fetch(_COLUMNS, self.name)}
        assert found == {self._column(name) for name in self.fields} | self.beside

    async def rows(self, connection: Connection) -> list[dict[str, Any]]:
        """What the view says, by the names of the fields."""
        rows = await connection.fetch(f"select {', '.join(map(self._column, self.fields))} from {self.name}")
        return [{name: row[self._column(name)] for name in self.fields} for row in rows]

    def _column(self, name: str) -> str:
        return self.renamed.get(name, name)
