"""What each check reads: so that after an edit only those are asked again that can see it.

A check's SQL is looked through for names of tables and views, and a view for those of its own; a check in Python is
listened to. Who is skipped wrongly misses an edit, and that fails the test that made it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from settle.audit.snapshots import Connection

_WORD = re.compile(r"[a-z_][a-z_0-9]*")
_ASKS = {"fetch", "fetchrow", "fetchval", "cursor", "execute"}


class Relation(NamedTuple):
    """A table of a service's database, or one that is put beside it."""

    service: str
    name: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """The tables and views of a service's database."""

    service: str
    tables: frozenset[str]
    views: Mapping[str, frozenset[str]]

    def read_by(self, sql: str) -> frozenset[Relation]:
        """The tables that this statement names, directly or through views."""
        words = set(_WORD.findall(sql.lower()))
        found = {Relation(self.service, name) for name in words & self.tables}
        return frozenset(found.union(*(self._behind(name) for name in words & self.views.keys())))

    def _behind(self, view: str) -> set[Relation]:
        names = self.views[view]
        direct = {Relation(self.service, name) for name in names & self.tables}
        return direct.union(*(self._behind(name) for name in names & (self.views.keys() - {view})))


async def catalog(connection: Connection, service: str) -> Catalog:
    """The catalog of a connection: the public tables, and those that are its own."""
    tables = await connection.fetch(
        "select tablename from pg_tables where schemaname = 'public' or schemaname like 'pg_temp%'"
    )
    views = await connection.fetch("select viewname, definition from pg_views where schemaname = 'public'")
    return Catalog(
        service, frozenset(row["tablename"] for row in tables),
        {row["viewname"]: frozenset(_WORD.findall(row["definition"].lower())) for row in views},
    )


@dataclass(slots=True)
class Listening:
    """A connection that notes what it is asked; everything else it passes on."""

    connection: Any  # an asyncpg connection
    heard: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self.connection, name)
        if name not in _ASKS:
            return asked

        def listened(sql: str, *arguments: Any, **named: Any) -> Any:
            self.heard.append(sql)
            return asked(sql, *arguments, **named)

        return listened


def reads(catalogs: Mapping[str, Catalog], heard: Mapping[str, Iterable[str]]) -> frozenset[Relation]:
    """What was read by these statements, by service."""
    return frozenset().union(*(catalogs[service].read_by(sql) for service, said in heard.items() for sql in said))
