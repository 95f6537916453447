"""What a reversal reads that is not told: operations of the log behind it, what it found beside the account, and which
statements it issued."""

from collections.abc import Sequence

from services.credit_ledger.domain.log.history import Beside
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.statement import statement_key
from services.kernel.decision import Aggregate
from settle.audit.folds import credit_operations
from settle.audit.snapshots import Connection

POSTED = """
select accounts, amounts from journals
where root = $1 and op = 'refund_reverse' and unit = 'CNY' and saga_id = $2 and order_id = $3
order by root_version limit 1
"""
ISSUED = "select bill_date from statements where account_id = $1 and issued_at = $2"


async def beside(connection: Connection, reversal: Operation) -> Beside:
    """What the merchant owed us and whether the leg of the refund was paid: both are seen by what was posted, of which
    only these two cannot be told. The merchants' own fold tells the first, the legs tell the second."""
    row = await connection.fetchrow(POSTED, reversal.account_id, reversal.saga_id, reversal.order_id)
    lines = dict(zip(row["accounts"], row["amounts"], strict=False)) if row else {}
    return Beside(max(0, -lines.get(books.MERCHANT_RECEIVABLE, 0)), books.TRANSIT_CARD not in lines)


async def issued_with(connection: Connection, reversal: Operation) -> set[str]:
    """The keys of the statements that were issued at the instant of a reversal."""
    rows = await connection.fetch(ISSUED, reversal.account_id, reversal.at)
    return {statement_key(reversal.account_id, row["bill_date"]) for row in rows}


async def lent(connection: Connection, keys: Sequence[str]) -> dict[str, Aggregate]:
    """The operations of these keys, with what was kept before them."""
    pairs = [key.rpartition("/") for key in keys]
    rows = await connection.fetch(
        credit_operations.LENT, [account for account, _, _ in pairs], [int(number) for _, _, number in pairs]
    )
    operations = map(credit_operations.lent, rows)
    return {operation.key: operation for operation in operations}
