"""Remittances that a process of the release before books are named too, and the auditor finds nothing in them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import services
from services.card_redemption.domain.redemption.commands import RecordRemittance
from services.credit_ledger.decisions import RULES
from services.credit_ledger.decisions.channels import CHANNELS
from services.credit_ledger.domain.model.channel import RecyclingChannel, Remittance
from services.credit_ledger.domain.model.redemptions import ReceiveRemittance
from services.kernel.decision import Decision, Known, rule
from services.kernel.messages import Message
from settle.audit import auditor
from settle.audit.findings import CREDIT
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import BUSINESS, House, house
from tests.settle.audit.recycled import FLAT, Recycled, open_channels

MIGRATION = Path(services.__file__).parent / "credit_ledger/migrations/0018_names_beside_earlier_code.sql"
LONG, CHINESE = "R" * 200, "回款-七/1"
DECIDE = CHANNELS[0].decide


class Nameless(Known):
    """What is known, but no name."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known

    def find(self, kind: type, key: str) -> object:  # type: ignore[override]  # of any kind
        """It, unless it is a name."""
        return None if kind is Remittance else self.known.find(kind, key)


def _received_before(known: Known, body: ReceiveRemittance, message: Message, now: datetime) -> Decision:
    """As the release before decided it: it knows of no names."""
    decision = DECIDE(Nameless(known), body, message, now)
    return replace(decision, changes=tuple(row for row in decision.changes if not isinstance(row, Remittance)))


BEFORE = replace(BUSINESS[CREDIT], rules={
    **RULES,
    ReceiveRemittance: rule(
        ReceiveRemittance, lambda body, message: ((RecyclingChannel, message.key),), _received_before
    ),
})


async def remits(world: House, redemption: Recycled, name: str, *, before: bool) -> None:
    """The recycler pays, and a process of one of the releases books it."""
    world.rules[CREDIT] = BEFORE if before else BUSINESS[CREDIT]
    await redemption.does(RecordRemittance(redemption.id, 100, name))


async def names(world: House) -> list[tuple[int, str]]:
    """All of them, by their numbers."""
    rows = await world.connections[CREDIT].fetch("select number, id from remittances order by number")
    return [(row["number"], row["id"]) for row in rows]


@pytest.fixture
async def redeemed(shared_dsn: str) -> AsyncIterator[tuple[House, Recycled]]:
    """A redemption that its recycler owes for."""
    async with house(shared_dsn, "named", BEGIN) as world:
        await open_channels(world)
        yield world, await (await Recycled(world, "named", FLAT).submitted()).verified()


async def test_what_older_processes_book_beside_newer_ones_is_named(redeemed: tuple[House, Recycled]) -> None:
    """By the trigger: a newer one does not take the name again, and one that they took twice is told apart."""
    world, redemption = redeemed
    for name, before in (
        ("a", True), ("b", False), (LONG, True), (CHINESE, True), ("b", True), ("c", False), ("b", True), ("a", False),
        ("d", False),
    ):
        await remits(world, redemption, name, before=before)

    assert await names(world) == [
        (1, "FLAT/a"), (2, "FLAT/b"), (3, f"FLAT/{LONG}"), (4, f"FLAT/{CHINESE}"), (5, "/FLAT/5"), (6, "FLAT/c"),
        (7, "/FLAT/7"), (8, "FLAT/d"),
    ]
    assert not (await auditor.audit(world.dsns, wait_seconds=0, strict=True)).findings


async def test_what_they_booked_since_the_names_is_named_by_the_migration(redeemed: tuple[House, Recycled]) -> None:
    """Behind the row that stands for all before them."""
    world, redemption = redeemed
    connection = world.connections[CREDIT]
    await connection.execute("drop trigger recycling_channels_named on recycling_channels")
    for name in ("long ago", "a", "b"):
        await remits(world, redemption, name, before=True)
    await connection.execute("insert into remittances (id, channel, number, version) values ('FLAT/', 'FLAT', 1, 1)")
    await remits(world, redemption, "c", before=False)
    text = MIGRATION.read_text().partition("-- migrate:up")[2]
    await connection.execute("drop function text_in, name_remittance, name_last_remittance")
    await connection.execute(text)
    await remits(world, redemption, "d", before=True)

    assert await names(world) == [(1, "FLAT/"), (2, "FLAT/a"), (3, "FLAT/b"), (4, "FLAT/c"), (5, "FLAT/d")]
    assert not (await auditor.audit(world.dsns, wait_seconds=0, strict=True)).findings


async def test_a_name_that_is_gone_is_missed_all_the_same(redeemed: tuple[House, Recycled]) -> None:
    """Nor is a row without a name good for one that has one."""
    world, redemption = redeemed
    for name in ("a", "b"):
        await remits(world, redemption, name, before=False)
    connection = world.connections[CREDIT]
    await connection.execute("set session_replication_role = replica")
    await connection.execute("update remittances set id = '/FLAT/2' where number = 2")

    report = await auditor.audit(world.dsns, wait_seconds=0, strict=True)

    assert {(finding.check, finding.what) for finding in report.findings} == {
        ("channels.remitted", "remittances /FLAT/2")
    }
