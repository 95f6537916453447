"""Credit accounts told again: what the real rules wrote is as told, and every value that is not is named."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from services.credit_ledger.domain.model.terms import SurplusPolicy
from settle.audit.findings import CREDIT, Finding
from settle.audit.folds import credit_walk
from settle.audit.snapshots import Connection, World
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.settle.audit.credit_lives import BookOnRecord, life, life_of_legs, store
from tests.settle.audit.edited_values import BOUNDED, Edit, auditor_of, broken, edits, types_of, untold
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server
from tests.settle.audit.test_audit import NOW

LIVES = range(15)
RICH = 12
TABLES = (
    "credit_accounts", "agreements", "operations", "statements", "repayments", "credit_refunds", "adjustments", "legs",
    "payment_references", "journals",
)

KINDS = {"operations": ("kind", "true"), "journals": ("op", f"root = '{ACCOUNT}'")}
"""By what the rows of a table differ, and which of them are of the account."""


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def empty(dsn: str) -> AsyncIterator[House]:
    """A house whose credit book the tests fill."""
    async with house(dsn, "lives", NOW) as world:
        yield world


@pytest.fixture(scope="module")
async def auditor(empty: House) -> AsyncIterator[Connection]:
    """The auditor's connection to the credit book."""
    async with auditor_of(empty.dsns[CREDIT]) as connection:
        yield connection


@pytest.mark.parametrize("lived", [life, life_of_legs])
async def test_what_the_rules_wrote_is_what_the_log_tells(
    empty: House, auditor: Connection, lived: Callable[[int], BookOnRecord]
) -> None:
    """Random lives, with reversals behind cuts, two-phase sagas, rails that answer late and people who repair."""
    for seed in LIVES:
        await store(empty.connections[CREDIT], lived(seed))

        async with auditor.transaction():
            assert await _fold(auditor) == [], f"{lived} {seed}"


@pytest.fixture(scope="module")
async def full(empty: House) -> House:
    """The house with the account of a life that leaves rows in every table."""
    await store(empty.connections[CREDIT], life(RICH, SurplusPolicy.LIFO))
    return empty


@pytest.mark.parametrize("table", TABLES)
async def test_every_value_that_changed_is_found_where_it_is(full: House, auditor: Connection, table: str) -> None:
    """In the row of each table (of each kind of operation and journal) that says most, every column and every value in
    its lists is another one, one at a time; what no log can know of is in `UNTOLD`, with the reason."""
    types = await types_of(auditor, table)
    kind, own = KINDS.get(table, ("t.ctid is null", "true"))
    rows = await auditor.fetch(f"""
        select distinct on ({kind}) ctid::text place, t.* from {table} t where {own}
        order by {kind}, length(t::text) desc""")
    wrong = []
    for row, edit in ((each, edit) for each in rows for edit in edits(table, dict(each), types)):
        async with broken(auditor, f"update {table} set {edit.change} where ctid = '{row['place']}'"):
            found = await _fold(auditor)

        seen = any(_names(each, edit, table) for each in found)
        if edit.place not in BOUNDED and seen == bool(untold(edit.place)):
            wrong.append((edit, [each.what for each in found]))
    assert not wrong


@pytest.mark.parametrize("table", TABLES)
async def test_a_row_that_is_gone_is_named(full: House, auditor: Connection, table: str) -> None:
    """Each row of each table in turn."""
    own = KINDS.get(table, ("", "true"))[1]
    rows = await auditor.fetch(f"select ctid::text place, t.* from {table} t where {own} order by t::text")
    assert rows
    for row in rows if table != "credit_accounts" else ():
        async with broken(auditor, f"delete from {table} where ctid = '{row['place']}'"):
            found = await _fold(auditor)

        assert any(each.what.startswith(f"{table} ") for each in found), row


def _names(finding: Finding, edit: Edit, table: str) -> bool:
    """Whether a finding is at the row and the field that was edited. Where an operation or a journal is wrong, the
    finding may as well be where it shows: at what follows from it."""
    if table in ("operations", "journals"):
        return True
    of_row = finding.what.startswith(f"{table} ")
    return of_row and (edit.place.split(".")[1] in finding.what or "row" in finding.expected)


async def _fold(connection: Connection) -> list[Finding]:
    ids = [row["id"] for row in await connection.fetch("select id from credit_accounts order by id")]
    return await credit_walk.fold(World({CREDIT: connection}, quiet=True), ids)
