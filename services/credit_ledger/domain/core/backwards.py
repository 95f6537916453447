"""The log of an account, read from its end, page by page."""

from collections.abc import Iterator

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.operation import Operation, operation_key
from services.kernel.decision import Missing
from services.kernel.errors import Defect

PAGE_MIN, PAGE_MAX = 32, 4096
"""How many operations are asked for at once: as many as were read so far, within these bounds."""


def backwards(position: Position) -> Iterator[Operation]:
    """The operations of the log, the last one first, with those of this decision; they are loaded as they are needed.
    """
    stored = position.before.operations
    last = stored + len(position.operations)
    for number in range(last, 0, -1):
        yield position.operations[number - stored - 1] if number > stored else _read(position, number, last - number)


def _read(position: Position, number: int, read: int) -> Operation:
    """An operation of the log after so many that were read; with it the page that ends with it is asked for."""
    account_id = position.account.id
    if not position.known.has(Operation, operation_key(account_id, number)):
        page = range(number, max(0, number - min(max(read, PAGE_MIN), PAGE_MAX)), -1)
        raise Missing(rows=[(Operation, operation_key(account_id, each)) for each in page])
    operation = position.known.find(Operation, operation_key(account_id, number))
    if operation is None:
        raise Defect(f"the log of {account_id} has no operation {number}")
    return operation
