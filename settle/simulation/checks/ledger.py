"""The credit book's rows as the auditor's fold reads them: each query that it asks, answered from a simulated store."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, cast

from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.store.documents import save_operations
from services.kernel.effects import PostedJournal
from services.kernel.errors import Defect
from settle.audit.findings import CREDIT, Finding
from settle.audit.folds import credit_beside, credit_operations, credit_rows, credit_walk
from settle.audit.folds.tables import Table, encode
from settle.audit.shared_reads import JOURNALS
from settle.audit.snapshots import Connection, World
from settle.simulation.store import Store

_JOURNAL = (
    "root", "root_version", "no", "op", "unit", "order_id", "saga_id", "posted_at", "accounts", "subs", "amounts",
)
_OPERATION = (
    "account_id", "number", "link", "kind", "at", "order_id", "reference", "saga_id", "body", "facts", "moved",
    "before",
)
_STORED = {column.name: column.value for column in save_operations.columns}


class Row(tuple[Any, ...]):  # Any: columns of every type
    """A row, by place and by name."""

    names: Mapping[str, int]

    def __getitem__(self, key: Any) -> Any:  # as above
        return tuple.__getitem__(self, self.names[key] if isinstance(key, str) else key)


def _shape(names: Sequence[str]) -> type[Row]:
    return type("ShapedRow", (Row,), {"names": {name: place for place, name in enumerate(names)}})


_JournalRow, _OperationRow, _BillRow = _shape(_JOURNAL), _shape(_OPERATION), _shape(("bill_date",))


def fold(store: Store, account_ids: Sequence[str]) -> list[Finding]:
    """What of these accounts is not as their logs tell."""
    world = World({CREDIT: cast("Connection", _Snapshot(store))}, quiet=True)
    return _at_once(credit_walk.fold(world, account_ids))


class _Cursor:
    """A cursor that has all rows at once."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    async def fetch(self, count: int) -> list[Row]:
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows


class _Snapshot:
    """As much of a connection as the fold needs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._operations: dict[str, list[Operation]] = defaultdict(list)
        for operation in store.every(Operation):
            self._operations[operation.account_id].append(operation)
        self._journals: dict[str, list[PostedJournal]] = defaultdict(list)
        for key in sorted(store.journals):
            self._journals[key[0]].append(store.journals[key])
        tables = (credit_rows.ACCOUNTS, *credit_rows.CHILDREN, credit_rows.REFERENCES)
        self._answers: Mapping[str, Callable[..., list[Row]]] = {
            **{table.query: _of_table(store, table) for table in tables},
            credit_operations.QUERY: self._logs, credit_operations.LENT: self._lent,
            JOURNALS: self._posted, credit_beside.POSTED: self._reversed,
            credit_beside.ISSUED: self._issued,
        }

    async def fetch(self, query: str, *arguments: Any) -> list[Row]:  # Any: as the query takes them, as below
        return self._answers[query](*arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Row | None:
        return next(iter(self._answers[query](*arguments)), None)

    async def cursor(self, query: str, ids: Sequence[str]) -> _Cursor:
        return _Cursor(self._answers[query](ids))

    def _logs(self, ids: Sequence[str]) -> list[Row]:
        return [_operation(each) for account_id in ids for each in self._operations[account_id]]

    def _lent(self, accounts: Sequence[str], numbers: Sequence[int]) -> list[Row]:
        return [
            _operation(self._operations[account_id][number - 1])
            for account_id, number in zip(accounts, numbers, strict=True)
        ]

    def _posted(self, ids: Sequence[str]) -> list[Row]:
        return [_journal(each) for root in ids for each in self._journals[root]]

    def _reversed(self, root: str, saga_id: str, order_id: str) -> list[Row]:
        return [
            _journal(each) for each in self._journals[root]
            if (each.journal.op, each.journal.unit, each.saga_id, each.journal.order_id)
            == ("refund_reverse", "CNY", saga_id, order_id)
        ]

    def _issued(self, account_id: str, at: object) -> list[Row]:
        rows = self._store.family_of(Statement, account_id)
        return [_BillRow((row.bill_date,)) for row in rows if row.issued_at == at]


def _of_table(store: Store, table: Table) -> Callable[[Iterable[str]], list[Row]]:
    shape = _shape((table.of, "key", "version", *(column.name for column in table.columns)))
    key = (lambda row: str(row.bill_date)) if table.kind is Statement else (lambda row: getattr(row, table.key))

    def rows(ids: Iterable[str]) -> list[Row]:
        wanted = set(ids)
        return [
            shape((
                getattr(row, table.of), key(row), row.version if table.version == "version" else None,
                *(column.get(row) if column.shape is None else encode(column.get(row)).decode()
                  for column in table.columns),
            ))
            for row in sorted(store.every(table.kind), key=lambda each: getattr(each, table.of))
            if getattr(row, table.of) in wanted
        ]

    return rows


def _operation(operation: Operation) -> Row:
    return _OperationRow(
        operation.link if name == "link" else _text(_STORED[name](operation)) for name in _OPERATION
    )


def _text(value: Any) -> Any:  # Any: a column of any type
    return value.decode() if isinstance(value, bytes) else value


def _journal(posted: PostedJournal) -> Row:
    lines = map(list, zip(*posted.journal.lines, strict=True))
    return _JournalRow((
        posted.root, posted.root_version, posted.no, posted.journal.op, posted.journal.unit.value,
        posted.journal.order_id, posted.saga_id, posted.posted_at, *lines,
    ))


def _at_once(work: Coroutine[None, None, list[Finding]]) -> list[Finding]:
    """What comes of something that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        findings: list[Finding] = done.value
        return findings
    raise Defect("the fold waits for something")
