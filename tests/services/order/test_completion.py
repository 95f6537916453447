"""The end of the after-sale time: what it refuses, what defers it, and what may still be undone (DOMAIN 2.1)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.order.domain.commands import (
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    DisputeRejection,
    FlashRefundConfirmed,
    RefundAmount,
    RefuseDelivery,
    RejectReturn,
    RequestReturn,
    ReverseRefund,
    WithdrawReturn,
)
from services.order.domain.completion import AFTER_SALE
from services.order.domain.participation import CREDIT_LEDGER
from services.order.domain.states import OrderState, RefundState
from tests.in_memory import NOW
from tests.services.order.world import ORDER_ID, TWO, delivered, placed, requested, sent_back, shipped, units

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
END = datetime(2026, 9, 6, 16, 0, tzinfo=UTC)
"""The midnight in Shanghai after the 180th day since NOW, which is outside."""

EDGES = [(-SECOND, False), (timedelta(), True), (SECOND, True)]


@pytest.mark.parametrize(("offset", "over"), EDGES)
def test_an_order_is_completed_after_180_days(offset: timedelta, over: bool) -> None:
    """The day of the delivery is not counted (CV-10); the order ends with its event, and nothing wakes it any more."""
    world = delivered()

    world.turn(END + offset - NOW)

    assert world.state() is (OrderState.COMPLETED if over else OrderState.DELIVERED)
    assert world.facts().count("OrderCompleted") == over
    assert ((AFTER_SALE, ORDER_ID) in world.timers) is not over


@pytest.mark.parametrize(("offset", "over"), EDGES)
def test_a_late_timer_lets_no_return_through(offset: timedelta, over: bool) -> None:
    """The rules ask the time themselves: a return and an amount are refused from the same instant on."""
    world, other = delivered(), delivered()
    world.now = other.now = END + offset

    assert world.ask(RequestReturn(ORDER_ID, units(L2=1))).reason == ("AFTER_SALE_CLOSED" if over else "")
    assert other.ask(RefundAmount(ORDER_ID, 1)).reason == ("AFTER_SALE_CLOSED" if over else "")


def test_a_completed_order_refuses_everything() -> None:
    """COMPLETED is terminal, also long after, also where a part was refunded before."""
    world = delivered()
    world.ask(RefundAmount(ORDER_ID, 1_000))
    world.settle()
    assert world.state() is OrderState.PARTIALLY_REFUNDED
    world.turn(END - NOW + 400 * DAY)

    assert world.state() is OrderState.COMPLETED
    for body, reason in (
        (RequestReturn(ORDER_ID, units(L1=1)), "AFTER_SALE_CLOSED"),
        (RefundAmount(ORDER_ID, 1), "AFTER_SALE_CLOSED"),
        (CancelOrder(ORDER_ID, "NOT_WANTED"), "ORDER_ALREADY_SHIPPED"),
        (ConfirmShipment(ORDER_ID), "ORDER_ALREADY_SHIPPED"),
        (ConfirmDelivery(ORDER_ID), "ORDER_STATE"),
        (RefuseDelivery(ORDER_ID, "SF9"), "ORDER_STATE"),
    ):
        assert world.ask(body).reason == reason
    assert world.state() is OrderState.COMPLETED


@pytest.mark.parametrize("stop", ["withdraw", "refund"])
def test_an_open_case_defers_the_end(stop: str) -> None:
    """The order is looked at again every day; its own end of the window stays where it was for new returns."""
    world = delivered()
    world.now = END - SECOND
    case = requested(world, L1=1) if stop == "withdraw" else sent_back(world, L1=1)
    world.turn(SECOND)

    assert world.state() is OrderState.DELIVERED
    assert world.timers[AFTER_SALE, ORDER_ID].due_at == END + DAY
    world.ask(RequestReturn(ORDER_ID, units(L2=1))).then_refused("AFTER_SALE_CLOSED")
    world.ask(WithdrawReturn(ORDER_ID, case.id) if stop == "withdraw" else ConfirmReceipt(ORDER_ID, case.id))
    world.settle()
    world.ask(RefundAmount(ORDER_ID, 1)).then_refused("AFTER_SALE_CLOSED")
    world.turn(DAY)

    assert world.state() is OrderState.COMPLETED
    assert world.order.refunded_minor == (0 if stop == "withdraw" else 30_000)


def test_money_without_goods_may_still_settle_an_open_case() -> None:
    """As long as a case holds the order open, the parties may agree on an amount."""
    world = delivered()
    world.now = END - SECOND
    requested(world, L1=1)
    world.turn(SECOND)

    assert world.ask(RefundAmount(ORDER_ID, 100)).reason == ""


def test_a_refund_that_waits_for_its_channel_defers_the_end() -> None:
    """And so does one under way; neither leaves the order without a timer."""
    world = delivered()
    world.refund_state = "PENDING_CHANNEL"
    world.now = END - SECOND
    world.ask(RefundAmount(ORDER_ID, 1_000))
    world.turn(SECOND)
    assert world.state() is OrderState.DELIVERED
    world.settle()
    world.turn(DAY)
    assert world.state() is OrderState.DELIVERED

    world.ask(FlashRefundConfirmed(ORDER_ID, world.refund().id, world.now))
    world.turn(DAY)

    assert world.state() is OrderState.COMPLETED


def test_units_that_have_not_shipped_defer_the_end() -> None:
    """They can still be cancelled, or ship."""
    world = placed(TWO)
    world.ask(ConfirmShipment(ORDER_ID, units(L1=2)))
    world.settle()
    delivered(world)
    world.timers.pop(("hold_expiry", ORDER_ID))
    world.turn(END - NOW)

    assert world.state() is OrderState.DELIVERED
    assert (AFTER_SALE, ORDER_ID) in world.timers


def test_an_order_that_never_arrived_is_not_completed() -> None:
    """The time begins with the delivery."""
    world = shipped(TWO)
    world.turn(END - NOW + 400 * DAY)

    assert world.state() is OrderState.IN_TRANSIT
    assert world.ask(RequestReturn(ORDER_ID, units(L1=1))).reason == ""


def test_a_refund_of_a_completed_order_can_be_undone() -> None:
    """P24 has no deadline; the order stays COMPLETED, so nothing of it can be returned a second time."""
    world = delivered()
    sent = sent_back(world, L2=1)
    world.ask(ConfirmReceipt(ORDER_ID, sent.id))
    world.settle()
    world.turn(END - NOW)
    assert world.state() is OrderState.COMPLETED

    world.ask(ReverseRefund(ORDER_ID))
    assert world.state() is OrderState.COMPLETED
    world.settle()

    assert world.state() is OrderState.COMPLETED
    assert world.order.refunded_minor == 0
    assert world.refund().state is RefundState.REVERSED
    assert world.facts()[-1] == "RefundReversed"
    assert world.timers == {}
    world.ask(RequestReturn(ORDER_ID, units(L2=1))).then_refused("AFTER_SALE_CLOSED")


def test_a_refused_reversal_leaves_a_completed_order_as_it_was() -> None:
    """The refund stands."""
    world = delivered()
    world.ask(RefundAmount(ORDER_ID, 1_000))
    world.settle()
    world.turn(END - NOW)
    world.ask(ReverseRefund(ORDER_ID))
    world.settle(CREDIT_LEDGER, "INSUFFICIENT_LIMIT")

    assert world.state() is OrderState.COMPLETED
    assert world.order.refunded_minor == 1_000


@pytest.mark.parametrize("late", [False, True])
def test_a_fully_refunded_order_waits_for_nothing(late: bool) -> None:
    """Terminal: its timer is cleared; undone, it has one again, and past the window that fires at once."""
    world = delivered()
    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()
    assert world.state() is OrderState.FULLY_REFUNDED
    assert world.timers == {}
    if late:
        world.turn(END - NOW)

    world.ask(ReverseRefund(ORDER_ID))
    world.settle()

    assert world.state() is OrderState.DELIVERED
    assert world.timers[AFTER_SALE, ORDER_ID].due_at == END
    world.turn(timedelta())
    assert world.state() is (OrderState.COMPLETED if late else OrderState.DELIVERED)


def test_a_flash_refund_of_all_clears_the_timer_too() -> None:
    """It counts once the network confirms."""
    world = delivered()
    world.refund_state = "PENDING_CHANNEL"
    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()
    assert (AFTER_SALE, ORDER_ID) in world.timers

    world.ask(FlashRefundConfirmed(ORDER_ID, world.refund().id, world.now))

    assert world.state() is OrderState.FULLY_REFUNDED
    assert world.timers == {}


@pytest.mark.parametrize(("offset", "over"), [(-SECOND, False), (timedelta(), False), (SECOND, True)])
def test_a_rejection_that_can_be_disputed_defers_the_end(offset: timedelta, over: bool) -> None:
    """No merchant rejects a case into a completed order."""
    world = delivered()
    world.now = END - SECOND
    case = requested(world, L2=1)
    world.ask(RejectReturn(ORDER_ID, case.id))
    world.turn(SECOND)
    assert world.state() is OrderState.DELIVERED

    world.turn(timedelta(hours=72) - SECOND + offset)

    assert world.state() is (OrderState.COMPLETED if over else OrderState.DELIVERED)
    reason = "DISPUTE_WINDOW_CLOSED" if over else ""
    assert world.ask(DisputeRejection(ORDER_ID, case.id, ("photo-1",))).reason == reason
