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
from settle.audit.folds import claims
from settle.audit.snapshots import World, put_beside
from tests.settle.audit.house import House, house
from tests.settle.audit.planting import CARD, CREDIT, ORDER
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell

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
_CARD = """insert into gift_cards select 'crd_2', customer_id, face_minor, 100, issued_at, 0, 0, 1 from gift_cards
           where id = 'crd_1'"""
_MOVED = """insert into journals
select root, root_version, 1, 'card_issue', 'CNY', '', '', now(), '{L.GIFTCARD,L.GIFTCARD}', '{crd_1,crd_2}',
       '{100,-100}'
from journals where root = 'crd_1' and root_version = 2"""
CARDS = (
    (CARD, f"{_CARD}; {_MOVED}", "journals crd_1/2/1"),
    (CARD, f"{_CARD}; update gift_cards set balance_minor = balance_minor - 100 where id = 'crd_1'",
     "gift_cards crd_1 balance_minor"),
    (CARD, _CARD, "gift_cards crd_2"),
    *((CARD, f"update gift_cards set {column} = {value}", f"gift_cards crd_1 {column}") for column, value in (
        ("customer_id", "'cus_evil'"), ("face_minor", "1"), ("balance_minor", "7"), ("issued_at", "now()"),
        ("held_minor", "3"), ("sequence", "2"), ("version", "99"),
    )),
    *((CARD, f"update card_tenders set {column} = {value} where order_id = 'ord_gift'",
       f"card_tenders ord_gift {column}")
      for column, value in (
        ("card_id", "'crd_9'"), ("merchant_id", "'mer_9'"), ("deposited_minor", "7000"), ("returned_minor", "1"),
        ("captured_minor", "0"), ("refunds", "'[]'"), ("refunds", "'null'"), ("version", "1"),
        ("covering_minor", "1"), ("refunds", "'[[\"rfd_x\", 1500, 1500]]'"),
    )),
    (CARD, "delete from card_tenders where order_id = 'ord_gift'", "card_tenders ord_gift"),
    (CARD, "update journals set order_id = 'ord_gift' where order_id = 'ord_returned' and op = 'refund'",
     "journals crd_1/"),
    (CARD, "update journals set op = 'refund_accept' where order_id = 'ord_returned' and op = 'deposit'",
     "journals crd_1/2 op"),
    (CARD, "update journals set subs = '{ord_gift,mer_9}' where order_id = 'ord_gift' and op = 'capture'",
     "journals crd_1/9 lines"),
    (CARD, "update journals set amounts = '{6001,-6001}' where order_id = 'ord_gift' and op = 'capture'",
     "journals crd_1/9 lines"),
    (CARD, "update journals set saga_id = 'saga_x' where order_id = 'ord_gift' and op = 'capture'",
     "journals crd_1/9 saga_id"),
    (CARD, "update journals set posted_at = now() where order_id = 'ord_gift' and op = 'capture'",
     "journals crd_1/9 at"),
    (CARD, "delete from journals where order_id = 'ord_gift' and op = 'capture'", "journals crd_1/9"),
    (CARD, "delete from journals where root = 'crd_1' and root_version = 1", "journals crd_1/1"),
    (CARD, "update events set payload = '\\x00' where aggregate_id = 'crd_1' and sequence = 9",
     "events crd_1/9 payload"),
    (CARD, ("update events set payload = (select payload from events where aggregate_id = 'crd_1' and sequence = 3)"
           " where aggregate_id = 'crd_1' and sequence = 9"), "journals crd_1/9"),
    (CARD, "delete from events where aggregate_id = 'crd_1' and sequence = 9", "events crd_1/9"),
)
MERCHANTS = (
    *((ORDER, f"update merchant_settlements set {column} = {value} where id = 'mer_1/mst_3'",
       f"merchant_settlements mer_1/mst_3 {column}") for column, value in (
        ("merchant_id", "'mer_9'"), ("amount_minor", "1"), ("settlement_id", "'saga_x'"), ("started_at",
     "'2020-01-01'"),
        ("state", "'REFUSED'"), ("reason", "'NO'"), ("ended_at", "null"), ("version", "1"),
    )),
    *((book, f"update merchant_shares set {column} = {value} where id = 'mer_1/00'",
       f"merchant_shares mer_1/00 {column}")
      for book in (CARD, CREDIT) for column, value in (("merchant_id", "'mer_9'"), ("sequence", "1"), ("version",
     "0"))),
    *((book, f"delete from events where aggregate_id = 'mer_1/00' and sequence = {number}", f"events mer_1/00/{number}")
      for book in (CARD, CREDIT) for number in (1, 2)),
    *((book, "update events set payload = '\\x00' where aggregate_id = 'mer_1/00' and sequence = 2",
     "events mer_1/00/2")
      for book in (CARD, CREDIT)),
    (CARD, "update journals set subs[1] = 'mer_9' where op = 'merchant_settle' and root_version = 2",
     "journals mer_1/00/2"),
    (CREDIT, "update journals set accounts[2] = 'X.SUSPENSE' where op = 'merchant_settle'", "journals mer_1/00/"),
    (CARD, "update merchant_shares set refunding_minor = 1 where id = 'mer_1/10'",
     "merchant_shares mer_1/10 refunding_minor"),
    (CARD, "update merchant_shares set settling_minor = 1 where id = 'mer_1/10'",
     "merchant_shares of mer_1 settling_minor"),
)


@pytest.fixture(scope="module")
async def told() -> AsyncIterator[House]:
    """The story, told once."""
    with server() as dsn:
        async with house(dsn, "story", NOW) as world:
            await tell(world)
            yield world


@pytest.mark.parametrize(("service", "sql", "what"), [*ORDERS, *CARDS, *MERCHANTS])
async def test_what_was_changed_is_found_where_it_was_changed(told: House, service: str, sql: str, what: str) -> None:
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
        report.add(claims.CLAIMED, await claims.claimed(world))
    return report


async def _loosen(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for row in await connection.fetch(
        """select conrelid::regclass::text as table, conname as name from pg_constraint
           where contype in ('c', 'f') and connamespace = 'public'::regnamespace"""
    ):
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
