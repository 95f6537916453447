"""What cannot be read is a finding that names its row; every other promise is asked all the same."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from settle.audit import auditor, telling, walks
from settle.audit.findings import CARD, CREDIT, EXAMPLES_MAX, ORDER, SERVICES, Finding, Report, Walk
from settle.audit.snapshots import World, open_world
from settle.audit.unreadable import KEPT, UNREADABLE
from settle.audit.walks import walk_some
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
SPREAD = {"entries": "its lists are arrays, which are always read"}
"""Views that need no reader, each with its reason."""


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def told(dsn: str) -> AsyncIterator[House]:
    """The story, told once; what a test corrupts it mends."""
    async with house(dsn, "unreadable", NOW) as world:
        await tell(world)
        yield world


@pytest.mark.parametrize(("service", "table", "key", "id_", "column", "value"), [
    (CREDIT, "agreements", "order_id", "ord_returned", "plans", "7"),
    (CREDIT, "agreements", "order_id", "ord_returned", "refunded", '["99999999999999999999", 0, 0, 0]'),
    (CREDIT, "agreements", "order_id", "ord_returned", "hold", '{"authorized": ["many", 0, 0, 0]}'),
    (ORDER, "orders", "id", "ord_returned", "lines", '[[0, "many"]]'),
    (ORDER, "orders", "id", "ord_returned", "refunds", '[["r", "s", "SUCCEEDED", 1e30]]'),
    (CARD, "card_tenders", "order_id", "ord_returned", "refunds", '{}'),
])
async def test_a_row_that_cannot_be_read_is_named(
    told: House, service: str, table: str, key: str, id_: str, column: str, value: str
) -> None:
    """One such row, and `settle verify` ended with a traceback: nothing was checked any more."""
    async with _corrupted(told, service, table, key, id_, column, value):
        report = await auditor.audit(told.dsns, wait_seconds=0, strict=True)

    named = {(f.where, f.what.split()[-1]) for f in report.findings if f.check == UNREADABLE}
    assert (service, id_) in named, "by its table, or by the kind of aggregate whose walk met it"
    assert {check.id for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)} <= set(report.checks)
    assert {walk.id for walk in walks.WALKS} | set(auditor.CROSS_CHECKS) <= set(report.checks)
    assert id_ in telling.as_text(report)


async def test_the_plan_of_a_settlement_that_cannot_be_read_is_named(told: House) -> None:
    """It is copied beside the books, where every check of settlements reads it."""
    saga = await told.connections[ORDER].fetchval("select id from sagas where kind = 'capture' limit 1")
    async with _corrupted(told, ORDER, "sagas", "id", saga, "plan", '{"money": [0, 0, 0, 0, 0, [["CREDIT", "x"]]]}'):
        report = await auditor.audit(told.dsns, wait_seconds=0, strict=True)

    assert f"sagas {saga}" in {f.what for f in report.findings if f.check == UNREADABLE}


async def test_an_amount_beyond_63_bits_in_a_sum_of_columns_does_not_stop_a_check(told: House) -> None:
    """The limit of an account is a difference of columns: it left 63 bits, and no account was compared any more."""
    account = "acc_1"
    async with _corrupted(told, CREDIT, "credit_accounts", "id", account, "wallet_minor", 2**63 - 1), \
            _corrupted(told, CREDIT, "credit_accounts", "id", account, "granted_minor", -(2**63)):
        report = await auditor.audit(told.dsns, wait_seconds=0, strict=True)

    assert report.counts["accounts.projection"]
    assert report.counts["accounts.sound"]
    assert UNREADABLE not in report.counts, telling.as_text(report)


async def test_a_walk_that_fails_tells_at_which_aggregate(told: House) -> None:
    """The others are looked at, and their violations told."""
    orders = [f"ord_{number}" for number in range(37)]

    async def find(world: World, ids: Sequence[str]) -> list[Finding]:
        if "ord_23" in ids:
            await world[ORDER].fetchval("select 'x'::json ->> 'y'")
        if "ord_31" in ids:
            raise KeyError("principal")
        return [Finding("walk", ORDER, f"orders {id_}", "1", "2") for id_ in ids if id_ == "ord_7"]

    report = await _walked(told, Walk("walk", "all is well", ORDER, "order", find), orders)

    assert {f.what for f in report.findings} == {"orders ord_7", "order ord_23", "order ord_31"}
    assert report.counts == {"walk": 1, UNREADABLE: 2}


async def test_a_walk_that_fails_everywhere_is_told_of_a_few(told: House) -> None:
    """The search by halves costs nothing more, once enough are named."""
    asked = []

    async def find(world: World, ids: Sequence[str]) -> list[Finding]:
        asked.append(len(ids))
        raise ValueError("always")

    report = await _walked(told, Walk("walk", "all is well", ORDER, "order", find), [f"o{n}" for n in range(2_000)])

    assert EXAMPLES_MAX <= report.counts[UNREADABLE] <= 2 * EXAMPLES_MAX
    assert len(asked) < 100


async def test_an_audit_that_cannot_go_on_says_so(told: House) -> None:
    """A connection that is lost is no finding."""
    async def find(world: World, ids: Sequence[str]) -> list[Finding]:
        world[ORDER].terminate()
        raise ValueError("as if a row were at fault")

    with pytest.raises((ValueError, asyncpg.InterfaceError)):
        await _walked(told, Walk("walk", "all is well", ORDER, "order", find), ["ord_1"])


WITHOUT_LISTS = {"accepted_rows"}
"""Views that take no list apart: every row of theirs can be read."""


async def test_every_view_on_lists_has_a_reader(told: House) -> None:
    """Else a row that only that view cannot read would be left in."""
    for service in SERVICES:
        views = {row["viewname"] for row in await told.connections[service].fetch(
            "select viewname from pg_views where schemaname = 'public'"
        )}
        read = {reader.view for kept in KEPT[service] for reader in kept.readers}
        assert views - SPREAD.keys() - WITHOUT_LISTS == read


async def _walked(told: House, walk: Walk, ids: Sequence[str]) -> Report:
    report = Report()
    async with open_world(told.dsns, quiet=True) as world:
        await walk_some(world, walk, ids, report)
    return report


@asynccontextmanager
async def _corrupted(
    told: House, service: str, table: str, key: str, id_: str, column: str, value: object
) -> AsyncIterator[None]:
    """A row with another value in a column, written past the engine."""
    connection = await asyncpg.connect(told.dsns[service])
    await connection.execute("set session_replication_role = replica")
    constraints = await connection.fetch(
        "select conname from pg_constraint where contype = 'c' and conrelid = to_regclass($1)", table
    )
    for constraint in constraints:
        await connection.execute(f"alter table {table} drop constraint {constraint['conname']}")
    before = await connection.fetchval(f"select {column} from {table} where {key} = $1", id_)
    assert before is not None
    await connection.execute(f"update {table} set {column} = $2 where {key} = $1", id_, value)
    try:
        yield
    finally:
        await connection.execute(f"update {table} set {column} = $2 where {key} = $1", id_, before)
        await connection.close()
