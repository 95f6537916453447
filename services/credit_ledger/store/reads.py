"""Queries for callers. They lock nothing and answer what is
committed; pages go on after a key, so their order is stable."""

from collections.abc import Sequence
from datetime import date, datetime

from services.credit_ledger.domain.legs.steps import rejected_leg_id
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.merchant_share import Net, net
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.store.accounts import ACCOUNT_COLUMNS, account_of
from services.credit_ledger.store.agreements import AGREEMENT_COLUMNS, agreement_of
from services.credit_ledger.store.documents import (
    ADJUSTMENT_COLUMNS,
    OPERATION_COLUMNS,
    STATEMENT_COLUMNS,
    adjustment_of,
    operation_of,
    statement_of,
)
from services.credit_ledger.store.payments import LEG_COLUMNS, leg_of
from services.kernel.errors import NotFound
from services.kernel.shares import share_keys
from services.runtime.ground.tables import Connection


async def find_account(connection: Connection, account_id: str) -> CreditAccount | None:
    """The account, not locked."""
    row = await connection.fetchrow(f"select {ACCOUNT_COLUMNS} from credit_accounts where id = $1", account_id)
    return account_of(row) if row else None


async def list_agreements(
    connection: Connection, account_id: str, order_id: str, after_order_id: str, limit: int
) -> list[Agreement]:
    """Agreements of an account (or of one order on it) by order id."""
    rows = await connection.fetch(
        f"""select {AGREEMENT_COLUMNS} from agreements
            where account_id = $1 and ($2 = '' or order_id = $2) and order_id > $3 order by order_id limit $4""",
        account_id, order_id, after_order_id, limit,
    )
    return [agreement_of(row) for row in rows]


async def list_agreements_of_orders(connection: Connection, order_ids: Sequence[str]) -> list[Agreement]:
    """Agreements of these orders, for what is still due of a statement."""
    rows = await connection.fetch(
        f"select {AGREEMENT_COLUMNS} from agreements where order_id = any($1::text[])", sorted(set(order_ids))
    )
    return [agreement_of(row) for row in rows]


async def list_operations(
    connection: Connection, account_id: str, before_number: int, limit: int, order_id: str = "", kind: str = "",
    saga_id: str = "", from_at: datetime | None = None, until_at: datetime | None = None,
) -> list[Operation]:
    """The log of an account, the latest first, below a number."""
    rows = await connection.fetch(
        f"""select {OPERATION_COLUMNS} from operations
            where account_id = $1 and number < $2 and ($4 = '' or order_id = $4) and ($5 = '' or kind = $5)
              and ($6 = '' or saga_id = $6) and ($7::timestamptz is null or at >= $7)
              and ($8::timestamptz is null or at < $8)
            order by number desc limit $3""",
        account_id, before_number, limit, order_id, kind, saga_id, from_at, until_at,
    )
    return [operation_of(row) for row in rows]


async def list_statements(connection: Connection, account_id: str, before: date, limit: int) -> list[Statement]:
    """Statements of an account, the latest first, before a bill date."""
    rows = await connection.fetch(
        f"""select {STATEMENT_COLUMNS} from statements where account_id = $1 and bill_date < $2
            order by bill_date desc limit $3""",
        account_id, before, limit,
    )
    return [statement_of(row) for row in rows]


async def find_statement(connection: Connection, account_id: str, bill_date: date) -> Statement | None:
    """The statement of a bill date."""
    row = await connection.fetchrow(
        f"select {STATEMENT_COLUMNS} from statements where account_id = $1 and bill_date = $2", account_id, bill_date
    )
    return statement_of(row) if row else None


async def list_adjustments(
    connection: Connection, account_id: str, order_id: str, after_id: str, limit: int
) -> list[Adjustment]:
    """Adjustments of an account by id."""
    rows = await connection.fetch(
        f"""select {ADJUSTMENT_COLUMNS} from adjustments
            where account_id = $1 and ($2 = '' or order_id = $2) and id > $3 order by id limit $4""",
        account_id, order_id, after_id, limit,
    )
    return [adjustment_of(row) for row in rows]


async def list_legs(connection: Connection, account_id: str, state: str, after_id: str, limit: int) -> list[RefundLeg]:
    """The legs of an account, in a state, in the order of their ids."""
    rows = await connection.fetch(
        f"""select {LEG_COLUMNS} from legs
            where ($1 = '' or account_id = $1) and ($2 = '' or state = $2) and id > $3 order by id limit $4""",
        account_id, state, after_id, limit,
    )
    return [leg_of(row) for row in rows]


async def merchant_balance(connection: Connection, merchant_id: str) -> Net:
    """What we owe a merchant or what it owes us, net over all its shares (OP-3)."""
    row = await connection.fetchrow(
        """select coalesce(sum(payable_minor), 0)::bigint as payable_minor,
               coalesce(sum(receivable_minor), 0)::bigint as receivable_minor
           from merchant_shares where id = any($1::text[])""",
        list(share_keys(merchant_id)),
    )
    assert row is not None
    return net(row["payable_minor"], row["receivable_minor"])


async def list_due_cuts(
    connection: Connection, cut_until: datetime, after_id: str, limit: int
) -> list[tuple[str, datetime]]:
    """Accounts whose cut is due by an instant, in key order, with that cut."""
    rows = await connection.fetch(
        """select id, next_cut_at from credit_accounts where next_cut_at <= $1 and id > $2 order by id limit $3""",
        cut_until, after_id, limit,
    )
    return [(row["id"], row["next_cut_at"]) for row in rows]


async def payer_of(connection: Connection, payment_reference: str) -> tuple[str, str]:
    """The account and the order of an acquirer's payment; ORDER_NOT_FOUND if it serves none here."""
    order_id = await connection.fetchval("select order_id from payment_references where id = $1", payment_reference)
    account_id = await connection.fetchval(
        """select account_id from agreements where order_id = $1
           union all select account_id from legs where id = $2""",
        order_id or "", rejected_leg_id(order_id or ""),
    )
    if account_id is None:
        raise NotFound("ORDER_NOT_FOUND", f"no order is paid by {payment_reference}")
    return account_id, order_id
