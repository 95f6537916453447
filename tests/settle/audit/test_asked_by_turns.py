"""One question after the other, each in snapshots of its own, comes to the same as all questions in one world.

This file comes before those that break the filled engine: these keep its tables locked until the end of the run.
"""

import asyncpg

from settle.audit import auditor, beside
from settle.audit.by_turns import by_turns
from settle.audit.findings import CREDIT, Report
from settle.audit.pacing import Pacing
from tests.settle.audit.breaking import Breakable
from tests.settle.audit.house import House
from tests.settle.audit.reading import Relation

WITHOUT_PAUSES = Pacing(percent=100.0)


async def test_every_question_is_asked(filled: House) -> None:
    """Of a clean engine that does nothing, none finds anything, whatever is put beside for it."""
    report = Report()

    async with by_turns(filled.dsns, WITHOUT_PAUSES, b"", {}) as asked:
        await asked.places({}, report)
        await asked.ask(report)

    assert report.clean, report.findings
    assert {*(check.id for check in auditor.CHECKS), *auditor.CROSS_CHECKS} <= set(report.checks)


async def test_what_a_roll_up_shows_is_found(filled: House) -> None:
    """Asked alone, as for a second look, too."""
    connection = await asyncpg.connect(filled.dsns[CREDIT])
    change = "update credit_accounts set used_minor = used_minor {} 1 where id = 'acc_2'"
    report = Report()
    try:
        await connection.execute(change.format("+"))
        async with by_turns(filled.dsns, WITHOUT_PAUSES, b"", {}) as asked:
            await asked.ask(report, {"accounts.projection"})
    finally:
        await connection.execute(change.format("-"))
        await connection.close()

    assert set(report.counts) == {"accounts.projection"}


def test_who_reads_roll_ups_across_services_is_known(broken_filled: Breakable) -> None:
    """Another one would be asked beside empty tables, and find what is not so, or nothing."""
    reads = {each.id: each.reads for each in broken_filled.asked if each.id in auditor.CROSS_CHECKS}
    rolled = {table: {id_ for id_, read in reads.items() if _of(table, read)} for table in beside.ROLLED_UP}

    assert rolled["audit_agreements"] == set()
    assert rolled[beside.BALANCED] <= auditor.BALANCED


def _of(table: str, read: frozenset[Relation]) -> bool:
    return any(relation.name == table for relation in read)
