"""What may be done with a card: its pure moves, each held to the table of its life (DOMAIN 2.9)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.card_redemption.domain.cards import closing, issuing, voiding
from services.card_redemption.domain.cards.card import CardStep, GiftCard
from services.card_redemption.domain.cards.freezing import freeze, freeze_with_order, thaw
from services.card_redemption.domain.cards.redeeming import claim, register, restore, revalue, unclaim, write_off
from services.card_redemption.domain.cards.transfers import activate_transfer, offer, withdraw
from services.card_redemption.domain.commands import IssueCard
from services.card_redemption.domain.events import CardClaimed, CardClosed, CardRestored, CardVoided, CardWrittenOff
from services.card_redemption.domain.lifecycles import GIFT_CARD
from services.card_redemption.domain.states import CardStanding, CardState
from services.kernel.decision import Decision, Done
from services.kernel.errors import FailedPrecondition, InvalidArgument, SettlementError
from services.kernel.journal import Line
from tests.lifecycles import witness
from tests.services.card_redemption.world import CARD, FACE_MINOR, NOW

ORDER = "rdm_1"
USED = replace(CARD, balance_minor=4_000)
EMPTY = replace(CARD, balance_minor=0)
ISSUED = replace(CARD, standing=CardStanding.ISSUED)
VALUES = pytest.mark.parametrize("card", [CARD, USED, EMPTY])


def done(card: GiftCard | None, step: CardStep) -> GiftCard:
    """The card after a step, which its table allows and which tells one event; nothing contradicts its state."""
    after, event = step
    witness(card, after)
    assert list(GIFT_CARD.all_flaws(after, after.version)) == []
    assert event.sequence == after.sequence == (card.sequence + 1 if card else 1)
    assert after.version == (card.version + 1 if card else 1)
    return after


def closed(card: GiftCard, decision: Decision) -> GiftCard:
    """The same for a decision that posts."""
    (event,) = decision.events
    after = decision.changes[0]
    assert isinstance(after, GiftCard)
    return done(card, CardStep(after, event))


def test_an_inactive_card_is_activated() -> None:
    """It has its whole value from the beginning, and nobody can use it before."""
    decision = issuing.issue(IssueCard("crd_1", "cus_1", FACE_MINOR, inactive=True), NOW)
    issued = decision.changes[0]
    assert isinstance(issued, GiftCard)
    done(None, CardStep(issued, decision.events[0]))

    assert done(issued, issuing.activate(issued)).state is CardState.ACTIVE
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        issuing.activate(CARD)


@VALUES
def test_a_claim_is_let_go_as_it_was(card: GiftCard) -> None:
    """A redemption has it, and gives it back (P36)."""
    claimed = done(card, claim(card, ORDER))
    assert (claimed.state, claimed.claimed_by) == (CardState.CLAIMED, ORDER)
    assert claim(card, ORDER).event.body == CardClaimed(card.id, ORDER, card.customer_id)

    free = done(claimed, unclaim(claimed, ORDER))

    assert replace(free, version=card.version, sequence=card.sequence) == card


@VALUES
def test_value_that_was_written_off_comes_back_under_a_new_code(card: GiftCard) -> None:
    """The old code is dead (RD-2, P26, P34)."""
    claimed = done(card, claim(card, ORDER))
    written = done(claimed, write_off(claimed, ORDER, card.balance_minor))
    assert (written.state, written.balance_minor, written.over) == (CardState.WRITTEN_OFF, 0, True)

    again = done(written, restore(written, ORDER, card.balance_minor))

    assert (again.state, again.balance_minor, again.code_number) == (card.state, card.balance_minor, 2)
    assert again.claimed_by == ""
    assert restore(written, ORDER, 0).event.body == CardRestored(card.id, ORDER, 0, 0, 2)


@VALUES
def test_a_verified_card_that_is_revoked_has_a_new_code(card: GiftCard) -> None:
    """Its value never left (OP-7)."""
    claimed = done(card, claim(card, ORDER))

    again = done(claimed, restore(claimed, ORDER, 0))

    assert (again.state, again.balance_minor, again.code_number) == (card.state, card.balance_minor, 2)


def test_a_write_off_leaves_what_it_did_not_pay_for() -> None:
    """Until the face is corrected (P31); and a claw-back puts it there again (P32)."""
    claimed = done(CARD, claim(CARD, ORDER))
    written = done(claimed, write_off(claimed, ORDER, 9_000))
    assert write_off(claimed, ORDER, 9_000).event.body == CardWrittenOff(CARD.id, ORDER, 9_000, 1_000)

    more = done(written, revalue(written, ORDER, "face_topup", -1_000))
    back = done(more, revalue(more, ORDER, "face_clawback", 500))

    assert [each.balance_minor for each in (written, more, back)] == [1_000, 0, 500]
    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        revalue(back, ORDER, "face_topup", -501)


@pytest.mark.parametrize(
    "card",
    [CARD, USED, EMPTY, ISSUED, offer(CARD, "cus_2").card, claim(CARD, ORDER).card],
)
def test_a_freeze_is_lifted_to_where_the_card_stood(card: GiftCard) -> None:
    """Only the case that froze it may (RD-22)."""
    frozen = done(card, freeze(card, "case_1"))
    assert frozen.state is CardState.FROZEN
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        thaw(frozen, "case_2")
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        freeze(frozen, "case_2")

    thawed = done(frozen, thaw(frozen, "case_1"))

    assert replace(thawed, version=card.version, sequence=card.sequence) == card


def test_a_card_whose_order_was_settled_is_frozen_only_for_its_order() -> None:
    """Its payout can still be stopped; then its value comes back, and it stays frozen (OP-8)."""
    claimed = claim(CARD, ORDER).card
    written = write_off(claimed, ORDER, FACE_MINOR).card
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        freeze(written, "case_1")
    frozen = done(written, freeze_with_order(written, "case_1"))
    done(frozen, thaw(frozen, "case_1"))

    back = done(frozen, restore(frozen, ORDER, FACE_MINOR))

    assert (back.state, back.balance_minor, back.claimed_by) == (CardState.FROZEN, FACE_MINOR, "")
    assert done(back, thaw(back, "case_1")).state is CardState.ACTIVE


def test_a_frozen_card_is_let_go_and_stays_frozen() -> None:
    """Its order ended meanwhile."""
    frozen = freeze(claim(CARD, ORDER).card, "case_1").card

    free = done(frozen, unclaim(frozen, ORDER))

    assert (free.state, free.frozen_from, free.claimed_by) == (CardState.FROZEN, CardStanding.ACTIVE, "")


def test_a_transfer_is_withdrawn_until_it_is_activated() -> None:
    """Then it is the receiver's, under a new code (RD-26)."""
    offered = done(CARD, offer(CARD, "cus_2"))
    assert (offered.state, offered.customer_id) == (CardState.TRANSFER_PENDING, "cus_1")
    assert done(offered, withdraw(offered)).state is CardState.ACTIVE

    theirs = done(offered, activate_transfer(offered))

    assert (theirs.state, theirs.customer_id, theirs.code_number) == (CardState.ACTIVE, "cus_2", 2)
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        withdraw(theirs)


@pytest.mark.parametrize("card", [USED, EMPTY, ISSUED, register("ab", "cus_1", "ISSUER", NOW).card])
def test_only_a_whole_card_of_ours_is_given_away(card: GiftCard) -> None:
    """What an order took may come back to it."""
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        offer(card, "cus_2")


def test_nobody_gives_a_card_to_himself() -> None:
    """It is his already."""
    with pytest.raises(InvalidArgument, match="INVALID_ARGUMENT"):
        offer(CARD, "cus_1")


def test_a_void_card_gives_its_value_to_its_replacement() -> None:
    """Two people do it (OP-10)."""
    frozen = freeze(USED, "case_1").card

    decision = voiding.void(frozen, "crd_2", voiding.Pair("alice", "bob"), NOW)

    old, new = decision.changes
    assert isinstance(old, GiftCard)
    assert isinstance(new, GiftCard)
    done(frozen, CardStep(old, decision.events[0]))
    done(None, CardStep(new, decision.events[1]))
    assert (old.state, old.balance_minor, new.state, new.balance_minor) == (CardState.VOID, 0, CardState.ACTIVE, 4_000)
    assert decision.journals[0].lines == (Line("L.GIFTCARD", "crd_1", 4_000), Line("L.GIFTCARD", "crd_2", -4_000))
    assert decision.outcome == Done(new)


def test_a_void_card_without_value_needs_no_replacement() -> None:
    """Nothing is posted."""
    decision = voiding.void(freeze(EMPTY, "case_1").card, "crd_2", voiding.Pair("alice", "bob"), NOW)

    assert (len(decision.changes), decision.journals) == (1, ())
    assert decision.events[0].body == CardVoided(CARD.id, "", 0, "alice", "bob")


@pytest.mark.parametrize(
    ("card", "checker", "reason"),
    [
        (freeze(CARD, "case_1").card, "ALICE ", "FOUR_EYES"),
        (CARD, "bob", "CARD_STATE"),
        (freeze(claim(CARD, ORDER).card, "case_1").card, "bob", "CARD_STATE"),
        (freeze(replace(CARD, held_minor=1), "case_1").card, "bob", "CARD_STATE"),
    ],
)
def test_nobody_voids_alone_nor_what_somebody_has(card: GiftCard, checker: str, reason: str) -> None:
    """It must be frozen, free of redemptions and of orders that are not decided."""
    with pytest.raises(SettlementError, match=reason):
        voiding.void(card, "crd_2", voiding.Pair("alice", checker), NOW)


def test_a_closed_card_has_given_its_value_to_the_wallet() -> None:
    """Over X.CLEARING of its saga (OP-10)."""
    claimed = claim(USED, "saga_1").card

    decision = closing.close(claimed, "saga_1", 4_000, "acc_1")

    after = closed(claimed, decision)
    assert (after.state, after.balance_minor, after.handed_to) == (CardState.CLOSED, 0, "acc_1")
    assert decision.journals[0].lines == (Line("L.GIFTCARD", "crd_1", 4_000), Line("X.CLEARING", "saga_1", -4_000))
    assert decision.events[0].body == CardClosed(CARD.id, "saga_1", 4_000, 0, "acc_1")


def test_a_card_stays_open_if_more_came_back_while_it_was_closed() -> None:
    """A refund of an order, in between."""
    claimed = replace(claim(USED, "saga_1").card, balance_minor=5_000)

    after = closed(claimed, closing.close(claimed, "saga_1", 4_000, "acc_1"))

    assert (after.state, after.balance_minor, after.claimed_by) == (CardState.PARTIALLY_USED, 1_000, "")


def test_what_comes_back_to_a_card_that_is_over_goes_the_same_way() -> None:
    """It stays as it is (PM-3)."""
    over = replace(CARD, standing=CardStanding.CLOSED, handed_to="acc_1", balance_minor=700)

    after = closed(over, closing.close(over, "saga_2", 700, "acc_1"))

    assert (after.state, after.balance_minor) == (CardState.CLOSED, 0)


def test_a_card_of_another_issuer_has_no_value_in_our_book() -> None:
    """It is with whoever submits it (OP-5)."""
    card = register("ab", "cus_1", "ISSUER", NOW).card
    assert (card.id, card.state, card.balance_minor) == ("fcd_ab", CardState.ACTIVE, 0)

    claimed = done(card, claim(card, ORDER, "cus_2"))
    witness(None, claimed)
    written = done(claimed, write_off(claimed, ORDER, 0))

    assert (written.customer_id, written.state) == ("cus_2", CardState.WRITTEN_OFF)


@pytest.mark.parametrize("standing", [each for each in CardStanding if each is not CardStanding.ACTIVE])
@pytest.mark.parametrize("move", [lambda card: claim(card, ORDER), lambda card: offer(card, "cus_2")])
def test_only_an_active_card_is_claimed_or_given_away(
    standing: CardStanding, move: Callable[[GiftCard], CardStep]
) -> None:
    """One that is claimed already among them: no code is claimed twice."""
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        move(replace(CARD, standing=standing))


@pytest.mark.parametrize(
    "move",
    [
        lambda card: unclaim(card, ORDER), lambda card: write_off(card, ORDER, 1),
        lambda card: restore(card, ORDER, 1), lambda card: revalue(card, ORDER, "escrow", -1),
    ],
)
@pytest.mark.parametrize("card", [CARD, claim(CARD, "rdm_2").card])
def test_only_the_redemption_that_has_a_card_moves_it(card: GiftCard, move: Callable[[GiftCard], CardStep]) -> None:
    """Nor does one of an active card."""
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        move(card)


def test_a_card_of_which_an_order_holds_value_is_not_claimed() -> None:
    """Its saga is not decided."""
    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        claim(replace(CARD, held_minor=1), ORDER)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frozen_from", CardStanding.ACTIVE), ("frozen_for", "case_1"), ("claimed_by", ORDER),
        ("handed_to", "cus_2"), ("code_number", 0), ("issuer", "ISSUER"), ("balance_minor", FACE_MINOR + 1),
    ],
)
def test_a_field_that_contradicts_the_standing_is_seen(field: str, value: object) -> None:
    """Each alone."""
    card = replace(CARD, **{field: value})  # type: ignore[arg-type]  # of the type of the field that is named

    assert field in {flaw.field for flaw in GIFT_CARD.flaws(card)}
