"""Every window of the order service at one step before, at, and one step after its edge (CV-9, CV-10)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.kernel.calendar import TICK
from services.kernel.errors import Aborted, FailedPrecondition
from services.kernel.saga import Verdict
from services.order.domain import quotes
from services.order.domain.commands import (
    ApproveReturn,
    BankRefundSettled,
    CancelOrder,
    ConfirmReceipt,
    ConfirmShipment,
    FlashRefundConfirmed,
    FlashRefundExpired,
    RefundAmount,
    RegisterWaybill,
    RejectReturn,
    RequestReturn,
    ReverseRefund,
    WithdrawReturn,
)
from services.order.domain.events import BankRefundArrived
from services.order.domain.lines import LineQuantity
from services.order.domain.returns import EVIDENCE_HOURS, ReturnCase, disputable, requested
from services.order.domain.states import OrderState, RefundState, ReturnState
from services.order.domain.tenders import TenderType
from services.order.wire.settlements import settlement_message
from tests.in_memory import NOW
from tests.services.order.world import ORDER_ID, World, new_order, placed, shipped, units

SECOND = timedelta(seconds=1)
EDGES = ((-SECOND, False), (timedelta(), False), (SECOND, True))
"""The last instant is still inside."""


@pytest.mark.parametrize(("ticks", "closed"), [(-1, False), (0, False), (1, True)])
def test_a_rejection_is_final_one_tick_after_its_last_instant(ticks: int, closed: bool) -> None:
    """72 hours, their last instant included (2.10)."""
    case = requested("ret_1", ORDER_ID, (), "", "", NOW)
    now = NOW + timedelta(hours=EVIDENCE_HOURS) + ticks * TICK

    if closed:
        with pytest.raises(FailedPrecondition, match="DISPUTE_WINDOW_CLOSED"):
            disputable(case, NOW, ("photo",), now)
    else:
        disputable(case, NOW, ("photo",), now)


def opened(world: World) -> ReturnCase:
    """A new return case of the only line."""
    outcome = world.ask(RequestReturn(ORDER_ID, units(L1=1)))
    assert isinstance(outcome.result, ReturnCase)
    return outcome.result


@pytest.mark.parametrize(("offset", "over"), EDGES)
def test_a_hold_lasts_thirty_days(offset: timedelta, over: bool) -> None:
    """After it the order is closed before it can ship; the release tells the ledger why (A14)."""
    world = placed()

    world.turn(timedelta(days=30) + offset)

    assert [c.body.expired for c in world.sent] == ([True] if over else [])  # type: ignore[attr-defined]  # a release
    world.settle()
    assert world.state() is (OrderState.PAYMENT_EXPIRED if over else OrderState.AWAITING_SHIPMENT)
    assert world.ask(ConfirmShipment(ORDER_ID)).reason == ("HOLD_EXPIRED" if over else "")


@pytest.mark.parametrize(("offset", "over"), EDGES)
def test_a_late_expiry_timer_lets_nothing_through(offset: timedelta, over: bool) -> None:
    """The rule asks the time itself, for the shipment as for the cancel."""
    world, other = placed(), placed()
    for each in (world, other):
        each.now += timedelta(days=30) + offset

    assert world.ask(ConfirmShipment(ORDER_ID)).reason == ("HOLD_EXPIRED" if over else "")
    assert other.ask(CancelOrder(ORDER_ID, "NOT_WANTED")).reason == ("HOLD_EXPIRED" if over else "")


def test_a_capture_that_the_ledger_finds_expired_closes_the_order() -> None:
    """The ledger checks again where the hold lies; the merchant is told not to ship."""
    world = placed()
    world.now += timedelta(days=30)
    world.ask(ConfirmShipment(ORDER_ID))
    world.now += SECOND

    world.answer(world.sent.pop(), Verdict.REFUSED, "HOLD_EXPIRED")
    world.turn(timedelta())
    world.settle()

    assert world.state() is OrderState.PAYMENT_EXPIRED
    assert world.facts()[-1] == "PaymentExpired"


def test_an_expiry_that_meets_a_settlement_looks_again() -> None:
    """Nothing unfinished is without a timer."""
    world = placed()
    world.now += timedelta(days=30)
    world.ask(ConfirmShipment(ORDER_ID))
    world.turn(2 * SECOND)

    assert ("hold_expiry", ORDER_ID) in world.timers
    world.settle()
    assert world.state() is OrderState.IN_TRANSIT
    assert world.timers == {}


@pytest.mark.parametrize(("offset", "over"), EDGES)
def test_the_merchant_answers_within_48_hours(offset: timedelta, over: bool) -> None:
    """After them the case is approved by time, whether the timer came or not (A13)."""
    timely, late = shipped(), shipped()
    case, other = opened(timely), opened(late)

    timely.turn(timedelta(hours=48) + offset)
    late.now += timedelta(hours=48) + offset

    assert timely.case(case.id).state is (ReturnState.APPROVED if over else ReturnState.REQUESTED)
    for world, each in ((timely, case), (late, other)):
        assert world.ask(RejectReturn(ORDER_ID, each.id, "no")).reason == ("RETURN_STATE" if over else "")


@pytest.mark.parametrize(("offset", "over"), [(-SECOND, False), (timedelta(), True), (SECOND, True)])
def test_a_waybill_comes_within_seven_days(offset: timedelta, over: bool) -> None:
    """The day of the approval is not counted (CV-10): the case ends with the midnight after the 7th day."""
    timely, late = shipped(), shipped()
    case, other = opened(timely), opened(late)
    end = datetime(2026, 3, 17, 16, 0, tzinfo=UTC)  # midnight of 2026-03-18 in Shanghai
    for world, each in ((timely, case), (late, other)):
        world.ask(ApproveReturn(ORDER_ID, each.id))

    timely.turn(end + offset - NOW)
    late.now = end + offset

    assert timely.case(case.id).state is (ReturnState.EXPIRED if over else ReturnState.APPROVED)
    assert timely.order.lines[0].returning == (0 if over else 1)
    for world, each in ((timely, case), (late, other)):
        assert world.ask(RegisterWaybill(ORDER_ID, each.id, "SF1")).reason == ("RETURN_STATE" if over else "")


def test_time_approves_on_the_way_where_its_timer_is_late() -> None:
    """A waybill after 50 hours finds the case approved, and both facts are told, in one version."""
    world = shipped()
    case = opened(world)
    world.now += timedelta(hours=50)

    assert world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1")).reason == ""

    assert world.case(case.id).state is ReturnState.IN_RETURN
    assert world.case(case.id).version == case.version + 1
    assert world.facts()[-2:] == ["ReturnApproved", "ReturnShipped"]
    world.ask(WithdrawReturn(ORDER_ID, case.id)).then_refused("WAYBILL_STATE")


@pytest.mark.parametrize(("offset", "over"), EDGES)
def test_a_refund_settles_within_24_hours(offset: timedelta, over: bool) -> None:
    """At 24 h it is fine, later an exception, told once; it still ends well (SC-5)."""
    world = shipped()
    world.ask(RefundAmount(ORDER_ID, 1_000))
    world.turn(timedelta(hours=24) + offset)
    world.turn(timedelta())

    assert world.refund().state is (RefundState.EXCEPTION if over else RefundState.ACCEPTED)
    world.turn(timedelta(minutes=5))
    assert world.facts().count("RefundExceptionRaised") == 1
    world.sent = world.sent[-1:]
    world.settle()
    assert world.refund().state is RefundState.SUCCEEDED


def test_a_flash_refund_counts_once_the_network_confirms() -> None:
    """The order is not FULLY_REFUNDED while its credit share is on the way (I-1)."""
    world = shipped()
    world.refund_state = "PENDING_CHANNEL"
    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()
    refund = world.refund()

    assert world.state() is OrderState.IN_TRANSIT
    assert world.order.waiting_refund == refund
    world.ask(ReverseRefund(ORDER_ID)).then_refused("NO_REFUND_TO_REVERSE")
    world.ask(RefundAmount(ORDER_ID, 1)).then_refused("REFUND_EXCEEDS_REMAINING")
    world.ask(FlashRefundConfirmed(ORDER_ID, refund.id, world.now))

    assert world.state() is OrderState.FULLY_REFUNDED
    assert world.refund().state is RefundState.SUCCEEDED
    assert world.facts()[-2:] == ["RefundAccepted", "OrderRefunded"]


def test_people_complete_a_refund_that_the_network_lost() -> None:
    """The notice of the 24 hours, then the one of the adjustment (G02)."""
    world = shipped()
    world.refund_state = "PENDING_CHANNEL"
    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()
    refund = world.refund()

    world.ask(FlashRefundExpired(ORDER_ID, refund.id))
    assert world.refund().state is RefundState.EXCEPTION
    world.ask(FlashRefundConfirmed(ORDER_ID, refund.id, world.now, manual=True))
    world.ask(FlashRefundConfirmed(ORDER_ID, refund.id, world.now, manual=True))

    assert world.refund().state is RefundState.SUCCEEDED_MANUAL
    assert world.facts()[-2:] == ["RefundExceptionRaised", "OrderRefunded"]


def test_a_return_follows_its_flash_refund() -> None:
    """DOMAIN 2.2: REFUNDING until the network confirms; late is an exception, which no second receipt refunds again."""
    world = shipped()
    world.refund_state = "PENDING_CHANNEL"
    case = opened(world)
    world.ask(ApproveReturn(ORDER_ID, case.id))
    world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1"))
    world.ask(ConfirmReceipt(ORDER_ID, case.id))
    world.settle()
    assert world.case(case.id).state is ReturnState.REFUNDING

    world.ask(FlashRefundExpired(ORDER_ID, world.refund().id))
    exception = world.case(case.id).state
    again = world.ask(ConfirmReceipt(ORDER_ID, case.id))
    world.ask(FlashRefundConfirmed(ORDER_ID, world.refund().id, world.now, manual=True))

    assert exception is ReturnState.REFUND_EXCEPTION
    again.then_refused("RETURN_STATE")
    assert world.case(case.id).state is ReturnState.REFUNDED


def test_the_network_may_confirm_before_the_last_tender() -> None:
    """The notice overtakes the card's CONFIRM: the refund ends SUCCEEDED with the settlement."""
    world = shipped(new_order(tenders=((TenderType.CREDIT, 60_000), (TenderType.GIFTCARD, 40_000))))
    world.refund_state = "PENDING_CHANNEL"
    world.ask(RefundAmount(ORDER_ID, 100_000))
    for _ in range(2):
        world.answer(world.sent.pop(0))
    world.ask(FlashRefundConfirmed(ORDER_ID, world.refund().id, world.now))
    assert world.refund().state is RefundState.CREDIT_DONE

    world.settle()

    assert world.state() is OrderState.FULLY_REFUNDED


def test_the_acquirers_payment_is_noted_on_its_tender() -> None:
    """Of a refund and of a cancel alike (P7)."""
    world = shipped(new_order(tenders=((TenderType.BANKCARD, 100_000),)))
    world.ask(RefundAmount(ORDER_ID, 1_000))
    world.settle()

    world.ask(BankRefundSettled(ORDER_ID, world.refund().id, "leg_1", 1_000))

    assert world.order.tenders[0].settled_minor == 1_000
    assert world.refund().bank_settled_at == world.now


def test_a_refund_that_went_to_the_wallet_is_shown_as_such() -> None:
    """No silent rerouting; event and timeline say it (PM-3)."""
    world = shipped(new_order(tenders=((TenderType.BANKCARD, 100_000),)))
    world.ask(RefundAmount(ORDER_ID, 1_000))
    world.settle()

    world.ask(BankRefundSettled(ORDER_ID, world.refund().id, "leg_1", 1_000, rerouted=True))

    shown = settlement_message(world.run(world.refund().settlement_id), world.order)
    assert [entry.step for entry in shown.timeline][-1] == "REROUTED_TO_WALLET"
    arrived = BankRefundArrived(ORDER_ID, world.refund().id, 1_000, rerouted=True, leg_id="leg_1")
    assert world.events[-1].body == arrived


def quoted(until: datetime, lines: tuple[LineQuantity, ...]) -> quotes.QuoteContent:
    """A quote of a refund that is good until then."""
    return quotes.QuoteContent(
        order_id=ORDER_ID, kind="refund", amount_minor=5, lines=lines, order_version=3, account_version=0,
        valid_until=until, digest="",
    )


def accept(content: quotes.QuoteContent, now: datetime) -> None:
    """Accept it for just what it is for."""
    quotes.check_quote(
        content, kind="refund", order_id=ORDER_ID, version=3, amount_minor=5, lines=content.lines, now=now
    )


@pytest.mark.parametrize(
    ("at", "stale"),
    [
        (timedelta(minutes=10) - SECOND, False), (timedelta(minutes=10), False), (timedelta(minutes=10) + SECOND, True),
    ],
)
def test_a_quote_holds_ten_minutes(at: timedelta, stale: bool) -> None:
    """Its last instant is still inside (U1)."""
    content = quoted(quotes.valid_until(NOW), units(L1=1))

    if stale:
        with pytest.raises(Aborted):
            accept(content, NOW + at)
    else:
        accept(content, NOW + at)


@pytest.mark.parametrize(("offset", "stale"), [(-SECOND, False), (timedelta(), True), (SECOND, True)])
def test_a_quote_ends_with_its_fee_day(offset: timedelta, stale: bool) -> None:
    """A quote of 23:55 in Shanghai ends at midnight, which is outside."""
    midnight = datetime(2026, 3, 10, 16, 0, tzinfo=UTC)
    until = quotes.valid_until(midnight - timedelta(minutes=5))
    content = quoted(until, ())

    assert until == midnight
    if stale:
        with pytest.raises(Aborted):
            accept(content, midnight + offset)
    else:
        accept(content, midnight + offset)
