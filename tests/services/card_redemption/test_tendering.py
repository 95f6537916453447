"""Gift-card tenders: what each command does and what is refused."""

from dataclasses import replace

import pytest

from services.card_redemption.domain.commands import (
    CaptureDeposit,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.domain.states import CardState
from services.kernel.decision import Busy, Done
from services.kernel.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from services.kernel.messages import Op
from tests.services.card_redemption.world import CARD, World


def _deposit(amount: int = 3_000, order_id: str = "ord_1", customer: str = "cus_1") -> DepositCard:
    return DepositCard("crd_1", order_id, customer, "mer_1", amount)


def test_a_refund_puts_the_value_back_on_the_card() -> None:
    """Deposit, capture, refund: the card has what it had, the merchant's share is zero."""
    world = World()

    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    done = world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 3_000))

    assert isinstance(done.outcome, Done)
    assert done.outcome.moved == (("GIFTCARD", 3_000),)
    assert world.card.balance_minor == 10_000
    assert world.tender().refunded_minor == 3_000
    assert world.book["L.MERCH.PAY", "mer_1"] == 0


def test_the_whole_value_may_be_spent_and_not_a_fen_more() -> None:
    """The boundary is inclusive, and an exhausted card says so."""
    world = World()
    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        world.play(_deposit(10_001))

    world.play(_deposit(10_000))

    assert (world.card.balance_minor, world.card.state) == (0, CardState.EXHAUSTED)


def test_another_customers_card_is_as_unknown_as_none() -> None:
    """The error does not tell that the card exists."""
    with pytest.raises(NotFound, match="CARD_NOT_FOUND"):
        World().play(_deposit(customer="cus_2"))


def test_a_tried_deposit_is_invisible_but_nobody_else_can_take_it() -> None:
    """Between TRY and decision the booked value stands, the spendable value does not."""
    world = World()

    tried = world.play(_deposit(9_000), Op.TRY, "saga_a")

    assert tried.journals == ()
    assert (world.card.balance_minor, world.card.spendable_minor) == (10_000, 1_000)
    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        world.play(_deposit(1_001, "ord_2"))


@pytest.mark.parametrize(("op", "balance"), [(Op.CONFIRM, 1_000), (Op.CANCEL, 10_000)])
def test_the_decision_resolves_the_claim(op: Op, balance: int) -> None:
    """CONFIRM takes what was held, CANCEL leaves nothing behind."""
    world = World()
    world.play(_deposit(9_000), Op.TRY, "saga_a")

    world.play(_deposit(9_000), op, "saga_a")

    assert (world.card.balance_minor, world.card.held_minor, world.tender().pending) == (balance, 0, None)


def test_a_claimed_tender_is_busy_and_other_orders_are_not() -> None:
    """The claim is on the tender: the card serves other orders meanwhile."""
    world = World()
    world.play(_deposit(), Op.EXECUTE)
    world.play(ReturnDeposit("crd_1", "ord_1", "mer_1", 3_000), Op.TRY, "saga_a")

    same = world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000), Op.TRY, "saga_b")
    other = world.play(_deposit(2_000, "ord_2"))

    assert same.outcome == Busy("saga_a")
    assert isinstance(other.outcome, Done)


def test_refunds_never_exceed_what_was_captured() -> None:
    """It is checked under the lock that writes (PR-5)."""
    world = World()
    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 2_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 1_500))

    with pytest.raises(FailedPrecondition, match="REFUND_EXCEEDS_REMAINING"):
        world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_2", 501))


def test_a_reversed_refund_may_be_given_again() -> None:
    """It is as if it had not been (P24)."""
    world = World()
    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 3_000))

    world.play(ReverseCardRefund("crd_1", "ord_1", "mer_1", "rfd_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_2", 3_000))

    assert world.card.balance_minor == 10_000


def test_value_put_back_by_a_refund_under_reversal_cannot_be_spent() -> None:
    """TRY reserves what CONFIRM takes: between the two nobody spends it, so CONFIRM is never refused."""
    world = World()
    world.play(_deposit(10_000))
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 10_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 4_000))
    undo = ReverseCardRefund("crd_1", "ord_1", "mer_1", "rfd_1", 4_000)
    world.play(undo, Op.TRY, "saga_a")

    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        world.play(_deposit(1, "ord_2"))
    world.play(undo, Op.CONFIRM, "saga_a")

    assert (world.card.balance_minor, world.card.held_minor, world.tender().refunded_minor) == (0, 0, 0)


def test_spent_value_cannot_be_reversed() -> None:
    """The refunded value went into another order."""
    world = World()
    world.play(_deposit(10_000))
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 10_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 4_000))
    world.play(_deposit(1, "ord_2"))

    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        world.play(ReverseCardRefund("crd_1", "ord_1", "mer_1", "rfd_1", 4_000))


def test_a_reversal_names_exactly_the_refund_it_undoes() -> None:
    """The coordinator's plan and this book must agree on the amount before anything moves."""
    world = World()
    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 2_000))

    for refund_id, amount in (("rfd_1", 1_999), ("rfd_2", 2_000)):
        with pytest.raises(FailedPrecondition, match="NO_REFUND_TO_REVERSE"):
            world.play(ReverseCardRefund("crd_1", "ord_1", "mer_1", refund_id, amount))


def test_a_refund_is_given_once() -> None:
    """The refund id is the last defence, behind the barrier."""
    world = World()
    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 1_000))

    with pytest.raises(FailedPrecondition, match="CARD_STATE"):
        world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 1_000))


@pytest.mark.parametrize("amount", [0, -1])
def test_amounts_are_above_zero(amount: int) -> None:
    """A negative deposit would be money out of nothing."""
    with pytest.raises(InvalidArgument, match="INVALID_AMOUNT"):
        World().play(_deposit(amount))


def test_a_part_of_the_deposit_may_ship_and_the_rest_come_back() -> None:
    """Partial shipment: the deposit of the order ends at zero, the merchant has the shipped share."""
    world = World()
    world.play(_deposit())

    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 1_200))
    world.play(ReturnDeposit("crd_1", "ord_1", "mer_1", 1_800))

    assert (world.book["L.DEPOSIT", "ord_1"], world.book["L.MERCH.PAY", "mer_1"]) == (0, -1_200)
    with pytest.raises(FailedPrecondition, match="AGREEMENT_STATE"):
        world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 1))


def test_the_id_of_a_card_is_taken_once() -> None:
    """Another customer does not get somebody's card by its id."""
    world = World()

    with pytest.raises(AlreadyExists, match="CARD_EXISTS"):
        world.play(IssueCard("crd_1", "cus_2", 500))


def test_an_issued_card_opens_the_book_in_balance() -> None:
    """The face stands against the opening account."""
    issued = World().when("crd_9", IssueCard("crd_9", "cus_1", 500))

    assert [sum(line.amount_minor for line in journal.lines) for journal in issued.journals] == [0]
    assert issued.changes == (replace(CARD, id="crd_9", face_minor=500, balance_minor=500, sequence=1),)
