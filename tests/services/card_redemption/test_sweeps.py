"""The migrations that give dead cards their timer, to which value came back before that set it (PM-3)."""

import pytest

from services.card_redemption.domain.cards.closing import SWEEP
from services.card_redemption.domain.commands import IssueCard
from services.kernel.ids import partition_of
from services.kernel.messages import Message, TimerDue
from tests.services.card_redemption.conftest import MIGRATIONS
from tests.services.card_redemption.ledger import CardLedger

CARD, PARTITIONS = "crd_1", 7
DEAD = ("standing = 'CLOSED', handed_to = 'acc_1'", "standing = 'VOID'",
        "standing = 'FROZEN', frozen_from = 'CLOSED', handed_to = 'acc_1', frozen_for = 'case_1'")
ALIVE = (
    "standing = 'ACTIVE'", "standing = 'FROZEN', frozen_from = 'ACTIVE', frozen_for = 'case_1'",
    "standing = 'CLAIMED', claimed_by = 'rdm_1'", "standing = 'WRITTEN_OFF', claimed_by = 'rdm_1'",
    "standing = 'CLOSED', handed_to = 'acc_1', balance_minor = 0", "standing = 'CLOSED', held_minor = balance_minor",
)
"""What is on a card that is written off may be what its redemption left there (P31); the rest has nothing to sweep."""


async def _migrated(cards: CardLedger, name: str = "sweeps") -> None:
    text = next(MIGRATIONS.glob(f"*_{name}.sql")).read_text()
    await cards.connection.execute(text.partition("-- migrate:up")[2])


async def _stands(cards: CardLedger, stands: str, *names: str) -> None:
    """Cards with value that stand so, as an older release left them."""
    await cards.connection.execute("insert into runtime_facts (name, value) values ('partitions', $1)", str(PARTITIONS))
    for name in names:
        await cards.run(Message(f"call-{name}", name, IssueCard(name, "cus_1", 10_000)))
    await cards.connection.execute(f"update gift_cards set {stands}")


async def _timers(cards: CardLedger) -> list[tuple[str, str, str, int, bool]]:
    rows = await cards.connection.fetch(
        "select kind, key, root, partition, due_at <= now() due from timers where kind = $1 order by key", SWEEP
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("stands", DEAD)
async def test_dead_cards_with_value_are_looked_at(cards: CardLedger, stands: str) -> None:
    """In the partition of each, at once; a timer that is there stays as it is."""
    names = ("crd_1", "crd_9f86d081884c7d659a2feaa0c55ad015", "crd_卡")
    await _stands(cards, stands, *names)

    await _migrated(cards)
    await _migrated(cards)

    expected = [(SWEEP, name, name, partition_of(name, PARTITIONS), True) for name in names]
    assert sorted(await _timers(cards)) == sorted(expected)


@pytest.mark.parametrize("stands", ALIVE)
async def test_no_other_card_is_looked_at(cards: CardLedger, stands: str) -> None:
    """It is good, or what is on it belongs there, or is on its way already."""
    await _stands(cards, stands, CARD)

    await _migrated(cards)

    assert await _timers(cards) == []


@pytest.mark.parametrize("stands", [
    "standing = 'WRITTEN_OFF', claimed_by = 'rdm_1'",
    "standing = 'FROZEN', frozen_from = 'WRITTEN_OFF', claimed_by = 'rdm_1', frozen_for = 'case_1'",
])
async def test_a_card_whose_face_fell_is_looked_at(cards: CardLedger, stands: str) -> None:
    """What its redemption left there stays; what came back to it does not (P31, P32)."""
    await _stands(cards, stands, CARD, "crd_2")
    await cards.connection.execute(
        "insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts)"
        " values ($1, 9, 0, 'face_clawback', 'CNY', 'rdm_1', '', now(), '{}', '{}', '{}')", CARD,
    )

    await _migrated(cards, "sweeps_of_clawbacks")

    assert await _timers(cards) == [(SWEEP, CARD, CARD, partition_of(CARD, PARTITIONS), True)]


async def test_what_is_on_it_goes_into_the_wallet(cards: CardLedger) -> None:
    """Once the timer rings."""
    await _stands(cards, DEAD[0], CARD)
    await _migrated(cards)
    cards.clock.move(await cards.connection.fetchval("select due_at from timers where kind = $1", SWEEP))

    await cards.run(Message("", CARD, TimerDue(SWEEP, CARD, cards.clock.at), "sweep-1"))

    assert await cards.connection.fetchval("select held_minor from gift_cards") == 10_000
    assert [record.topic for record in cards.encoded.outgoing] == ["settlement.credit_ledger.commands.v1"]


async def test_a_database_on_which_nothing_ran_has_none(cards: CardLedger) -> None:
    """It knows no partitions yet."""
    await _migrated(cards)

    assert await _timers(cards) == []
