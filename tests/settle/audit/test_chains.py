"""Chains on the story's databases: whatever is done to one row of an event or of a log is found, at that row."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from services.card_redemption.__main__ import SERVICE as CARDS
from services.credit_ledger.__main__ import SERVICE as LEDGER
from services.kernel.chain import ATTEMPTS, BYTES, EVENTS, OPERATIONS, name_of
from services.order.__main__ import SERVICE as ORDERS
from services.order.domain.commands import CancelOrder
from services.runtime.service import Service
from services.runtime.stored.pruning import Pruned, prune
from settle.audit import walks
from settle.audit.chains import CHAINED, EVENT_CHAINS, OPERATION_CHAINS, chain_keys, notes
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
        async with house(dsn, "chains", NOW) as family:
            await tell(family)
            yield family


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
    """, "operations acc_1 number ", "CHANGED"),
    Edit("13 facts and moved emptied", CREDIT, """
        update operations set moved = '[]', facts = '{}' where number = 5
    """, "operations acc_1 number 5", "CHANGED"),
    Edit("14 last event of an order deleted", ORDER, f"""
        delete from events where {_LAST_WAITING}
    """, "events ord_waiting number ", "MISSING"),
    Edit("15 and the sequence lowered", ORDER, f"""
        delete from events where {_LAST_RETURNED};
        update orders set sequence = sequence - 1 where id = 'ord_returned'
    """, "orders ord_returned events_head", "HEAD"),
    Edit("16 payload changed", ORDER, """
        update events set payload = '\\x00' where aggregate_id = 'ord_returned' and sequence = 3
    """, "events ord_returned number 3", "CHANGED"),
    Edit("17 last event of a merchant's share deleted", CREDIT, """
        delete from events where aggregate_id like 'mer_1/%' and sequence = (
            select max(sequence) from events where aggregate_id like 'mer_1/%')
    """, "events mer_1/00 number ", "MISSING"),
    Edit("52 events swapped", CREDIT, """
        update events set sequence = 1000 where aggregate_id = 'acc_1' and sequence = 5;
        update events set sequence = 5 where aggregate_id = 'acc_1' and sequence = 6;
        update events set sequence = 6 where aggregate_id = 'acc_1' and sequence = 1000
    """, "events acc_1 number 5", "MOVED"),
    Edit("an instant", CREDIT, """
        update operations set at = at + interval '1 microsecond' where number = 4
    """, "operations acc_1 number 4", "CHANGED"),
    Edit("an instant that is none", ORDER, """
        update events set at = 'infinity' where aggregate_id = 'ord_returned' and sequence = 2
    """, "events ord_returned number 2", "CHANGED"),
    Edit("white space of a body", CREDIT, """
        update operations set body = (body::text || ' ')::json where number = 4
    """, "operations acc_1 number 4", "CHANGED"),
    Edit("what was kept for a reversal", CREDIT, """
        update operations set before = null where number = (select min(number) from operations where before is not null)
    """, "operations acc_1 number ", "CHANGED"),
    Edit("first operation deleted, the others moved up", CREDIT, """
        delete from operations where number = 1;
        update operations set number = number - 1000;
        update operations set number = number + 999;
        update credit_accounts set operations = operations - 1
    """, "operations acc_1 number 1", "CHANGED"),
    Edit("an event deleted", CARD, """
        delete from events where aggregate_id = 'crd_1' and sequence = 2
    """, "events crd_1 number 2", "MISSING"),
    Edit("an event put behind the last, without a link", CARD, f"""
        insert into events (aggregate_id, sequence, type, at, saga_id, payload)
            select {_COPIED} from events where {_LAST_OF_CARD};
        update gift_cards set sequence = sequence + 1
    """, "events crd_1 number ", "ADDED"),
    Edit("a copy of the last event", CARD, f"""
        insert into events (aggregate_id, sequence, type, at, saga_id, payload, link)
            select {_COPIED}, link from events where {_LAST_OF_CARD};
        update gift_cards set sequence = sequence + 1
    """, "events crd_1 number ", "ADDED"),
    Edit("a link taken off", ORDER, """
        update events set link = '' where aggregate_id = 'ord_returned' and sequence = 2
    """, "events ord_returned number 2", "RELINKED"),
    Edit("a link taken off, as if it were an old row's", ORDER, """
        update events set link = '' where aggregate_id = 'ord_returned' and sequence = 2;
        select accept_unlinked()
    """, "events ord_returned number 2", "RELINKED"),
    Edit("all links taken off, as if it were an old order's", ORDER, """
        update events set link = '' where aggregate_id = 'ord_returned';
        select accept_unlinked()
    """, "orders ord_returned events_head", "HEAD"),
    Edit("a head taken off", ORDER, """
        update orders set events_head = '' where id = 'ord_returned'
    """, "orders ord_returned events_head", "HEAD"),
    Edit("the last event cut off, its link as the head", CREDIT, f"""
        delete from events where {_LAST_OF_ACCOUNT};
        update credit_accounts set sequence = sequence - 1, events_head = (
            select link from events where aggregate_id = 'acc_1' order by sequence desc limit 1)
    """, "credit_accounts acc_1 events_head", "HEAD"),
    Edit("a count", CREDIT, """
        update credit_accounts set operations = operations + 1
    """, "credit_accounts acc_1 operations", "COUNT"),
    Edit("the first events passed off as dropped", ORDER, """
        insert into event_checkpoints
            select aggregate_id, sequence, link, at from events where aggregate_id = 'ord_returned' and sequence = 2;
        delete from events where aggregate_id = 'ord_returned' and sequence <= 2
    """, "events ord_returned number 3", "CHANGED"),
    Edit("the payload of another order's event", ORDER, """
        update events e set payload = o.payload from events o
        where e.aggregate_id = 'ord_returned' and e.sequence = 1 and o.aggregate_id = 'ord_waiting' and o.sequence = 1
    """, "events ord_returned number 1", "CHANGED"),
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


async def test_chains_under_a_key_that_is_not_given_are_told_and_not_followed(told: House) -> None:
    """Once for each service; every row would seem changed. Where nobody said under which key they are, it does."""
    other = replace(world(told), chain_key=b"k" * 32)
    async with rolled_back(told):
        for connection in told.connections.values():
            await connection.execute("insert into runtime_facts values ('chain_key', $1)", name_of(b"x" * 32))
        untold = await chain_keys(world(told))

        assert [finding.where for finding in untold] == [ORDER, CREDIT, CARD]
        assert not await chain_keys(replace(other, chain_key=b"x" * 32))
        assert not (await found_by_walks(other)).counts
    async with rolled_back(told):
        assert not await chain_keys(other)
        assert set((await found_by_walks(other)).counts) == {EVENT_CHAINS, OPERATION_CHAINS}


async def test_a_chain_begins_behind_what_was_there_before(told: House) -> None:
    """As a migration finds it: rows without links, roots without heads. What is decided from there on is chained."""
    tables = {"events": "link", "operations": "link", **{
        kind.root: "events_head" for _, kind in CHAINED if kind.name != ATTEMPTS
    }}
    async with rolled_back(told):
        for connection in told.connections.values():
            await connection.execute("set local session_replication_role = replica")
            for table, column in tables.items():
                if await connection.fetchval("select to_regclass($1) is not null", table):
                    await connection.execute(f"update {table} set {column} = ''")
        await told.connections[CREDIT].execute("update credit_accounts set operations_head = ''")
        untold = await found_by_walks(world(told))
        before = await notes(world(told), CREDIT)
        for connection in told.connections.values():
            await connection.execute("select accept_unlinked(); set local session_replication_role = origin")

        await told.ask(ORDER, "ord_waiting", CancelOrder("ord_waiting", "NOT_WANTED"))

        assert set(untold.counts) == {EVENT_CHAINS, OPERATION_CHAINS}
        assert (len(before), len(await notes(world(told), CREDIT))) == (0, 2)
        assert not (await found_by_walks(world(told))).counts
        chained = "select count(*) from events where aggregate_id = 'ord_waiting' and link <> ''"
        assert await told.connections[ORDER].fetchval(chained) > 0
        await told.connections[ORDER].execute("update orders set events_head = '' where id = 'ord_waiting'")
        assert (await found_by_walks(world(told))).counts == {EVENT_CHAINS: 1}


@pytest.mark.parametrize("service", [ORDERS, LEDGER, CARDS], ids=lambda service: service.name)
def test_every_chain_is_walked(service: Service) -> None:
    """Whoever tells events, or has a log, is walked over."""
    chained = {(kind.name, kind.root) for _, kind in CHAINED if kind.service == service.name}

    telling = {(EVENTS, table.save.table) for table in service.tables if table.tells}  # type: ignore[attr-defined]
    logs = {LEDGER.name: {(OPERATIONS, "credit_accounts")}, CARDS.name: {(ATTEMPTS, "record_volumes")}}
    assert chained == telling | logs.get(service.name, set())


def world(told: House) -> World:
    """The story's databases, for a walk."""
    return World(told.connections, quiet=True)


@asynccontextmanager
async def rolled_back(told: House) -> AsyncIterator[None]:
    """Whatever is done to the databases inside is undone."""
    async with AsyncExitStack() as stack:
        for connection in told.connections.values():
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
        yield


async def found_by_walks(of: World) -> Report:
    """What the walks along the chains find."""
    report = Report()
    for check in (EVENT_CHAINS, OPERATION_CHAINS):
        await walks.walk_all(of, report, only=check)
    return report


async def _walked(told: House, service: str, sql: str, until: datetime | None = None) -> Report:
    """What the walks along the chains find once a service's rows were edited; events `until` an instant are pruned
    before. All is rolled back."""
    async with rolled_back(told):
        connection = told.connections[service]
        if until is not None:
            assert await prune(connection, Pruned.EVENTS, (datetime(2020, 1, 1, tzinfo=UTC), until))
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(sql)
        return await found_by_walks(world(told))
