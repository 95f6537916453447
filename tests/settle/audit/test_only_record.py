"""`settle audit verify`: the record alone, clean as it is written, and broken as somebody left it."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest

from settle.audit.chains import RECORD_CHAINS
from settle.audit.only_record import verify_record
from settle.audit.record import RECORDED
from tests.settle.audit.house import House, house
from tests.settle.audit.story import tell

CARD = "card_redemption"
NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def told(shared_dsn: str) -> AsyncIterator[House]:
    """The story, told once."""
    async with house(shared_dsn, "record", NOW) as world:
        await tell(world)
        yield world


async def test_a_record_that_nobody_touched_holds(told: House) -> None:
    """And its end is told, for whoever keeps that elsewhere."""
    report = await verify_record(told.dsns)

    assert report.clean
    assert RECORD_CHAINS in report.checks
    assert any("the record ends at rec_000000001/" in note for note in report.notes)


SWAPPED = [f"update attempts set number = {to} where number = {of}" for of, to in ((2, 99), (3, 2), (99, 3))]


@pytest.mark.parametrize(
    ("deeds", "check", "what", "fault"),
    [
        (["update attempts set outcome = 'DONE', actor = 'nobody' where number = 2"], RECORD_CHAINS, 2, "CHANGED"),
        (["delete from attempts where number = 2"], RECORD_CHAINS, 2, "MISSING"),
        (SWAPPED, RECORD_CHAINS, 2, "MOVED"),
    ],
)
async def test_the_first_attempt_that_is_wrong_is_named(
    told: House, deeds: Sequence[str], check: str, what: int, fault: str
) -> None:
    """Altered, taken out, swapped, past the trigger; put back afterwards."""
    connection = await asyncpg.connect(told.dsns[CARD])
    kept = await connection.fetch("select * from attempts")
    await connection.execute("set session_replication_role = replica")
    for deed in deeds:
        await connection.execute(deed)

    report = await verify_record(told.dsns)

    await connection.execute("delete from attempts")
    await connection.copy_records_to_table("attempts", records=[tuple(row) for row in kept])
    await connection.close()
    first = next(finding for finding in report.findings if finding.check == check)
    assert (first.what, fault in first.actual) == (f"attempts rec_000000001 number {what}", True)
    assert (await verify_record(told.dsns)).clean


async def test_an_end_that_was_cut_off_is_missed_by_what_was_done(told: House) -> None:
    """With its volume, so that the chain holds: what calls did to cards is told by the cards."""
    connection = await asyncpg.connect(told.dsns[CARD])
    kept = await connection.fetch("select * from attempts"), await connection.fetch("select * from record_volumes")
    await connection.execute("set session_replication_role = replica")
    await connection.execute("delete from attempts; delete from record_volumes")

    report = await verify_record(told.dsns)

    for table, rows in zip(("record_volumes", "attempts"), reversed(kept), strict=True):
        await connection.copy_records_to_table(table, records=[tuple(row) for row in rows])
    await connection.close()
    assert RECORDED in report.counts
