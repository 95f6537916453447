"""What comes back to a card that nobody can use any more, or may not for now, is never left on it (PM-3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import SWEEP, CreditWallet
from services.card_redemption.domain.cards.freezing import freeze_with_order, thaw
from services.card_redemption.domain.cards.redeeming import unclaim, write_off
from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.commands import DepositCard, ReturnDeposit
from services.card_redemption.domain.redemption.commands import AcceptPlatformFault, AdvanceRedemption, CorrectFace
from services.card_redemption.domain.redemption.participation import LedgerPayout
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.states import CardStanding
from services.kernel.saga import Verdict
from tests.in_memory import InMemory
from tests.services.card_redemption.leaving import answer, card_in, turned, world_of
from tests.services.card_redemption.redeeming import CARD as WHOLE
from tests.services.card_redemption.redeeming import FACE_MINOR, SELF, SU, Redeeming
from tests.services.card_redemption.retelling import Retelling
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


def _paid_for(made: Redeeming, says: LedgerPayout = LedgerPayout.SETTLED) -> str:
    """A card of ours that held just its face is paid for."""
    made.given(replace(WHOLE, balance_minor=FACE_MINOR))
    made.ledger.says = says
    made.submitted(SELF)
    made.verify()
    return made.order().id


@pytest.mark.parametrize("says", [LedgerPayout.SETTLED, LedgerPayout.SENT])
def test_what_a_lower_face_brings_back_goes_to_the_wallet_after_a_day(says: LedgerPayout) -> None:
    """Paid or not yet (P32): no transition leaves WRITTEN_OFF for it, so nobody could use it there (RD-2, PM-3)."""
    made = Redeeming()
    retelling = Retelling(made)
    name = _paid_for(made, says)
    made.do(CorrectFace(name, FACE_MINOR - 2_000, "op-1"))
    made.turn(DAY - timedelta(seconds=1))
    assert (made.card_of().balance_minor, made.ledger.book["L.CUST.WALLET", ""]) == (2_000, 0)

    made.turn(timedelta(seconds=1))
    made.settle_down()

    card = made.card_of()
    assert (card.standing, card.balance_minor, card.held_minor) == (CardStanding.WRITTEN_OFF, 0, 0)
    assert made.ledger.book["L.CUST.WALLET", ""] == -2_000
    assert not [key for key in made.both() if key[0] == "X.CLEARING"]
    assert retelling.faults() == []


def test_within_the_day_the_face_can_be_corrected_once_more() -> None:
    """Whoever corrected it wrongly corrects that; afterwards the value is its owner's."""
    made = Redeeming()
    name = _paid_for(made)
    made.do(CorrectFace(name, FACE_MINOR - 2_000, "op-1"))

    assert made.do(CorrectFace(name, FACE_MINOR, "op-1")).reason == ""
    made.do(CorrectFace(name, FACE_MINOR - 2_000, "op-1"))
    made.turn(DAY)
    made.settle_down()

    made.do(CorrectFace(name, FACE_MINOR, "op-1")).then_refused("INSUFFICIENT_CARD_VALUE")
    made.do(AcceptPlatformFault(name, "boss"))
    assert (made.card_of().standing, made.card_of().balance_minor) == (CardStanding.ACTIVE, FACE_MINOR - 2_000)


def test_where_an_operator_leads_it_the_value_waits_for_him() -> None:
    """Nothing of such a redemption goes on by itself; paid and led on once more, its value goes to the wallet."""
    led = replace(SELF, channel="LED", by_hand=True)
    made = Redeeming().given(replace(WHOLE, balance_minor=FACE_MINOR), InForce(led))
    made.submitted(led)
    made.verify()
    name = made.order().id
    on = AdvanceRedemption(name, "op-1")
    made.do(on)
    made.do(CorrectFace(name, FACE_MINOR - 2_000, "op-1"))
    made.turn(40 * DAY)
    made.settle_down()
    assert (made.card_of().balance_minor, made.order().state) == (2_000, RedemptionState.SETTLED)

    made.do(on)
    made.settle_down()
    assert (made.card_of().balance_minor, made.order().state) == (2_000, RedemptionState.COMPLETED)
    assert made.do(on).reason == ""
    made.turn(timedelta())
    made.settle_down()

    assert (made.card_of().standing, made.card_of().balance_minor) == (CardStanding.WRITTEN_OFF, 0)
    made.do(on).then_refused("REDEMPTION_STATE")


def test_what_a_redemption_that_is_led_did_not_take_stays_for_a_top_up() -> None:
    """Its face never fell (P31): there is no next step."""
    led = replace(SELF, channel="LED", by_hand=True)
    made = Redeeming().given(replace(WHOLE, balance_minor=FACE_MINOR + 500), InForce(led))
    made.submitted(led)
    made.verify()
    on = AdvanceRedemption(made.order().id, "op-1")
    made.do(on)
    made.do(on)
    made.settle_down()
    assert made.order().state is RedemptionState.COMPLETED

    made.do(on).then_refused("REDEMPTION_STATE")

    assert made.card_of().balance_minor == 500


def test_another_issuers_card_has_nothing_to_look_after() -> None:
    """It has no value in our book (OP-9)."""
    made = Redeeming()
    made.submitted(SU)
    made.verify()

    made.do(CorrectFace(made.order().id, FACE_MINOR - 2_000, "op-1"))

    assert (SWEEP, made.card_of().id) not in made.timers
