"""Which aggregates an edit of a row touches: those that the row names, itself or by a settlement, a leg or a refund."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from settle.audit.walks import IDS
from tests.settle.audit.edits import Row, Table

Kinds: TypeAlias = Mapping[tuple[str, str], Collection[str]]
"""Ids of aggregates, by their service and kind."""


class Names:
    """The names that the rows of all databases have for each other."""

    def __init__(self, known: Sequence[Table]) -> None:
        self._aggregates = {
            (service, of): frozenset(
                row["id"] for table in known if (table.service, table.name) == (service, name) for row in table.rows
            )
            for service, kinds in IDS.items() for of, name in kinds.items()
        }
        self._behind: dict[str, set[str]] = {}
        self._known = set(_names_in(value for table in known for row in table.rows for value in row.values()))
        roots = frozenset().union(*self._aggregates.values())
        for table in known:
            for row in table.rows:
                first = row[table.key[0]]
                if isinstance(first, str) and first not in roots:
                    self._behind.setdefault(first.split("/")[0], set()).update(_names_in(row.values()))

    def touched(self, rows: Iterable[Row]) -> Kinds:
        """The aggregates that these rows name; the shares of a merchant with it."""
        said = set(_names_in(value for row in rows for value in row.values()))
        names = said.union(*(self._behind.get(name, set()) for name in said))
        new = said - self._known
        return {
            kind: new | {id_ for id_ in ids if id_ in names or ("/" in id_ and id_.split("/")[0] in names)}
            for kind, ids in self._aggregates.items()
        }


def _names_in(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
            yield from value.split("/")
        elif isinstance(value, dict):
            yield from _names_in(value.values())
        elif isinstance(value, list):
            yield from _names_in(value)
