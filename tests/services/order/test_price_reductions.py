"""Price reductions of a line, goodwill on the order, and returns that no amount keeps out (PR-8, PR-9)."""

import pytest

from services.kernel.messages import Op
from services.kernel.saga import Phase, Run
from services.order.domain import quotes, quoting
from services.order.domain.answers import Received, Started
from services.order.domain.commands import ConfirmReceipt, ConfirmShipment, RefundAmount, RequestReturn, ReverseRefund
from services.order.domain.events import OrderRefunded, RefundReversed
from services.order.domain.explanation import explain
from services.order.domain.refunding import AMOUNT_REFUNDS_MAX
from services.order.domain.states import OrderState, ReturnState
from services.order.domain.tenders import TenderType
from services.order.domain.texts import text
from services.order.wire.orders import order_message
from services.order.wire.quotes import quote_message
from services.order.wire.settlements import settlement_message
from settlement.order.v1 import settlement_pb2
from tests.services.order.steps import holds
from tests.services.order.world import MIXED, ORDER_ID, World, new_order, placed, sent_back, shipped, units

THREE = new_order((("L1", 3, 10_000), ("L2", 1, 20_000)), ((TenderType.CREDIT, 50_000),))
"""Three units of one line, one of another."""

PAIR = new_order((("L1", 2, 5_000),), ((TenderType.CREDIT, 10_000),))
"""Two units of one line."""


def amount(world: World, minor: int, line: str = "") -> Run:
    """Money back without goods, down to its end."""
    begun = world.ask(RefundAmount(ORDER_ID, minor, line_id=line))
    assert isinstance(begun.result, Started)
    world.settle()
    return world.run(begun.result.run.id)


def back(world: World, **quantities: int) -> Run:
    """Units back, down to the end of their refund."""
    case = sent_back(world, **quantities)
    receipt = world.ask(ConfirmReceipt(ORDER_ID, case.id)).result
    assert isinstance(receipt, Received)
    world.settle()
    assert world.case(case.id).state is ReturnState.REFUNDED
    return world.run(receipt.run.id)


def paid(run: Run) -> int:
    """What a refund moved."""
    return int(run.plan.money.amount_minor)


# -- price reductions


def test_a_price_reduction_lowers_what_its_units_are_worth() -> None:
    """Golden E30: 30.00 off a line of three at 100.00: one comes back for 90.00, the other two for 180.00."""
    world = shipped(THREE)

    runs = [amount(world, 3_000, "L1"), back(world, L1=1), back(world, L1=2), back(world, L2=1)]

    assert [paid(run) for run in runs] == [3_000, 9_000, 18_000, 20_000]
    assert world.state() is OrderState.FULLY_REFUNDED
    assert [line.left_minor for line in world.order.lines] == [0, 0]


@pytest.mark.parametrize(("off", "more"), [(20_000, [0, 0]), (5_000, [6_666, 8_334]), (1, [9_999, 10_000])])
def test_a_reduction_after_a_return_is_carried_by_what_is_still_out(off: int, more: list[int]) -> None:
    """PR-8: `max(0, floor(V*(r+n)/q) - g)`; the last unit clears the line, and no fen is lost."""
    world = shipped(THREE)
    assert paid(back(world, L1=1)) == 10_000
    amount(world, off, "L1")

    assert [paid(back(world, L1=1)), paid(back(world, L1=1))] == more

    assert world.order.refunded_minor == 30_000
    assert world.order.lines[0].left_minor == 0


def test_a_reduction_is_at_most_what_is_left_of_its_line() -> None:
    """The order has more; a line that has not shipped has nothing, and one that does not exist is named as unknown."""
    world = placed(THREE)
    world.ask(ConfirmShipment(ORDER_ID, units(L1=3)))
    world.settle()
    back(world, L1=1)
    amount(world, 15_000, "L1")

    for minor, line, reason in (
        (5_001, "L1", "REFUND_EXCEEDS_REMAINING"), (1, "L2", "REFUND_EXCEEDS_REMAINING"), (1, "L9", "UNKNOWN_LINE"),
    ):
        world.ask(RefundAmount(ORDER_ID, minor, line_id=line)).then_refused(reason)
    assert paid(amount(world, 5_000, "L1")) == 5_000


def test_a_reduction_is_bounded_by_what_is_left_of_the_order_too() -> None:
    """Goodwill took the order's money, though no line was reduced (PR-5)."""
    world = shipped(PAIR)
    amount(world, 9_000)

    world.ask(RefundAmount(ORDER_ID, 1_001, line_id="L1")).then_refused("REFUND_EXCEEDS_REMAINING")
    assert paid(amount(world, 1_000, "L1")) == 1_000


def test_a_reduction_is_told_and_shown_by_its_line() -> None:
    """On the order, on its settlement and in its events; undone, the units are worth what they were."""
    world = shipped(THREE)
    run = amount(world, 3_000, "L1")

    assert [line.reduced.minor_units for line in order_message(world.order).lines] == [3_000, 0]
    assert settlement_message(run, world.order).reduced_line_id == "L1"
    told = world.events[-1].body
    assert isinstance(told, OrderRefunded)
    assert (told.reduced_line, told.lines) == ("L1", ())
    world.ask(ReverseRefund(ORDER_ID))
    world.settle()
    undone = world.events[-1].body
    assert isinstance(undone, RefundReversed)
    assert undone.reduced_line == "L1"
    assert world.order.lines[0].reduced_minor == 0
    assert paid(back(world, L1=1)) == 10_000


def test_the_shares_of_a_reduction_follow_what_is_left_of_each_tender() -> None:
    """100.00 of 500 + 300 + 200 (PR-4)."""
    world = shipped(MIXED)

    run = amount(world, 10_000, "L2")

    assert [share.amount_minor for share in run.plan.money.shares] == [5_000, 3_000, 2_000]


# -- goods are never refused for money


def test_goodwill_costs_no_unit_its_worth() -> None:
    """Golden E31: a return pays the full worth as long as something is left, then what is left."""
    world = shipped(PAIR)

    runs = [amount(world, 3_000), back(world, L1=1), back(world, L1=1)]

    assert [paid(run) for run in runs] == [3_000, 5_000, 2_000]
    assert world.state() is OrderState.FULLY_REFUNDED
    world.ask(RefundAmount(ORDER_ID, 1)).then_refused("REFUND_EXCEEDS_REMAINING")


def test_goods_come_back_for_nothing_and_the_case_ends() -> None:
    """Golden E32: nothing is sent to anybody, and yet the case, the order, the events and the settlement are true."""
    world = shipped(PAIR)
    amount(world, 10_000)
    case = sent_back(world, L1=2)

    receipt = world.ask(ConfirmReceipt(ORDER_ID, case.id))

    receipt.then_asked()
    assert isinstance(receipt.result, Received)
    assert receipt.result.case == world.case(case.id)
    assert (receipt.result.case.state, receipt.result.run.phase) == (ReturnState.REFUNDED, Phase.DONE)
    assert world.facts()[-2:] == ["ReturnReceived", "OrderRefunded"]
    told = world.events[-1].body
    assert isinstance(told, OrderRefunded)
    assert (told.lines, told.full, sum(share.amount_minor for share in told.shares)) == (units(L1=2), True, 0)
    assert (world.order.lines[0].returned, world.order.lines[0].returning) == (2, 0)
    shown = settlement_message(receipt.result.run, world.order)
    assert (shown.state, shown.amount.minor_units) == (settlement_pb2.SETTLEMENT_STATE_DONE, 0)
    assert (shown.return_id, list(shown.branches)) == (case.id, [])
    steps = explain(world.order, receipt.result.run.plan)
    assert all(holds(step) for step in steps)
    assert (steps[-1].rule, steps[-1].amount_minor) == ("PR-9", 0)


def test_a_case_ends_though_the_order_was_refunded_meanwhile() -> None:
    """A goodwill of one fen made the receipt of goods under way refuse for ever; one of everything, too."""
    world = shipped(PAIR)
    first, second = sent_back(world, L1=1), sent_back(world, L1=1)
    amount(world, 1)

    world.ask(ConfirmReceipt(ORDER_ID, first.id))
    world.settle()
    assert world.order.refunded_minor == 5_001
    amount(world, 4_999)
    world.ask(ConfirmReceipt(ORDER_ID, second.id))

    assert [world.case(case.id).state for case in (first, second)] == [ReturnState.REFUNDED] * 2
    assert world.order.refunded_minor == 10_000


def test_a_return_is_asked_for_after_goodwill() -> None:
    """One fen of goodwill made every return of the order refuse."""
    world = shipped(PAIR)
    amount(world, 1)

    assert world.ask(RequestReturn(ORDER_ID, units(L1=2))).reason == ""


def test_a_receipt_waits_for_the_settlement_that_is_under_way() -> None:
    """BUSY is no refusal: once it has ended the receipt pays what it left (BZ-3)."""
    world = shipped(PAIR)
    case = sent_back(world, L1=2)
    world.ask(RefundAmount(ORDER_ID, 9_999))

    world.ask(ConfirmReceipt(ORDER_ID, case.id)).then_refused("BUSY")
    world.settle()
    receipt = world.ask(ConfirmReceipt(ORDER_ID, case.id))
    world.settle()

    receipt.then_asked(("credit_ledger", Op.EXECUTE))
    assert world.case(case.id).state is ReturnState.REFUNDED
    assert world.state() is OrderState.FULLY_REFUNDED


def test_the_number_of_refunds_stops_money_not_goods() -> None:
    """An order has so many amount refunds and no more; what is on its way back is received all the same."""
    world = shipped(new_order((("L1", 2, 5_000),), ((TenderType.CREDIT, 10_000),)))
    case = sent_back(world, L1=1)
    for _ in range(AMOUNT_REFUNDS_MAX):
        amount(world, 1)

    world.ask(RefundAmount(ORDER_ID, 1)).then_refused("ORDER_STATE")
    assert world.ask(ConfirmReceipt(ORDER_ID, case.id)).reason == ""
    world.settle()
    assert paid(back(world, L1=1)) == 4_500


# -- quotes and words


@pytest.mark.parametrize("line", ["", "L1"])
def test_a_quote_of_an_amount_knows_its_line(line: str) -> None:
    """Accepted as quoted it is what it says; for another line, or none, it does not serve."""
    world = shipped(THREE)
    plan = quoting.quoted_plan(world.order, None, quoting.OfAmount(3_000, line), world.now)
    message = quote_message(world.order, plan, None, bytes(32), world.now)
    token = quotes.read(message.token, bytes(32))

    assert message.reduced_line_id == line
    for other in {"", "L1", "L2"} - {line}:
        world.ask(RefundAmount(ORDER_ID, 3_000, line_id=other, quote=token)).then_refused("QUOTE_INVALID")
    accepted = world.ask(RefundAmount(ORDER_ID, 3_000, line_id=line, quote=token)).result
    assert isinstance(accepted, Started)
    assert accepted.run.plan.money == plan.money


def test_a_quote_of_a_return_promises_what_is_left() -> None:
    """Units of a reduced line at their lower worth, and never more than the order has."""
    world = shipped(THREE)
    amount(world, 3_000, "L1")
    amount(world, 44_000)

    plan = quoting.quoted_plan(world.order, None, quoting.OfReturn(units(L1=1)), world.now)
    message = quote_message(world.order, plan, None, bytes(32), world.now)

    assert (message.amount.minor_units, message.lines[0].amount.minor_units) == (3_000, 9_000)


def test_an_explanation_tells_reductions_and_what_is_left() -> None:
    """Every step computes to what it says, in words that name what was taken off and what was left (U2)."""
    world = shipped(THREE)
    reduced = amount(world, 3_000, "L1")
    amount(world, 44_000)
    returned = back(world, L1=1)

    steps = [*explain(world.order, reduced.plan), *explain(world.order, returned.plan)]
    told = [text(step.rule, step.subject, step.formula, step.amount_minor, step.inputs, ()) for step in steps]

    assert all(holds(step) for step in steps)
    english = "\n".join(words.en for words in told)
    assert "a price reduction of 30.00 on line L1" in english
    assert "line L1: 300.00 was paid, less price reductions of 30.00, so 270.00 counts" in english
    assert "90.00 is due and 30.00 is left of the order: 30.00 is paid" in english
    assert "商品 L1:实付 300.00 元,减去差价 30.00 元,按 270.00 元计" in "\n".join(words.zh for words in told)
