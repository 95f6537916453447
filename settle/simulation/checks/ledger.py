"""The credit book's rows as the auditor's fold reads them: each query that it asks, answered from a simulated store."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.store.documents import save_operations
from settle.audit.findings import CREDIT, Finding
from settle.audit.folds import credit_beside, credit_operations, credit_rows, credit_walk
from settle.audit.folds.tables import Table, encode
from settle.simulation.checks.snapshot import Row, Snapshot, asked, journal_row, shape
from settle.simulation.store import Store

_OPERATION = (
    "account_id", "number", "link", "kind", "at", "order_id", "reference", "saga_id", "body", "facts", "moved",
    "before",
)
_STORED = {column.name: column.value for column in save_operations.columns}
_OperationRow, _BillRow = shape(*_OPERATION), shape("bill_date")


def fold(store: Store, account_ids: Sequence[str]) -> list[Finding]:
    """What of these accounts is not as their logs tell."""
    return asked({CREDIT: _Ledger(store)}, credit_walk.fold, account_ids)


class _Ledger(Snapshot):
    """The credit book."""

    def __init__(self, store: Store) -> None:
        self._operations: dict[str, list[Operation]] = defaultdict(list)
        for operation in store.every(Operation):
            self._operations[operation.account_id].append(operation)
        tables = (credit_rows.ACCOUNTS, *credit_rows.CHILDREN, credit_rows.REFERENCES)
        super().__init__(store, {
            **{table.query: _of_table(store, table) for table in tables},
            credit_operations.QUERY: self._logs, credit_operations.LENT: self._lent,
            credit_beside.POSTED: self._reversed, credit_beside.ISSUED: self._issued,
        })

    def _logs(self, ids: Sequence[str]) -> list[Row]:
        return [_operation(each) for account_id in ids for each in self._operations[account_id]]

    def _lent(self, accounts: Sequence[str], numbers: Sequence[int]) -> list[Row]:
        return [
            _operation(self._operations[account_id][number - 1])
            for account_id, number in zip(accounts, numbers, strict=True)
        ]

    def _reversed(self, root: str, saga_id: str, order_id: str) -> list[Row]:
        return [
            journal_row(each) for each in self.journals[root]
            if (each.journal.op, each.journal.unit, each.saga_id, each.journal.order_id)
            == ("refund_reverse", "CNY", saga_id, order_id)
        ]

    def _issued(self, account_id: str, at: object) -> list[Row]:
        rows = self._store.family_of(Statement, account_id)
        return [_BillRow((row.bill_date,)) for row in rows if row.issued_at == at]


def _of_table(store: Store, table: Table) -> Callable[[Iterable[str]], list[Row]]:
    kind = shape(table.of, "key", "version", *(column.name for column in table.columns))
    key = (lambda row: str(row.bill_date)) if table.kind is Statement else (lambda row: getattr(row, table.key))

    def rows(ids: Iterable[str]) -> list[Row]:
        wanted = set(ids)
        return [
            kind((
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
