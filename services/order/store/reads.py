"""Queries for callers. They lock nothing and answer what is committed; a page goes on after the key of the last."""

from collections.abc import Sequence
from datetime import datetime

from services.kernel.saga import Run
from services.order.domain.merchant_settlement import MerchantSettlement, can_be_key
from services.order.domain.order import Order
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import ReturnCase
from services.order.sagas import DEFINITIONS
from services.order.store.cases import CASE_COLUMNS, case_of
from services.order.store.merchant_settlements import find_merchant_settlements
from services.order.store.orders import ORDER_COLUMNS, order_of
from services.runtime.ground.tables import Connection
from services.runtime.stored.sagas import saga_table

_RUNS = saga_table(DEFINITIONS)


async def find_order(connection: Connection, order_id: str) -> Order | None:
    """The order, not locked."""
    row = await connection.fetchrow(f"select {ORDER_COLUMNS} from orders where id = $1", order_id)
    return order_of(row) if row else None


async def find_case(connection: Connection, return_id: str) -> ReturnCase | None:
    """One return case as it is, without a lock."""
    row = await connection.fetchrow(f"select {CASE_COLUMNS} from return_cases where id = $1", return_id)
    return case_of(row) if row else None


async def find_run(connection: Connection, settlement_id: str) -> Run | None:
    """The run of a settlement."""
    found = await _RUNS.load(connection, [settlement_id])
    return found[0] if found else None


async def shown(connection: Connection, runs: Sequence[Run]) -> list[Order | MerchantSettlement | ReturnCase]:
    """What views of these settlements show beside them, not locked: their roots, and their return cases."""
    roots = [run.root for run in runs]
    orders = await connection.fetch(f"select {ORDER_COLUMNS} from orders where id = any($1::text[])", roots)
    found: list[Order | MerchantSettlement | ReturnCase] = [order_of(row) for row in orders]
    if merchants := [root for root in roots if can_be_key(root)]:
        found += await find_merchant_settlements(connection, merchants)
    plans = [run.plan for run in runs if isinstance(run.plan, RefundPlan)]
    if return_ids := [plan.return_id or plan.given_back_of for plan in plans if plan.return_id or plan.given_back_of]:
        cases = await connection.fetch(
            f"select {CASE_COLUMNS} from return_cases where id = any($1::text[])", return_ids
        )
        found += [case_of(row) for row in cases]
    return found


async def find_wake(connection: Connection, settlement_id: str) -> datetime | None:
    """When an unfinished settlement is woken next."""
    woken_at: datetime | None = await connection.fetchval(
        "select due_at from timers where kind = 'saga' and key = $1", settlement_id
    )
    return woken_at


async def list_orders(
    connection: Connection, customer_id: str, merchant_id: str, state: str, before: tuple[datetime, str], limit: int
) -> list[Order]:
    """Orders of a customer, or of a merchant, or of both, the latest first, placed before."""
    owner = "customer_id = $1 and ($2 = '' or merchant_id = $2)" if customer_id else "$1 = '' and merchant_id = $2"
    rows = await connection.fetch(
        f"""select {ORDER_COLUMNS} from orders
            where {owner} and ($3 = '' or state = $3) and (placed_at, id) < ($4, $5)
            order by placed_at desc, id desc limit $6""",
        customer_id, merchant_id, state, *before, limit,
    )
    return [order_of(row) for row in rows]


async def list_cases(
    connection: Connection, order_id: str, after: tuple[datetime, str], limit: int
) -> list[ReturnCase]:
    """Return cases of an order, the oldest first, requested after."""
    rows = await connection.fetch(
        f"""select {CASE_COLUMNS} from return_cases where order_id = $1 and (requested_at, id) > ($2, $3)
            order by requested_at, id limit $4""",
        order_id, *after, limit,
    )
    return [case_of(row) for row in rows]


async def list_runs(
    connection: Connection, order_id: str, kind: str, after: tuple[datetime, str], limit: int
) -> Sequence[Run]:
    """Settlements of an order, the oldest first, started after."""
    rows = await connection.fetch(
        """select id from saga_records where root = $1 and ($2 = '' or kind = $2) and (started_at, id) > ($3, $4)
           order by started_at, id limit $5""",
        order_id, kind, *after, limit,
    )
    ids = [row[0] for row in rows]
    runs: dict[str, Run] = {run.id: run for run in await _RUNS.load(connection, ids)} if ids else {}
    return [runs[key] for key in ids if key in runs]
