"""The auditor on a small world: clean as it is, and every planted violation is found by the check that promises it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from settle.audit import auditor, beside, clearing, four_eyes, gone, quiet, rail_list, telling, unreadable, walks
from settle.audit.findings import CREDIT, ORDER, SERVICES, Report
from settle.audit.snapshots import World, put_beside
from tests.settle.audit.house import House, house
from tests.settle.audit.planting import Planted, by_hand, journal
from tests.settle.audit.scratch import server
from tests.settle.audit.story import tell
from tests.settle.audit.two_people import put_in_force
from tests.settle.audit.violations import PLANTED
from tests.settle.local.acquirer.sandbox import sandbox

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def told(dsn: str) -> AsyncIterator[House]:
    """The story, told once; the tests only look, or roll back what they break."""
    async with house(dsn, "story", NOW) as world:
        await tell(world)
        await put_in_force(world)
        yield world


async def test_the_story_is_clean(told: House) -> None:
    """Every promise holds of what the real rules and the real SQL wrote."""
    report = await auditor.audit(told.dsns, wait_seconds=0, strict=True)

    assert report.clean, telling.as_text(report)
    assert report.figures["settlements"] > 10
    assert report.figures["journals"] > 20


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.check)
async def test_a_planted_violation_is_found(told: House, planted: Planted) -> None:
    """A checker that never failed is not trusted."""
    report = await _audit_broken(told, planted)

    assert planted.check in report.counts, telling.as_text(report)
    assert any(finding.check == planted.check for finding in report.findings)


async def test_amounts_of_63_bits_do_not_stop_the_audit(told: House) -> None:
    """N9, F1: two repayments of 2^62 were on the book, and no check of the auditor answered any more, for good.

    Here even one journal sums beyond 63 bits: it is reported, and every other check has its say.
    """
    most = 2**62
    balanced = "; ".join(journal('"A.BANK","E.WAIVER"', f"{most},{-most}", root=f"big_{n}") for n in range(4))
    lopsided = journal('"A.BANK","A.BANK","E.WAIVER"', f"{most},{most},{most}", '"","",""', root="big_9")

    report = await _audit_broken(told, Planted("", "credit_ledger", f"{balanced}; {lopsided}"))

    said = {finding.check: finding.actual for finding in report.findings}
    assert (said["journals.balance"], said["books.zero"]) == (str(3 * most), str(3 * most))


@pytest.mark.parametrize(("maker", "checker", "papers", "found"), [
    ("ann", "bob", ("ORDER-7", "BILL-7"), 0), ("ann", "ANN ", ("ORDER-7", "BILL-7"), 1),
    ("a1ice", "alice", ("ORDER-7", "BILL-7"), 1), ("ann", "bob", ("ORDER-7", "order-7 "), 1),
    ("ann", "...", ("ORDER-7", "BILL-7"), 1),
])
async def test_the_auditor_knows_people_as_the_engine_does(
    told: House, maker: str, checker: str, papers: tuple[str, ...], found: int
) -> None:
    """It compared names and counted papers as they are written (F7; findings: t15_money)."""
    report = await _audit_broken(told, Planted("", CREDIT, by_hand(maker, checker, *papers)))

    assert report.counts.get(four_eyes.FOUR_EYES, 0) == found


@pytest.mark.parametrize(("minutes", "found"), [(-61, True), (-59, False), (1, False)])
async def test_answers_that_may_be_pruned_are_not_missed(told: House, minutes: int, found: bool) -> None:
    """Those of settlements that began after what is pruned are; within the hour by which clocks may differ, an answer
    was taken for lost that its own database dates before its settlement."""
    pruned = (NOW + timedelta(minutes=minutes)).isoformat()
    gone = f"delete from inbox where message_id like '%/T' and decided_at < '{(NOW + timedelta(days=1)).isoformat()}'"
    report = await _audit_broken(told, Planted(
        "sagas.answers", CREDIT,
        f"insert into runtime_facts values ('pruned_answers_of_branches', '{pruned}'); {gone}",
    ))

    assert bool(report.counts) is found


def test_every_check_has_its_violation() -> None:
    """No check without a proof that it can fail; the stuck ones have a test of their own."""
    promised = {check.id for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)}
    promised |= {walk.id for walk in walks.WALKS} | set(auditor.CROSS_CHECKS)

    assert promised == {planted.check for planted in PLANTED}
    assert set(telling.SAYS) == promised | {auditor.STUCK, unreadable.UNREADABLE, *rail_list.SAYS, *gone.SAYS}
    assert clearing.CLEARING in promised


async def test_what_does_not_move_is_stuck(told: House) -> None:
    """Without `strict`, work under way is only noted; what stays where it is while the auditor waits is a violation."""
    connection = await asyncpg.connect(told.dsns[ORDER])
    await connection.execute(
        "insert into outbox values (9, 1, 'settlement.order.events.v1', 0, 'ord_returned', '[]', '')"
    )

    noted = await auditor.audit(told.dsns, wait_seconds=0)
    stuck = await auditor.audit(told.dsns, wait_seconds=0.3)
    await connection.execute("delete from outbox")
    await connection.close()

    assert noted.clean
    assert noted.notes
    assert stuck.counts == {auditor.STUCK: 1}


async def test_what_comes_after_the_wait_is_waited_for_too(told: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A late repetition was answered once more after all was quiet and before the snapshots were taken: a violation of
    a promise that only a quiet engine keeps, told though nothing was wrong (seen when Kafka forgot everything)."""
    connection = await asyncpg.connect(told.dsns[CREDIT])
    statements = iter([
        "insert into outbox values (9, 1, 'settlement.order.replies.v1', 0, 'ord_1', '[]', '')", "delete from outbox"
    ])

    async def waited(dsns: object, deadline: float) -> None:
        await connection.execute(next(statements))

    monkeypatch.setattr(quiet, "wait_for_quiet", waited)
    report = await auditor.audit(told.dsns, wait_seconds=60, strict=True)
    await connection.close()

    assert (report.clean, next(statements, "")) == (True, ""), telling.as_text(report)


async def test_the_acquirers_list_is_compared_with_the_legs(told: House, tmp_path: Path) -> None:
    """Before, what the acquirer paid of a refund that was taken back was seen by nobody (N1). What is asked about
    anyway is no violation; a stranger under a key of its own, and a payment that is paid out above itself, are."""
    connection = await asyncpg.connect(told.dsns[CREDIT])
    legs = await connection.fetch("select id, reference, amount_minor from legs where rail = 'CARD'")
    await connection.close()
    async with sandbox(tmp_path / "bank.sqlite") as bank:
        for leg in legs:
            bank.ledger.refund(leg["id"], leg["reference"], leg["amount_minor"], "CONFIRMED")
        clean = await auditor.audit(told.dsns, wait_seconds=0, strict=True, acquirer=bank.target)
        bank.ledger.refund("leg_strange", "payment-of-ord_whole", 1, "CONFIRMED")
        broken = await auditor.audit(told.dsns, wait_seconds=0, strict=True, acquirer=bank.target)
    down = await auditor.audit(told.dsns, wait_seconds=0, strict=True, acquirer="127.0.0.1:1")

    assert legs
    assert clean.clean, telling.as_text(clean)
    assert set(rail_list.SAYS) <= set(clean.checks)
    assert broken.counts == {rail_list.AGREED: 1, rail_list.ROOM: 1}
    assert (down.clean, len(down.notes)) == (True, 1)


async def _audit_broken(told: House, planted: Planted) -> Report:
    """Break the world in transactions that are rolled back, and ask the check inside them; all, if none is named."""
    report = Report()
    async with AsyncExitStack() as stack:
        connections = {}
        for service in SERVICES:
            connection = connections[service] = await asyncpg.connect(told.dsns[service])
            stack.push_async_callback(connection.close)
            transaction = connection.transaction()
            await transaction.start()
            stack.push_async_callback(transaction.rollback)
            await connection.execute("set local session_replication_role = replica")
            for statement in beside.OF_BOOK.get(service, ()):
                await connection.execute(statement)
        await _loosen(connections[planted.service])
        await connections[planted.service].execute(planted.sql)
        world = World(connections, quiet=True)
        await put_beside(world)
        await auditor.examine(world, report, only=planted.check)
    return report


async def _loosen(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """The database's own constraints would refuse many of these violations; the auditor must not rely on them."""
    for row in await connection.fetch(
        """select conrelid::regclass::text as table, conname as name from pg_constraint
           where contype = 'c' and connamespace = 'public'::regnamespace"""
    ):
        await connection.execute(f"alter table {row['table']} drop constraint {row['name']}")
