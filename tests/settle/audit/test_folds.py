"""What was changed past the engine is found where it was changed: the row, the field, what it should be."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import asyncpg
import pytest

from services.order.domain.bank_shares import Refund
from services.order.domain.lines import Line
from services.order.domain.tenders import Tender
from settle.audit import beside, walks
from settle.audit.findings import SERVICES, Report
from settle.audit.snapshots import World, put_beside
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell
from tests.settle.audit.violations import ORDER

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


def _of(column: str, names: tuple[str, ...], field: str, value: str, order_id: str) -> str:
    """Another value in the first item of a list of an order."""
    path = f"{{0,{names.index(field)}}}"
    return f"update orders set {column} = jsonb_set({column}::jsonb, '{path}', '{value}') where id = '{order_id}'"


_LAST = "sequence = (select max(sequence) from events where aggregate_id = 'ord_returned')"
_OF_RETURNED = "delete from events where aggregate_id = 'ord_returned' and"
ORDERS = (
    (ORDER, "delete from events where aggregate_id = 'ord_waiting'", "events ord_waiting/"),
    (ORDER, f"{_OF_RETURNED} {_LAST}; update orders set sequence = sequence - 1 where id = 'ord_returned'",
     "events ord_returned/"),
    (ORDER, "update events set payload = '\\x00' where aggregate_id = 'ord_returned' and sequence = 2",
     "events ord_returned/2 payload"),
    (ORDER, ("update events set payload = (select payload from events where aggregate_id = 'ord_gift' and sequence = 2)"
            " where aggregate_id = 'ord_returned' and sequence = 2"), "events ord_returned/2"),
    (ORDER, ("update events set type = 'settlement.order.v1.OrderDelivered' where aggregate_id = 'ord_flash'"
            " and sequence = 2"), "events "),
    (ORDER, _of("lines", Line._fields, "returned", "0", "ord_free"), "orders ord_free lines[line-1].returned"),
    (ORDER, _of("lines", Line._fields, "reduced_minor", "0", "ord_returned"),
     "orders ord_returned lines[line-1].reduced_minor"),
    (ORDER, _of("lines", Line._fields, "payable_minor", "1", "ord_returned"),
     "orders ord_returned lines[line-1].payable_minor"),
    (ORDER, _of("lines", Line._fields, "sku", '"X"', "ord_waiting"), "orders ord_waiting lines[line-1].sku"),
    (ORDER, _of("tenders", Tender._fields, "settled_minor", "12345", "ord_whole"),
     "orders ord_whole tenders[CREDIT].settled_minor"),
    (ORDER, _of("refunds", Refund._fields, "state", '"SUCCEEDED"', "ord_flash"), "orders ord_flash refunds["),
    (ORDER, "update orders set refunds = '[]' where id = 'ord_returned'", "orders ord_returned refunds"),
    (ORDER, "update orders set refunds = 'null' where id = 'ord_returned'", "orders ord_returned"),
    (ORDER, "update orders set customer_id = 'cus_evil' where id = 'ord_waiting'", "orders ord_waiting customer_id"),
    (ORDER, "update orders set account_id = 'acc_2' where id = 'ord_waiting'", "orders ord_waiting account_id"),
    (ORDER, "update orders set hold_expires_at = '3000-01-01' where id = 'ord_waiting'",
     "orders ord_waiting hold_expires_at"),
    (ORDER, "update orders set version = version + 1 where id = 'ord_waiting'", "orders ord_waiting version"),
    (ORDER, "update orders set state = 'AWAITING_SHIPMENT' where id = 'ord_returned'", "orders ord_returned state"),
    (ORDER, "update orders set state = 'PLACING' where id = 'ord_waiting'", "orders ord_waiting state"),
    (ORDER, "update orders set state = 'AWAITING_SHIPMENT' where id = 'ord_rejected'", "orders ord_rejected state"),
    (ORDER, ("insert into return_cases select 'ret_x', 'ord_returned', 'REFUNDING', id, 1, now(), now(), null, '[]',"
            " '[]', '{}' from sagas where root = 'ord_returned' and kind = 'refund' limit 1"), "return_cases ret_x"),
    (ORDER, "delete from return_cases where order_id = 'ord_free'", "return_cases ret_"),
    (ORDER, "update return_cases set accepted = '[]' where order_id = 'ord_free'", "return_cases ret_"),
    (ORDER, ("update sagas set plan = jsonb_set(plan::jsonb, '{money,5,0,1}', '1')::json where kind = 'placement'"
            " and root = 'ord_waiting'"), "sagas saga_"),
    (ORDER, ("update sagas set plan = jsonb_set(plan::jsonb, '{lines,0,1}', '7')::json where kind = 'capture'"
            " and root = 'ord_gift'"), "sagas saga_"),
    (ORDER, "delete from sagas where root = 'ord_returned' and kind = 'refund'", "events ord_returned/"),
    (ORDER, "delete from sagas where root = 'ord_waiting'", "orders ord_waiting"),
)


@pytest.fixture(scope="module")
async def told() -> AsyncIterator[House]:
    """The story, told once."""
    with server() as dsn:
        async with house(dsn, "story", NOW) as world:
            await tell(world)
            yield world


@pytest.mark.parametrize(("service", "sql", "what"), ORDERS)
async def test_a_changed_order_is_found_where_it_was_changed(told: House, service: str, sql: str, what: str) -> None:
    """The first finding that names the row; others may name what no longer agrees with it."""
    report = await _walked(told, service, sql)

    assert any(finding.what.startswith(what) for finding in report.findings), report.findings


async def _walked(told: House, service: str, sql: str) -> Report:
    """What the walks find where this was changed; it is rolled back."""
    report = Report()
    async with AsyncExitStack() as stack:
        connections = {}
        for name in SERVICES:
            connection = connections[name] = await asyncpg.connect(told.dsns[name])
            stack.push_async_callback(connection.close)
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
            await connection.execute("set local session_replication_role = replica")
            for statement in beside.OF_BOOK.get(name, ()):
                await connection.execute(statement)
        await _loosen(connections[service])
        await connections[service].execute(sql)
        world = World(connections, quiet=True)
        await put_beside(world)
        await walks.walk_all(world, report)
    return report


async def _loosen(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for row in await connection.fetch(
        """select conrelid::regclass::text as table, conname as name from pg_constraint
           where contype in ('c', 'f') and connamespace = 'public'::regnamespace"""
    ):
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
