"""Closing a card: the wallet gets its value before the card is closed, and whatever comes back later (OP-10, PM-3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.closing import CARD_CLOSE, SWEEP, ClosePlan, CreditWallet
from services.card_redemption.domain.cards.redeeming import restore, revalue
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    CloseCard,
    DepositCard,
    FreezeCard,
    RefundCard,
    ReturnDeposit,
    UnfreezeCard,
)
from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.card_redemption.domain.states import CardStanding, CardState
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition, NotFound
from services.kernel.ids import money_account
from services.kernel.messages import Op
from services.kernel.saga import Phase, Reply, Run, Verdict
from tests.in_memory import InMemory, Step
from tests.services.card_redemption.leaving import answer, card_in, turned, world_of
from tests.services.card_redemption.world import CARD

OWN = money_account("cus_1")


def _close(world: InMemory, account_id: str = "", customer: str = "cus_1") -> Step:
    return world.when(CARD.id, CloseCard(CARD.id, customer, account_id, customer, EntryChannel.APP))


@pytest.mark.parametrize(("account_id", "paid_to"), [("", OWN), ("acc_1", "acc_1")])
def test_the_wallet_has_the_value_before_the_card_is_closed(account_id: str, paid_to: str) -> None:
    """Set aside, paid, closed; both books over X.CLEARING of the saga."""
    world = world_of()

    asked = _close(world, account_id).then_asked(("credit_ledger", Op.EXECUTE))
    command = asked.commands[0]
    assert (command.key, command.body) == (paid_to, CreditWallet(ClosePlan(CARD.id, "cus_1", paid_to, 10_000)))
    assert (card_in(world).state, card_in(world).balance_minor) == (CardState.CLAIMED, 10_000)
    run = answer(world)

    card = card_in(world)
    assert (card.state, card.balance_minor, card.handed_to) == (CardState.CLOSED, 0, paid_to)
    assert [(line.account, line.sub, line.amount_minor) for line in world.journals[-1].lines] == [
        ("L.GIFTCARD", CARD.id, 10_000), ("X.CLEARING", run.id, -10_000),
    ]
    assert run.kind == CARD_CLOSE


def test_a_refused_closing_gives_the_card_back() -> None:
    """As it was; that it was denied is on record."""
    world = world_of()
    _close(world)

    answer(world, Verdict.REFUSED)

    assert (card_in(world).state, card_in(world).claimed_by, world.journals) == (CardState.ACTIVE, "", [])
    denied = world.records[-1]
    assert isinstance(denied, Attempt)
    assert (denied.kind, denied.outcome, denied.reason) == ("CLOSE_CARD", AttemptOutcome.DENIED, "ACCOUNT_NOT_FOUND")


def test_a_card_without_value_is_closed_at_once() -> None:
    """There is nothing to ask for."""
    world = world_of(replace(CARD, balance_minor=0))

    _close(world).then_asked()

    assert (card_in(world).state, world.journals) == (CardState.CLOSED, [])


def test_nothing_is_spent_of_a_card_that_is_closing() -> None:
    """Nor is it closed twice."""
    world = world_of()
    _close(world)

    for body in (DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 1),):
        world.command(CARD.id, body).then_refused("CARD_STATE")
    _close(world).then_refused("CARD_STATE")


@pytest.mark.parametrize("op", [Op.EXECUTE, Op.TRY])
def test_a_refund_to_a_closed_card_goes_to_the_wallet(op: Op) -> None:
    """The fallback, with an event of its own; nothing of it before the refund itself is decided (PM-3)."""
    world = world_of()
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 3_000))
    world.command(CARD.id, CaptureDeposit(CARD.id, "ord_1", "mer_1", 3_000))
    _close(world, "acc_1")
    answer(world)
    refund = RefundCard(CARD.id, "ord_1", "mer_1", "rfd_1", 2_000)

    refunded = world.command(CARD.id, refund, op, "saga_refund")
    if op is Op.TRY:
        assert refunded.commands == ()
        refunded = world.command(CARD.id, refund, Op.CONFIRM, "saga_refund")

    assert refunded.commands[0].body == CreditWallet(ClosePlan(CARD.id, "cus_1", "acc_1", 2_000, held_minor=2_000))
    run = answer(world)
    assert (card_in(world).state, card_in(world).balance_minor) == (CardState.CLOSED, 0)
    assert [(line.account, line.sub, line.amount_minor) for line in world.journals[-1].lines] == [
        ("L.GIFTCARD", CARD.id, 2_000), ("X.CLEARING", run.id, -2_000),
    ]


def test_a_deposit_that_comes_back_to_a_written_off_card_goes_to_the_wallet() -> None:
    """Its code is dead: nobody could spend it."""
    world = world_of()
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 3_000))
    world.given(replace(card_in(world), standing=CardStanding.WRITTEN_OFF, claimed_by="rdm_1", balance_minor=0))

    returned = world.command(CARD.id, ReturnDeposit(CARD.id, "ord_1", "mer_1", 3_000))
    answer(world)

    assert returned.commands[0].key == OWN
    assert (card_in(world).state, card_in(world).balance_minor) == (CardState.WRITTEN_OFF, 0)


def _returning(card: GiftCard) -> InMemory:
    """A written-off card, to which a deposit of 3,000 has just come back: it is on its way into the wallet."""
    world = world_of()
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 3_000))
    world.given(replace(card, sequence=card_in(world).sequence, version=card_in(world).version))
    world.command(CARD.id, ReturnDeposit(CARD.id, "ord_1", "mer_1", 3_000))
    return world


WRITTEN_OFF = replace(CARD, standing=CardStanding.WRITTEN_OFF, claimed_by="rdm_1", balance_minor=500)


def test_what_is_on_its_way_to_the_wallet_pays_for_nothing_else() -> None:
    """A face that is corrected meanwhile takes what the redemption had left on the card, and no more (P31, PM-3)."""
    world = _returning(WRITTEN_OFF)

    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        revalue(card_in(world), "rdm_1", "face_topup", -501)
    turned(world, revalue(card_in(world), "rdm_1", "face_topup", -500))
    answer(world)

    assert (card_in(world).balance_minor, card_in(world).held_minor) == (0, 0)


def test_what_is_on_its_way_to_the_wallet_is_not_sent_after_itself() -> None:
    """A sweep that is due meanwhile takes only the rest; one that finds no rest leaves it at that."""
    world = _returning(WRITTEN_OFF)
    first = world.sent[-1].saga

    for _ in range(2):
        world.timers[SWEEP, CARD.id] = Timer(SWEEP, CARD.id, CARD.id, world.now)
        world.fire()
    assert [command.body.plan.amount_minor for command in world.sent] == [3_000, 500]  # type: ignore[attr-defined]
    answer(world)
    assert first is not None
    world.reply(CARD.id, Reply(first.saga_id, first.branch, first.op, Verdict.DONE, "", (("WALLET", 3_000),)))

    assert (card_in(world).balance_minor, card_in(world).held_minor) == (0, 0)


def test_a_card_that_is_restored_lets_what_is_on_its_way_go() -> None:
    """It is good again, under a new code, and has what it had; what goes into the wallet nobody spends meanwhile."""
    world = _returning(WRITTEN_OFF)
    turned(world, restore(card_in(world), "rdm_1", 6_500))
    world.command(CARD.id, DepositCard(CARD.id, "ord_2", "cus_1", "mer_1", 7_001)).then_refused(
        "INSUFFICIENT_CARD_VALUE"
    )

    run = answer(world)

    assert run.phase is Phase.DONE
    assert (card_in(world).state, card_in(world).balance_minor) == (CardState.PARTIALLY_USED, 7_000)
    assert card_in(world).held_minor == 0


def test_a_card_that_is_restored_is_not_closed_by_what_was_on_its_way() -> None:
    """Even if that was all that it had: its owner has a new code of it."""
    world = _returning(replace(WRITTEN_OFF, balance_minor=0))
    turned(world, restore(card_in(world), "rdm_1", 0))

    answer(world)

    assert (card_in(world).standing, card_in(world).balance_minor) == (CardStanding.ACTIVE, 0)


def test_what_could_not_go_to_the_wallet_is_held_no_longer() -> None:
    """Until it is tried again."""
    world = _returning(WRITTEN_OFF)

    answer(world, Verdict.REFUSED)

    assert (card_in(world).balance_minor, card_in(world).held_minor) == (3_500, 0)


def test_a_closing_that_began_before_cards_held_anything_ends_as_it_began() -> None:
    """Its plan says that it holds nothing."""
    world = _returning(WRITTEN_OFF)
    run = world.row(Run, world.sent[-1].saga.saga_id)  # type: ignore[union-attr]
    world.given(replace(card_in(world), held_minor=0))
    world.given(replace(run, definition_version=1, plan=replace(run.plan, held_minor=0)))

    answer(world)

    assert (card_in(world).balance_minor, card_in(world).held_minor) == (500, 0)


def test_what_could_not_go_to_the_wallet_is_tried_again() -> None:
    """A day later, and once more after that, each time by a settlement of its own; no value is forgotten."""
    world = world_of(replace(CARD, standing=CardStanding.CLOSED, handed_to=OWN, balance_minor=700))
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 1)).then_refused("CARD_STATE")
    world.given(replace(CARD, balance_minor=10_000))
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 3_000))
    world.given(replace(card_in(world), standing=CardStanding.CLOSED, handed_to=OWN, balance_minor=0))
    world.command(CARD.id, ReturnDeposit(CARD.id, "ord_1", "mer_1", 3_000))
    answer(world, Verdict.REFUSED)
    assert (SWEEP, CARD.id) in world.timers
    world.turn(timedelta(days=1))
    answer(world, Verdict.REFUSED)

    world.turn(timedelta(days=1))
    answer(world)

    assert card_in(world).balance_minor == 0


def test_what_an_account_refuses_goes_to_the_wallet_of_its_owner_at_once() -> None:
    """An empty card is closed for whatever account its owner names, and only the credit ledger knows whose that is."""
    world = world_of(replace(CARD, balance_minor=3_000))
    world.command(CARD.id, DepositCard(CARD.id, "ord_1", "cus_1", "mer_1", 3_000))
    assert _close(world, "acc_theirs").reason == ""
    world.command(CARD.id, ReturnDeposit(CARD.id, "ord_1", "mer_1", 3_000))

    answer(world, Verdict.REFUSED)

    assert (world.sent[-1].key, card_in(world).held_minor) == (OWN, 3_000)
    answer(world)
    assert (card_in(world).balance_minor, card_in(world).held_minor) == (0, 0)
    assert not any(isinstance(each, Run) and not each.terminal for each in world.rows.values())


def test_a_closing_that_ends_while_the_card_is_frozen_leaves_it_frozen() -> None:
    """Thawed, it is closed."""
    world = world_of()
    _close(world)
    _ = world.when(CARD.id, FreezeCard(CARD.id, "case_1", "op_1")).result

    answer(world)

    frozen = card_in(world)
    assert (frozen.state, frozen.balance_minor, frozen.frozen_from) == (CardState.FROZEN, 0, CardStanding.CLOSED)
    assert world.when(CARD.id, UnfreezeCard(CARD.id, "case_1", "op_1")).result.state is CardState.CLOSED


def test_only_its_owner_closes_an_active_card_of_ours() -> None:
    """Anybody else is told that there is none."""
    world = world_of()

    with pytest.raises(NotFound, match="CARD_NOT_FOUND"):
        _ = _close(world, customer="cus_2").result
    for other in (replace(CARD, standing=CardStanding.ISSUED), replace(CARD, held_minor=1)):
        with pytest.raises(FailedPrecondition, match="CARD_STATE"):
            _ = _close(world_of(other)).result
