"""Seals: whatever is changed in a row that is sealed is found at that row; what is accepted without one is counted."""

import tracemalloc
from datetime import timedelta

import pytest

from services.card_redemption.store import TABLES as OF_CARDS
from services.credit_ledger.store import TABLES as OF_CREDIT
from services.kernel.seal import LongSeal, seal_of
from services.order.store import TABLES as OF_ORDERS
from services.runtime.ground import clock
from services.runtime.ground.saving import Appending, Saving
from services.runtime.stored import accepted as accepting
from services.runtime.stored.sagas import save_runs
from settle.audit import accepted, keeping, seals
from settle.audit import sealed_tables as tables
from settle.audit.findings import CARD, CREDIT, ORDER
from settle.audit.sealed import SEALS
from settle.audit.states import timers
from tests.settle.audit.blind_sql import Blind, changes, order
from tests.settle.audit.breaking import Breakable
from tests.settle.audit.house import House
from tests.settle.audit.test_chains import found_by_walks, rolled_back, told, world

__all__ = ["told"]
KEY = b"k" * 32
SAVED = {
    (service, table.save.table): table.save
    for service, tables in ((ORDER, OF_ORDERS), (CREDIT, OF_CREDIT), (CARD, OF_CARDS)) for table in tables
    if isinstance(table.save, Saving | Appending) and table.save.sealed
} | {(service, "sagas"): save_runs for service in (ORDER, CARD)}


def test_the_auditor_reads_the_columns_that_are_sealed() -> None:
    """Of every sealed table, in the order in which they are hashed."""
    known = {(each.service, each.table): each for _, each in tables.WALKED if each.table != "saga_digests"}

    assert known.keys() == SAVED.keys()
    for key, sealed in known.items():
        saving = SAVED[key]
        if isinstance(saving, Appending):
            assert tuple(sealed.columns) == tuple(column.name for column in saving.under_seal)
            continue
        assert tuple(sealed.columns) == tuple(column.name for column in saving.under_seal)
        assert tuple(sealed.made) == tuple(column.name for column in saving.made_under_seal)
        assert sealed.key == saving.key


def test_no_two_rows_have_one_seal() -> None:
    """Neither in another table, nor with a value in another place, nor with none instead of an empty one."""
    rows = [("a", "b"), ("ab", ""), ("ab", None), ("", "ab"), ("a", None), ("a", 1), ("a", 10)]

    found = {seal_of(table, row, key) for table in ("t", "u") for row in rows for key in (b"", KEY)}

    assert len(found) == 4 * len(rows)


SQL = (
    ("update saga_digests set plan = jsonb_set(plan::jsonb, '{money,0}', '\"x\"')", "saga_digests saga_"),
    ("update saga_digests set ended_at = ended_at + interval '1 second'", "saga_digests saga_"),
    ("update sagas set reason = 'X' where phase = 'ABORTED'", "sagas saga_"),
    ("update sagas set plan = (plan::text || ' ')::json", "sagas saga_"),
    ("update orders set updated_at = updated_at + interval '1 microsecond' where id = 'ord_done'", "orders ord_done"),
    ("update orders set seal = (select seal from orders where id = 'ord_late') where id = 'ord_done'",
     "orders ord_done"),
    ("update return_cases set lines = (lines::text || ' ')::json", "return_cases ret_"),
    ("update operator_acts set reason = 'another'", "operator_acts request-order"),
    ("update operator_acts set operator_id = 'another'", "operator_acts request-order"),
    ("update parked set payload = 'x' where state = 'PARKED'", "parked "),
    ("update parked set resolution = 'another' where state = 'DISCARDED'", "parked "),
    ("update inbox set outcome = outcome || 'x' where type like '%.Settlement'", "inbox "),
    ("update inbox set body_hash = null where body_hash is not null", "inbox "),
    ("update inbox set message_id = message_id || '~' where message_id like '%-%'", "inbox "),
)


@pytest.mark.parametrize(("sql", "named"), SQL)
async def test_what_nothing_else_tells_is_found_at_its_row(broken_filled: Breakable, sql: str, named: str) -> None:
    """Plans that are pruned, acts, answers: before, an edit of these was a gap of the auditor."""
    verdict = await broken_filled.broken(changes(Blind("", "", (), (order(sql),))))

    found = [finding for finding in verdict.findings if finding.check in (SEALS, seals.OF_RUNTIME)]
    assert not verdict.failed
    assert any(finding.what.startswith(named) for finding in found)
    assert all(finding.cause for finding in found)


async def test_seals_are_under_the_key_of_the_chains(told: House) -> None:
    """Who has only the database makes none that fit."""
    async with rolled_back(told):
        connection = told.connections[ORDER]
        row = await connection.fetchrow("select * from merchant_settlements where id = 'mer_1/mst_1'")
        sealed = next(each for _, each in tables.WALKED if each.table == "merchant_settlements")
        assert row is not None
        values = [row[column] for column in sealed.columns]

        assert row["seal"] == seal_of(sealed.table, values) != seal_of(sealed.table, values, KEY)


async def test_what_was_there_before_there_were_seals_is_counted_and_sealed_by_its_next_write(told: House) -> None:
    """As a migration finds it; one row more without a seal is a finding, and so is a greater count."""
    async with rolled_back(told):
        connection = told.connections[ORDER]
        await connection.execute("update orders set seal = '' where id = 'ord_waiting'")
        untold = await _unsealed(told)
        await connection.execute("select accept_unsealed('orders')")
        await accepting.seal(connection, b"", anew=True)
        counted, listed = await _unsealed(told), await accepted.accepted(world(told))
        await connection.execute("update runtime_facts set value = '2' where name = 'unsealed_orders'")

        assert untold == ["orders ord_waiting"]
        assert (counted, listed) == ([], [])
        assert [finding.where for finding in await accepted.accepted(world(told))] == [ORDER]
        assert not (await found_by_walks(world(told))).counts


async def test_what_is_accepted_is_not_held_all_at_once(told: House) -> None:
    """Of a database from before chains it is a row for each aggregate: the first process of a run grew with it."""
    async with rolled_back(told):
        await told.connections[ORDER].execute(
            "insert into chain_starts select 'events', 'ord_' || md5(no::text), 7 from generate_series(1, 30000) no"
        )
        tracemalloc.start()
        try:
            found = await accepted.accepted(world(told))
            await accepting.seal(told.connections[ORDER], b"", anew=True)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

        assert [finding.where for finding in found] == [ORDER]
        assert await accepted.accepted(world(told)) == []
        assert peak < 2_000_000, f"{peak:,} bytes"


def test_a_long_seal_is_that_of_the_row() -> None:
    """Whoever reads it in parts comes to the same."""
    for texts in ((), ("a",), ("a", "b\u4e2d", "")):
        long = LongSeal("t", KEY)
        for text in texts:
            long.take(text)

        assert long.hex() == seal_of("t", texts, KEY).hex()


async def test_who_declares_a_chain_to_be_older_is_told(told: House) -> None:
    """Links, head and list were taken at their word: an event could be changed under them."""
    async with rolled_back(told):
        connection = told.connections[CARD]
        await connection.execute("set local session_replication_role = replica")
        await accepting.seal(connection, b"", anew=False)
        await connection.execute("update events set link = '', payload = 'x' where aggregate_id = 'crd_1'")
        await connection.execute("update gift_cards set events_head = '' where id = 'crd_1'")
        await connection.execute("select accept_unlinked()")
        await accepting.seal(connection, b"", anew=False)

        found = await accepted.accepted(world(told))

        assert [(finding.where, "crd_1" in finding.actual) for finding in found] == [(CARD, True)]


@pytest.mark.parametrize("altered", [False, True])
async def test_what_a_later_release_accepts_is_sealed_by_who_migrates(told: House, altered: bool) -> None:
    """An upgrade that seals one more table was a finding. What somebody added before stays one."""
    dsn, connection = told.dsns[ORDER], told.connections[ORDER]
    note = "insert into runtime_facts (name, value) values ($1, '3')"

    async def migrate() -> list[str]:
        await connection.execute(note, "unsealed_by_the_release")
        return ["order/9999_later"]

    try:
        await accepting.seal(connection, b"", anew=True)
        if altered:
            await connection.execute(note, "unsealed_by_hand")
        assert await accepting.migrated(dsn, b"", migrate) == ["order/9999_later"]

        async with rolled_back(told):
            found = [finding for finding in await accepted.accepted(world(told)) if finding.where == ORDER]

        assert bool(found) is altered
    finally:
        await connection.execute("delete from runtime_facts where name like 'unsealed_by_%' or name = 'accepted'")


async def test_a_manual_clock_of_before_does_not_tell_the_time(told: House) -> None:
    """Its row stays when the services are started on the system's clock again; everything would be overdue."""
    async with rolled_back(told):
        connection = told.connections[ORDER]
        manual = (await timers.present(world(told), ORDER)).at
        await clock.open_clock(connection, "system")
        system = await connection.fetchval("select now()")
        pruned = (system - timedelta(days=40)).isoformat()
        await connection.execute("insert into runtime_facts values ('pruned_answers_of_requests', $1)", pruned)
        check = next(check for check in keeping.CHECKS if check.id == "keeping.pruned")

        assert manual == told.now
        assert (await timers.present(world(told), ORDER)).at == system
        assert not await connection.fetch(check.sql)


async def _unsealed(told: House) -> list[str]:
    check = next(check for check in seals.CHECKS if check.id == "seals.of_orders")
    return [row[0] for row in await told.connections[ORDER].fetch(check.sql)]
