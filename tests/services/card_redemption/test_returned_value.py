"""What comes back to a card that nobody can use any more, or may not for now, is never left on it (PM-3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import SWEEP, CreditWallet
from services.card_redemption.domain.cards.freezing import freeze_with_order, thaw
from services.card_redemption.domain.cards.redeeming import unclaim, write_off
from services.card_redemption.domain.commands import DepositCard, ReturnDeposit
from services.card_redemption.domain.states import CardStanding
from services.kernel.saga import Verdict
from tests.in_memory import InMemory
from tests.services.card_redemption.leaving import answer, card_in, turned, world_of
from tests.services.card_redemption.world import CARD

DAY = timedelta(days=1)
PAID_FOR = replace(CARD, standing=CardStanding.WRITTEN_OFF, claimed_by="rdm_1", balance_minor=0)


def _returned_to(card: GiftCard) -> InMemory:
    """A deposit of 3,000 comes back to a card that stands so by now."""
    world = world_of()
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 3_000))
    world.given(replace(card, sequence=card_in(world).sequence, version=card_in(world).version))
    world.command(CARD.id, ReturnDeposit(CARD.id, "ord_1", "mer_1", 3_000))
    return world


@pytest.mark.parametrize("over", [
    PAID_FOR, replace(CARD, standing=CardStanding.CLOSED, handed_to="acc_1", balance_minor=0),
])
def test_what_comes_back_to_a_frozen_card_goes_to_the_wallet_once_it_is_thawed(over: GiftCard) -> None:
    """While it is frozen nobody gets anything; thawed it is over, and nobody else could use what is on it (PM-3)."""
    world = _returned_to(replace(over, standing=CardStanding.FROZEN, frozen_from=over.standing, frozen_for="case_1"))
    world.turn(40 * DAY)
    assert [command for command in world.sent if isinstance(command.body, CreditWallet)] == []

    turned(world, thaw(card_in(world), "case_1"))
    world.turn(DAY)
    answer(world)

    assert (card_in(world).standing, card_in(world).balance_minor) == (over.standing, 0)
    assert (SWEEP, CARD.id) not in world.timers


def test_what_comes_back_while_a_redemption_has_the_card_goes_to_the_wallet_once_that_is_paid_for() -> None:
    """It was read before, so it pays for nothing that came later (PM-3)."""
    world = _returned_to(replace(CARD, standing=CardStanding.CLAIMED, claimed_by="rdm_1", balance_minor=7_000))
    turned(world, write_off(card_in(world), "rdm_1", 7_000))

    world.turn(DAY)
    answer(world)

    assert (card_in(world).standing, card_in(world).balance_minor) == (CardStanding.WRITTEN_OFF, 0)


def test_what_could_not_go_to_the_wallet_of_a_frozen_card_is_not_forgotten() -> None:
    """It was on its way when the card was frozen, and the wallet refused it."""
    world = _returned_to(PAID_FOR)
    turned(world, freeze_with_order(card_in(world), "case_1"))
    answer(world, Verdict.REFUSED)
    world.turn(2 * DAY)

    turned(world, thaw(card_in(world), "case_1"))
    world.turn(DAY)
    answer(world)

    assert card_in(world).balance_minor == 0


@pytest.mark.parametrize("good", [CARD, replace(CARD, standing=CardStanding.FROZEN, frozen_from=CardStanding.ACTIVE,
                                                frozen_for="case_1")])
def test_what_comes_back_to_a_card_that_stays_good_stays_on_it(good: GiftCard) -> None:
    """Nothing looks after it."""
    world = _returned_to(replace(good, balance_minor=7_000))

    assert (card_in(world).balance_minor, world.timers) == (10_000, {})


def test_a_card_that_is_good_again_is_looked_at_no_longer() -> None:
    """The redemption that had it was cancelled."""
    world = _returned_to(replace(CARD, standing=CardStanding.CLAIMED, claimed_by="rdm_1", balance_minor=7_000))
    turned(world, unclaim(card_in(world), "rdm_1"))

    world.turn(DAY)

    assert (card_in(world).balance_minor, world.timers) == (10_000, {})
