"""Cards without any value, as the auditor sees them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from services.card_redemption.domain.commands import FreezeCard, IssueCard, VoidCard
from services.credit_ledger.domain.model.commands import OpenAccount
from settle.audit.findings import CARD
from tests.settle.audit.breaking import Breakable, breakable
from tests.settle.audit.edits import Statement
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import House, house
from tests.settle.audit.shopping import GIFT, Buyer


@dataclass(slots=True)
class Spender(Buyer):
    """Who spends the card that replaced his own."""

    replacement: str = ""

    @property
    def card(self) -> str:
        """That card's id."""
        return self.replacement


@pytest.fixture(scope="module")
async def spent(shared_dsn: str) -> AsyncIterator[Breakable]:
    """A card that paid for an order with all that was on it, another one that did not, and the one that replaced
    that and did: all are void by now."""
    async with house(shared_dsn, "spent", BEGIN) as world:
        for number, paid_minor in (("empty", 6_000), ("full", 1_000)):
            buyer = Buyer(world, number)
            await buyer.ledger(OpenAccount(buyer.account, buyer.customer, 10_000, bill_day=8, due_day=20))
            await world.ask(CARD, buyer.card, IssueCard(buyer.card, buyer.customer, 6_000))
            await buyer.buys(f"ord_{number}", 1, {GIFT: paid_minor})
            await _voided(world, buyer.card)
        replacement = await world.connections[CARD].fetchval("select id from gift_cards where customer_id = 'cus_full'"
                                                             " and standing = 'ACTIVE'")
        await Spender(world, "full", replacement=replacement).buys("ord_again", 1, {GIFT: 5_000})
        await _voided(world, replacement)
        async with breakable(world.dsns) as opened:
            yield opened


async def _voided(world: House, card_id: str) -> None:
    await world.ask(CARD, card_id, FreezeCard(card_id, "case_1", "op_1"))
    await world.ask(CARD, card_id, VoidCard(card_id, "alice", "bob"))


async def test_an_empty_card_is_void_without_a_journal(spent: Breakable) -> None:
    """There is nothing that its replacement could have (OP-10)."""
    assert not (await spent.asked_all()).checks


async def test_the_journal_of_one_that_was_not_is_missed(spent: Breakable) -> None:
    """Its replacement has its value from nowhere."""
    gone = [Statement("delete from journals where op = 'card_void' and root = 'crd_full'", ())]

    assert "provenance.cards" in (await spent.broken({CARD: gone})).checks
