"""A simulated store as the auditor reads a database: the queries that its checks ask, each answered from rows."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from services.kernel.effects import PostedJournal
from services.runtime.stored.journals import StoredEvent
from settle.audit.shared_reads import DROPPED, EVENTS, JOURNALS
from settle.audit.snapshots import Connection, World
from settle.simulation.at_once import at_once
from settle.simulation.store import Store

T = TypeVar("T")
Answers = Mapping[str, Callable[..., list["Row"]]]
_JOURNAL = (
    "root", "root_version", "no", "op", "unit", "order_id", "saga_id", "posted_at", "accounts", "subs", "amounts",
)
_EVENT = ("aggregate_id", "sequence", "type", "at", "saga_id", "payload", "cause")


class Row(tuple[Any, ...]):  # Any: columns of every type
    """A row, by place and by name."""

    names: Mapping[str, int]

    def __getitem__(self, key: Any) -> Any:  # as above
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)

    def keys(self) -> Iterable[str]:
        """The names of its columns."""
        return self.names


def shape(*names: str) -> type[Row]:
    """The rows with these columns."""
    return type("ShapedRow", (Row,), {"names": {name: place for place, name in enumerate(names)}})


_JournalRow, _EventRow = shape(*_JOURNAL), shape(*_EVENT)


def asked(
    stores: Mapping[str, "Snapshot"], check: Callable[..., Coroutine[None, None, T]], *given: object
) -> T:
    """What a check of the auditor answers of these, when nothing is under way."""
    return at_once(check(World({name: cast("Connection", each) for name, each in stores.items()}, quiet=True), *given))


class _Cursor:
    """A cursor that has all rows at once."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    async def fetch(self, count: int) -> list[Row]:
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows


class Snapshot:
    """As much of a connection as checks need: journals and events of a store, and what else is in `answers`."""

    def __init__(self, store: Store, answers: Answers) -> None:
        self._store = store
        self.journals: dict[str, list[PostedJournal]] = defaultdict(list)
        for key in sorted(store.journals):
            self.journals[key[0]].append(store.journals[key])
        self._answers: Answers = {
            JOURNALS: self._posted, EVENTS: self._told, DROPPED: lambda ids: [], **answers,
        }

    async def fetch(self, query: str, *arguments: Any) -> list[Row]:  # Any: as the query takes them, as below
        return self._answers[query](*arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Row | None:
        return next(iter(self._answers[query](*arguments)), None)

    async def cursor(self, query: str, *arguments: Any) -> _Cursor:
        return _Cursor(self._answers[query](*arguments))

    def _posted(self, ids: Sequence[str]) -> list[Row]:
        return [journal_row(each) for root in ids for each in self.journals[root]]

    def _told(self, ids: Sequence[str]) -> list[Row]:
        return [_event_row(each) for root in ids for each in self._store.events.get(root, ())]


def journal_row(posted: PostedJournal) -> Row:
    """A journal as it is stored."""
    lines = map(list, zip(*posted.journal.lines, strict=True))
    return _JournalRow((
        posted.root, posted.root_version, posted.no, posted.journal.op, posted.journal.unit.value,
        posted.journal.order_id, posted.saga_id, posted.posted_at, *lines,
    ))


def rows_of(rows: Iterable[Any], *names: str) -> list[Row]:  # Any: rows of one kind
    """These fields of rows, each under its own name."""
    kind = shape(*names)
    return [kind(getattr(row, name) for name in names) for row in rows]


def _event_row(event: StoredEvent) -> Row:
    return _EventRow(getattr(event, name) for name in _EVENT)
