"""Settlements as scripts: given these calls and these answers, these commands went out and this became of the order."""

from datetime import timedelta

import pytest

from services.kernel.decision import Timer
from services.kernel.messages import Op
from services.kernel.saga import ABORT, GIVEN_UP, RESUME, Phase, Verdict
from services.order.domain.answers import Received, Started
from services.order.domain.commands import (
    ApproveReturn,
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    RefundAmount,
    RegisterWaybill,
    RequestReturn,
    ReverseRefund,
)
from services.order.domain.order import Order
from services.order.domain.participation import CARD_REDEMPTION, CREDIT_LEDGER
from services.order.domain.pricing import Promotion
from services.order.domain.returns import ReturnCase
from services.order.domain.states import OrderState, RefundState, ReturnState
from services.order.domain.tenders import TenderType
from tests.services.order.world import MIXED, ORDER_ID, World, new_order, placed, sent, shipped, units

CANCEL = CancelOrder(ORDER_ID, "NOT_WANTED")
SHIP = ConfirmShipment(ORDER_ID)


def returned(world: World, **quantities: int) -> Received:
    """A whole return case, up to the receipt."""
    asked = world.ask(RequestReturn(ORDER_ID, units(**quantities), "customer"))
    case = asked.result
    assert isinstance(case, ReturnCase)
    assert world.ask(ApproveReturn(ORDER_ID, case.id)).reason == ""
    assert world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1")).reason == ""
    receipt = world.ask(ConfirmReceipt(ORDER_ID, case.id))
    assert isinstance(receipt.result, Received)
    return receipt.result


def started(world: World, body: object) -> Started:
    """The settlement that a call began."""
    outcome = world.ask(body)
    assert isinstance(outcome.result, Started)
    return outcome.result


def test_cancel_of_a_credit_order_is_one_command_and_one_answer() -> None:
    """A single participant gets EXECUTE, and its answer ends the settlement and the order in one decision (C01)."""
    world = placed()

    begun = started(world, CANCEL)
    assert sent(world) == [(CREDIT_LEDGER, "EXECUTE", "ReleaseTenders")]
    assert world.state() is OrderState.CANCELLING
    world.settle()

    assert world.state() is OrderState.CANCELLED
    assert world.order.settlement_id == ""
    assert world.run(begun.run.id).phase is Phase.DONE
    assert world.facts() == ["OrderPlaced", "OrderCancelled"]
    assert world.timers == {}


def test_mixed_tenders_are_tried_decided_and_confirmed() -> None:
    """With a gift card both services try first; the order is cancelled only after both confirmed."""
    world = placed(MIXED)

    started(world, CANCEL)
    assert sent(world) == [(CREDIT_LEDGER, "TRY", "ReleaseTenders"), (CARD_REDEMPTION, "TRY", "ReturnDeposit")]
    first, second = world.sent
    world.sent = []
    world.answer(first)
    assert world.sent == []
    world.answer(second)
    assert [op for _, op, _ in sent(world)] == ["CONFIRM", "CONFIRM"]
    world.answer(world.sent.pop())
    assert world.state() is OrderState.CANCELLING
    world.settle()

    assert world.state() is OrderState.CANCELLED


def test_a_refused_tender_rejects_the_order_and_undoes_the_other() -> None:
    """CANCEL goes to every branch that was ever asked; the order is dead with the participant's reason."""
    world = World()

    world.ask(MIXED)
    world.settle(CREDIT_LEDGER, "INSUFFICIENT_LIMIT")

    assert world.state() is OrderState.REJECTED
    assert world.order.reject_reason == "INSUFFICIENT_LIMIT"
    world.ask(CANCEL).then_refused("ORDER_STATE")
    world.ask(SHIP).then_refused("ORDER_STATE")
    world.ask(MIXED).then_refused("ORDER_EXISTS")
    assert world.facts() == ["OrderRejected"]


def test_ship_and_cancel_race_on_one_row() -> None:
    """The loser hears who won (CR-12, C03, C04); while the winner is under way it waits."""
    first, second = placed(), placed()

    started(first, SHIP)
    first.ask(CANCEL).then_refused("BUSY")
    first.settle()
    started(second, CANCEL)
    second.settle()

    first.ask(CANCEL).then_refused("ORDER_ALREADY_SHIPPED")
    first.ask(SHIP).then_refused("ORDER_ALREADY_SHIPPED")
    second.ask(SHIP).then_refused("ORDER_CANCELLED")
    second.ask(CANCEL).then_refused("ORDER_CANCELLED")


def test_a_mixed_return_splits_over_what_is_left_of_each_tender() -> None:
    """400.00 of 500 + 300 + 200 (E13)."""
    world = shipped(MIXED)

    receipt = returned(world, L2=1)
    world.settle()

    assert [share.amount_minor for share in receipt.run.plan.money.shares] == [20_000, 12_000, 8_000]
    assert world.state() is OrderState.PARTIALLY_REFUNDED
    assert world.case(receipt.case.id).state is ReturnState.REFUNDED
    assert [line.returned for line in world.order.lines] == [0, 1]
    assert world.facts()[-2:] == ["ReturnReceived", "OrderRefunded"]


def test_refunds_stop_at_what_was_captured() -> None:
    """The last fen is refundable once (E06)."""
    world = shipped()

    for amount in (60_000, 40_000):
        started(world, RefundAmount(ORDER_ID, amount))
        world.settle()

    assert world.state() is OrderState.FULLY_REFUNDED
    world.ask(RefundAmount(ORDER_ID, 1)).then_refused("REFUND_EXCEEDS_REMAINING")
    assert world.ask(RequestReturn(ORDER_ID, units(L1=1))).reason == "", "no amount refuses goods (PR-9)"


def test_a_return_never_exceeds_what_was_bought() -> None:
    """Units in open cases count; more money than is left is refused at the request already (CR-4)."""
    world = shipped(new_order((("L1", 3, 10_000),), ((TenderType.CREDIT, 30_000),)))

    assert world.ask(RequestReturn(ORDER_ID, units(L1=2))).reason == ""
    world.ask(RequestReturn(ORDER_ID, units(L1=2))).then_refused("QUANTITY_EXCEEDS_BOUGHT")
    world.ask(RequestReturn(ORDER_ID, units(L9=1))).then_refused("UNKNOWN_LINE")
    world.ask(RequestReturn(ORDER_ID, units(L1=1), "somebody")).then_refused("ORDER_NOT_FOUND")


@pytest.mark.parametrize(
    "body", [RefundAmount(ORDER_ID, 1), RequestReturn(ORDER_ID, units(L1=1)), ConfirmDelivery(ORDER_ID)]
)
def test_nothing_comes_back_that_has_not_shipped(body: object) -> None:
    """Neither of a waiting nor of a cancelled order (CR-3)."""
    waiting, cancelled = placed(), placed()
    started(cancelled, CANCEL)
    cancelled.settle()

    waiting.ask(body).then_refused("ORDER_NOT_SHIPPED")
    cancelled.ask(body).then_refused("ORDER_NOT_SHIPPED")


def test_an_unknown_order_and_somebody_elses_look_alike() -> None:
    """Not one word differs."""
    world = placed()

    foreign = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", customer_id="somebody"))
    world.rows.clear()
    unknown = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED", customer_id="somebody"))

    assert foreign == unknown


def test_a_refund_of_nothing_is_done_at_once() -> None:
    """No participant, no command, but the units count as returned (PR-6, E16)."""
    free_line = new_order(
        (("L1", 1, 3_000), ("L2", 1, 7_000)), ((TenderType.CREDIT, 7_000),), (Promotion(3_000, (0,)),)
    )
    world = shipped(free_line)

    receipt = returned(world, L1=1)

    assert world.sent == []
    assert receipt.run.phase is Phase.DONE
    assert receipt.case.state is ReturnState.REFUNDED
    assert world.order.settlement_id == ""
    assert [line.returned for line in world.order.lines] == [1, 0]
    assert world.state() is OrderState.IN_TRANSIT


def test_an_order_of_nothing_lives_without_participants() -> None:
    """Payable 0: it is placed, shipped, returned; nobody is asked for money."""
    world = placed(new_order((("L1", 2, 0),), ((TenderType.CREDIT, 0),)))

    assert world.state() is OrderState.AWAITING_SHIPMENT
    started(world, SHIP)
    assert world.state() is OrderState.IN_TRANSIT
    returned(world, L1=2)

    assert world.sent == []
    assert world.state() is OrderState.FULLY_REFUNDED


def test_the_last_refund_is_undone_and_the_order_is_as_before() -> None:
    """Quantities, tenders and coupon; then the one before it is the last (P24)."""
    world = shipped(new_order((("L1", 3, 10_000),), ((TenderType.CREDIT, 30_000),), coupon_minor=1_000))
    before = world.order
    returned(world, L1=1)
    world.settle()
    between = world.order
    returned(world, L1=2)
    world.settle()

    started(world, ReverseRefund(ORDER_ID))
    world.settle()
    order = world.order
    assert (order.lines, order.tenders, order.coupon) == (between.lines, between.tenders, between.coupon)
    started(world, ReverseRefund(ORDER_ID))
    world.settle()

    assert (world.order.lines, world.order.tenders, world.order.coupon) == (before.lines, before.tenders, before.coupon)
    assert world.state() is OrderState.IN_TRANSIT
    assert [refund.state for refund in world.order.refunds] == [RefundState.REVERSED] * 2
    world.ask(ReverseRefund(ORDER_ID)).then_refused("NO_REFUND_TO_REVERSE")


def test_a_stale_quote_lets_the_receipt_be_confirmed_again() -> None:
    """The credit ledger found the account moved: nothing was changed, the case waits for a new receipt."""
    world = shipped()
    receipt = returned(world, L1=1)

    world.settle(CREDIT_LEDGER, "QUOTE_STALE")

    assert world.run(receipt.run.id).phase is Phase.ABORTED
    assert world.case(receipt.case.id).state is ReturnState.IN_RETURN
    assert world.order.refunds == ()
    assert world.ask(ConfirmReceipt(ORDER_ID, receipt.case.id)).reason == ""
    world.settle()
    assert world.state() is OrderState.FULLY_REFUNDED


def test_a_partial_shipment_captures_its_lines_and_the_rest_stays_cancellable() -> None:
    """DOMAIN 2.1: two lines, one ships, one is cancelled, the shipped one comes back."""
    world = placed(MIXED)

    ship = started(world, ConfirmShipment(ORDER_ID, units(L1=1)))
    world.settle()
    assert [share.amount_minor for share in ship.run.plan.money.shares] == [30_000, 18_000, 12_000]
    assert world.state() is OrderState.IN_TRANSIT
    cancel = started(world, CANCEL)
    world.settle()
    assert [share.amount_minor for share in cancel.run.plan.money.shares] == [20_000, 12_000, 8_000]
    world.ask(SHIP).then_refused("ORDER_ALREADY_SHIPPED")
    returned(world, L1=1)
    world.settle()

    assert world.state() is OrderState.FULLY_REFUNDED
    assert all(t.held_minor == 0 and t.refundable_minor == 0 for t in world.order.tenders)


def test_support_cancels_only_what_has_not_shipped_at_all() -> None:
    """The customer's own cancel reaches further: it takes what has not shipped yet (OR-7)."""
    forced = CancelOrder(ORDER_ID, "SUPPORT", "system delay", operator_id="op_1")
    whole, part = placed(MIXED), placed(MIXED)
    started(part, ConfirmShipment(ORDER_ID, units(L1=1)))
    part.settle()

    started(whole, forced)
    whole.settle()

    assert whole.state() is OrderState.CANCELLED
    part.ask(forced).then_refused("ORDER_ALREADY_SHIPPED")


def test_a_frozen_settlement_waits_for_a_person_and_goes_on() -> None:
    """A confirmation was set aside: the order stays held until somebody repaired it and says so; the others, who keep
    claims for it, are asked on."""
    world = shipped(MIXED)
    begun = started(world, RefundAmount(ORDER_ID, 10_000)).run.id
    while world.run(begun).phase is Phase.TRYING:
        world.answer(world.sent.pop(0))
    world.answer(stopped := world.sent.pop(), Verdict.PARKED, "PARKED")
    world.sent.clear()

    world.turn(timedelta(minutes=10))
    frozen, asked = world.run(begun).phase, {command.participant for command in world.sent}
    world.timers[RESUME, begun] = Timer(RESUME, begun, ORDER_ID, world.now)
    world.turn(timedelta(0))
    world.settle()

    assert (frozen, asked) == (Phase.FROZEN, {"credit_ledger", "card_redemption"} - {stopped.participant})
    assert (world.run(begun).phase, world.refund().state) == (Phase.DONE, RefundState.SUCCEEDED)
    assert world.order.settlement_id == ""
    assert (RESUME, begun) not in world.timers


def _given_up(late: bool) -> tuple[World, str]:
    """A cancel whose one command was set aside, given up by a person before or after the participant did it."""
    world = placed()
    begun = started(world, CANCEL).run.id
    world.answer(execute := world.sent.pop(), Verdict.PARKED, "PARKED")
    world.timers[ABORT, begun] = Timer(ABORT, begun, ORDER_ID, world.now)
    world.turn(timedelta(0))
    (asked,) = world.sent
    assert (asked.participant, asked.key, asked.body) == (execute.participant, execute.key, execute.body)
    assert asked.saga is not None
    assert (asked.saga.saga_id, asked.saga.op) == (begun, Op.CANCEL)
    world.sent.clear()
    world.answer(asked, *((Verdict.REFUSED, "EXECUTED") if late else (Verdict.DONE, "")))
    return world, begun


def test_a_settlement_that_is_given_up_leaves_the_order_where_it_stood() -> None:
    """The participant forbids what it never did; the order can be cancelled again."""
    world, begun = _given_up(late=False)

    assert (world.run(begun).phase, world.run(begun).reason) == (Phase.ABORTED, GIVEN_UP)
    assert (world.order.settlement_id, world.state()) == ("", OrderState.AWAITING_SHIPMENT)
    started(world, CANCEL)
    world.settle()
    assert world.state() is OrderState.CANCELLED


def test_a_settlement_that_was_done_before_it_was_given_up_is_done() -> None:
    """Its participant's answer is fetched, and the order follows it."""
    world, begun = _given_up(late=True)

    world.settle()

    assert (world.run(begun).phase, world.state()) == (Phase.DONE, OrderState.CANCELLED)


def test_a_duplicate_answer_changes_nothing() -> None:
    """The reply that came twice finds nothing that waits for it."""
    world = placed()
    started(world, CANCEL)
    command = world.sent.pop()
    world.answer(command)
    after = world.order

    world.answer(command)
    world.answer(command, Verdict.REFUSED, "TOO_LATE")

    assert world.order == after


def test_an_unanswered_settlement_asks_again() -> None:
    """The wake-up sends what is awaited under the same name; EXECUTE is never given up."""
    world = placed()
    started(world, CANCEL)
    world.sent.clear()

    world.turn(timedelta(seconds=8))

    assert [c.saga.op for c in world.sent if c.saga] == [Op.EXECUTE]
    world.settle()
    assert isinstance(world.order, Order)
    assert world.state() is OrderState.CANCELLED
