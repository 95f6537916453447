"""Chains on the story's databases: whatever is done to one row of an event or of a log is found, at that row."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from services.kernel.chain import BYTES
from services.runtime.stored.pruning import Pruned, prune
from settle.audit import walks
from settle.audit.chains import EVENT_CHAINS, OPERATION_CHAINS
from settle.audit.findings import CARD, CREDIT, ORDER, Report
from settle.audit.snapshots import World
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell
from tests.settle.audit.test_audit import NOW


@pytest.fixture(scope="module")
async def told() -> AsyncIterator[House]:
    """The story, told once."""
    with server() as dsn:
        async with house(dsn, "chains", NOW) as world:
            await tell(world)
            yield world


class Edit(NamedTuple):
    """What is done to a service's rows, and what the first finding must name and say."""

    name: str
    service: str
    sql: str
    what: str
    fault: str


def _last_of(aggregate: str) -> str:
    last = f"(select max(sequence) from events where aggregate_id = '{aggregate}')"
    return f"aggregate_id = '{aggregate}' and sequence = {last}"


_LAST_WAITING, _LAST_RETURNED, _LAST_OF_CARD, _LAST_OF_ACCOUNT = map(
    _last_of, ("ord_waiting", "ord_returned", "crd_1", "acc_1")
)
_COPIED = "aggregate_id, sequence + 1, type, at, saga_id, payload"
EDITS = (
    Edit("12 body of an operation", CREDIT, """
        update operations set body = jsonb_set(body::jsonb, '{amount_minor}', '1')::json where kind = 'FundWallet'
    """, "operations acc_1/", "CHANGED"),
    Edit("13 facts and moved emptied", CREDIT, """
        update operations set moved = '[]', facts = '{}' where number = 5
    """, "operations acc_1/5", "CHANGED"),
    Edit("14 last event of an order deleted", ORDER, f"""
        delete from events where {_LAST_WAITING}
    """, "events ord_waiting/", "MISSING"),
    Edit("15 and the sequence lowered", ORDER, f"""
        delete from events where {_LAST_RETURNED};
        update orders set sequence = sequence - 1 where id = 'ord_returned'
    """, "orders ord_returned: events_head", "HEAD"),
    Edit("16 payload changed", ORDER, """
        update events set payload = '\\x00' where aggregate_id = 'ord_returned' and sequence = 3
    """, "events ord_returned/3", "CHANGED"),
    Edit("17 last event of a merchant's share deleted", CREDIT, """
        delete from events where aggregate_id like 'mer_1/%' and sequence = (
            select max(sequence) from events where aggregate_id like 'mer_1/%')
    """, "events mer_1/00/", "MISSING"),
    Edit("52 events swapped", CREDIT, """
        update events set sequence = 1000 where aggregate_id = 'acc_1' and sequence = 5;
        update events set sequence = 5 where aggregate_id = 'acc_1' and sequence = 6;
        update events set sequence = 6 where aggregate_id = 'acc_1' and sequence = 1000
    """, "events acc_1/5", "MOVED"),
    Edit("an instant", CREDIT, """
        update operations set at = at + interval '1 microsecond' where number = 4
    """, "operations acc_1/4", "CHANGED"),
    Edit("white space of a body", CREDIT, """
        update operations set body = (body::text || ' ')::json where number = 4
    """, "operations acc_1/4", "CHANGED"),
    Edit("what was kept for a reversal", CREDIT, """
        update operations set before = null where number = (select min(number) from operations where before is not null)
    """, "operations acc_1/", "CHANGED"),
    Edit("first operation deleted, the others moved up", CREDIT, """
        delete from operations where number = 1;
        update operations set number = number - 1000;
        update operations set number = number + 999;
        update credit_accounts set operations = operations - 1
    """, "operations acc_1/1", "CHANGED"),
    Edit("an event deleted", CARD, """
        delete from events where aggregate_id = 'crd_1' and sequence = 2
    """, "events crd_1/2", "MISSING"),
    Edit("an event put behind the last, without a link", CARD, f"""
        insert into events (aggregate_id, sequence, type, at, saga_id, payload)
            select {_COPIED} from events where {_LAST_OF_CARD};
        update gift_cards set sequence = sequence + 1
    """, "events crd_1/", "ADDED"),
    Edit("a copy of the last event", CARD, f"""
        insert into events (aggregate_id, sequence, type, at, saga_id, payload, link)
            select {_COPIED}, link from events where {_LAST_OF_CARD};
        update gift_cards set sequence = sequence + 1
    """, "events crd_1/", "ADDED"),
    Edit("a link taken off", ORDER, """
        update events set link = '' where aggregate_id = 'ord_returned' and sequence = 2
    """, "events ord_returned/2", "RELINKED"),
    Edit("a link taken off, as if it were an old row's", ORDER, """
        update events set link = '' where aggregate_id = 'ord_returned' and sequence = 2;
        select accept_unlinked()
    """, "events ord_returned/2", "RELINKED"),
    Edit("all links taken off, as if it were an old order's", ORDER, """
        update events set link = '' where aggregate_id = 'ord_returned';
        select accept_unlinked()
    """, "orders ord_returned: events_head", "HEAD"),
    Edit("a head taken off", ORDER, """
        update orders set events_head = '' where id = 'ord_returned'
    """, "orders ord_returned: events_head", "HEAD"),
    Edit("the last event cut off, its link as the head", CREDIT, f"""
        delete from events where {_LAST_OF_ACCOUNT};
        update credit_accounts set sequence = sequence - 1, events_head = (
            select link from events where aggregate_id = 'acc_1' order by sequence desc limit 1)
    """, "credit_accounts acc_1: events_head", "HEAD"),
    Edit("a count", CREDIT, """
        update credit_accounts set operations = operations + 1
    """, "credit_accounts acc_1: operations", "COUNT"),
    Edit("the first events passed off as dropped", ORDER, """
        insert into event_checkpoints
            select aggregate_id, sequence, link, at from events where aggregate_id = 'ord_returned' and sequence = 2;
        delete from events where aggregate_id = 'ord_returned' and sequence <= 2
    """, "events ord_returned/3", "CHANGED"),
    Edit("the payload of another order's event", ORDER, """
        update events e set payload = o.payload from events o
        where e.aggregate_id = 'ord_returned' and e.sequence = 1 and o.aggregate_id = 'ord_waiting' and o.sequence = 1
    """, "events ord_returned/1", "CHANGED"),
)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
async def test_an_edit_is_found_at_its_row(told: House, edit: Edit) -> None:
    """Findings: proto_blind 12 to 17 and 52, and what one might do to hide them."""
    report = await _walked(told, edit.service, edit.sql)

    first = report.findings[0]
    assert first.what.startswith(edit.what)
    assert first.actual.endswith(f"({edit.fault})")
    assert first.cause
    assert len({finding.what for finding in report.findings}) == len(report.findings)


async def test_every_row_of_the_story_is_chained(told: House) -> None:
    """No event and no operation is without a link, and who told something keeps the head."""
    telling = {ORDER: ("orders",), CREDIT: ("credit_accounts", "merchant_shares"), CARD: ("gift_cards",)}
    for service, roots in telling.items():
        connection = told.connections[service]
        assert await connection.fetchval("select count(*) from events where length(link) <> $1", BYTES) == 0
        for root in roots:
            told_by = await connection.fetch(f"select sequence, length(events_head) from {root}")
            assert {row[1] for row in told_by if row[0]} == {BYTES}
    assert await told.connections[CREDIT].fetchval("select min(length(link)) from operations") == BYTES
    assert not (await _walked(told, ORDER, "select")).counts


@pytest.mark.parametrize(("sql", "found"), [
    ("select", ()),
    ("update event_checkpoints set hash = hash || hash", ("CHANGED",)),
    ("update event_checkpoints set sequence = sequence - 1", ("MISSING",)),
    ("delete from event_checkpoints", ("MISSING",)),
    ("update events set payload = '\\x00' where sequence > 1", ("CHANGED",)),
])
async def test_what_was_pruned_is_held_by_its_head(told: House, sql: str, found: tuple[str, ...]) -> None:
    """The chain goes on behind the events that were dropped; what is done to those that are left is found as before."""
    report = await _walked(told, CARD, sql, until=NOW + timedelta(days=9_000))

    assert {finding.actual.rpartition("(")[2] for finding in report.findings} == {f"{fault})" for fault in found}


async def _walked(told: House, service: str, sql: str, until: datetime | None = None) -> Report:
    """What the walks along the chains find once a service's rows were edited; events `until` an instant are pruned
    before. All is rolled back."""
    report = Report()
    async with AsyncExitStack() as stack:
        for connection in told.connections.values():
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
        connection = told.connections[service]
        if until is not None:
            assert await prune(connection, Pruned.EVENTS, (datetime(2020, 1, 1, tzinfo=UTC), until))
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(sql)
        for check in (EVENT_CHAINS, OPERATION_CHAINS):
            await walks.walk_all(World(told.connections, quiet=True), report, only=check)
    return report
