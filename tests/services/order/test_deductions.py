"""What a merchant deducts at the receipt of a return, and what becomes of it (PR-9, DOMAIN 2.2)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.saga import Run, Verdict
from services.order.domain import events, quotes, quoting
from services.order.domain.answers import Received, Resolved
from services.order.domain.commands import (
    ConfirmReceipt,
    DisputeDeduction,
    RefundAmount,
    ResolveDispute,
    ReverseRefund,
)
from services.order.domain.deductions import Deduction
from services.order.domain.explanation import explain
from services.order.domain.lines import LineAmount
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, OrderState, ReturnState
from services.order.domain.texts import text
from services.order.wire.orders import case_message
from services.order.wire.quotes import quote_message
from services.order.wire.settlements import settlement_message
from settlement.order.v1 import after_sale_service_pb2 as pb
from tests.services.order.steps import holds
from tests.services.order.world import ORDER_ID, World, case_of, delivered, sent_back, units

WORN = Deduction("L1", 5_000, "WORN", ("photo-1",), "scratches")
PROOF = ("photo-2",)
SECOND = timedelta(seconds=1)


def receive(case: ReturnCase, *deductions: Deduction, **accepted: int) -> ConfirmReceipt:
    """The receipt of a case, less these."""
    return ConfirmReceipt(ORDER_ID, case.id, units(**accepted), deductions=deductions)


def deducted(world: World | None = None, *deductions: Deduction) -> tuple[World, ReturnCase]:
    """A world in which L1 came back, 300.00 each, less 50.00."""
    world = world or delivered()
    case = sent_back(world, L1=2)
    assert world.ask(receive(case, *(deductions or (WORN,)))).reason == ""
    world.settle()
    return world, world.case(case.id)


def dispute(case: ReturnCase, *evidence: str) -> DisputeDeduction:
    """The customer's word."""
    return DisputeDeduction(ORDER_ID, case.id, evidence, "it was like this", "customer")


def resolve(case: ReturnCase, upheld: bool) -> ResolveDispute:
    """Support's decision."""
    return ResolveDispute(ORDER_ID, case.id, upheld, "op_1", "looked at it")


def test_a_deduction_lowers_what_the_receipt_pays() -> None:
    """600.00 less 50.00: the units are returned, they count as worth 600.00, and 50.00 of the order stays paid."""
    world, case = deducted()

    assert (case.state, case.deduction_state, case.deductions) == (ReturnState.REFUNDED, DeductionState.TAKEN, (WORN,))
    assert world.order.refunded_minor == 55_000
    assert (world.order.lines[0].returned, world.order.lines[0].returned_minor) == (2, 60_000)
    assert world.state() is OrderState.PARTIALLY_REFUNDED
    told = [event.body for event in world.events if isinstance(event.body, events.ReturnReceived)]
    assert told[-1].deductions == (WORN,)
    shown = case_message(case)
    assert shown.deduction_state == pb.DEDUCTION_STATE_TAKEN
    assert (shown.deductions[0].line_id, shown.deductions[0].amount.minor_units) == ("L1", 5_000)
    assert (shown.deductions[0].reason, list(shown.deductions[0].evidence)) == (pb.DEDUCTION_REASON_WORN, ["photo-1"])


def test_a_deduction_is_no_price_reduction() -> None:
    """The other units of the line keep their worth."""
    world = delivered()
    first, second = sent_back(world, L1=1), sent_back(world, L1=1)

    for case, less in ((first, (WORN,)), (second, ())):
        world.ask(receive(case, *less))
        world.settle()

    assert [refund.amount_minor for refund in world.order.refunds] == [25_000, 30_000]


@pytest.mark.parametrize(
    ("deductions", "reason"),
    [
        ((WORN._replace(amount_minor=30_001),), "DEDUCTION_EXCEEDS_WORTH"),
        ((WORN._replace(amount_minor=0),), "INVALID_AMOUNT"),
        ((WORN._replace(amount_minor=-1),), "INVALID_AMOUNT"),
        ((WORN._replace(evidence=()),), "EVIDENCE_REQUIRED"),
        ((WORN._replace(evidence=(" ",)),), "EVIDENCE_REQUIRED"),
        ((WORN._replace(reason=""),), "INVALID_ARGUMENT"),
        ((WORN._replace(line_id="L2"),), "UNKNOWN_LINE"),
        ((WORN, WORN), "INVALID_ARGUMENT"),
    ],
)
def test_what_may_not_be_deducted(deductions: tuple[Deduction, ...], reason: str) -> None:
    """More than the accepted units of the line are worth, nothing, without reason or evidence, of a line that is not
    accepted, twice; the case waits for a receipt that may be."""
    world = delivered()
    case = sent_back(world, L1=2, L2=1)

    world.ask(receive(case, *deductions, L1=1)).then_refused(reason)

    assert world.ask(receive(case, WORN._replace(amount_minor=30_000), L1=1)).reason == ""
    assert world.sent == []
    assert world.case(case.id).state is ReturnState.REFUNDED


def test_a_deduction_of_what_goodwill_has_paid_takes_nothing_more() -> None:
    """The receipt pays what is left of the order, at most what is due (PR-9)."""
    world = delivered()
    world.ask(RefundAmount(ORDER_ID, 60_000))
    world.settle()

    deducted(world)

    assert world.order.refunded_minor == 100_000


@pytest.mark.parametrize(
    ("hours", "evidence", "reason"), [(24, (), "EVIDENCE_REQUIRED"), (72, PROOF, "DISPUTE_WINDOW_CLOSED")]
)
@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (timedelta(), False), (SECOND, True)])
def test_a_deduction_is_disputed_in_time(
    hours: int, evidence: tuple[str, ...], reason: str, offset: timedelta, late: bool
) -> None:
    """2.10: within 24 hours of the receipt, with evidence within 72; the last instant is still inside."""
    world, case = deducted()
    world.turn(timedelta(hours=hours) + offset)

    assert world.ask(dispute(case, *evidence)).reason == (reason if late else "")


def test_support_gives_a_deduction_back() -> None:
    """By a further refund; the state of the case is as it was, and nobody disputes it a second time."""
    world, case = deducted()

    disputed = case_of(world.ask(dispute(case)))
    assert (disputed.state, disputed.deduction_state) == (ReturnState.REFUNDED, DeductionState.DISPUTED)
    answer = world.ask(resolve(case, True)).result
    assert isinstance(answer, Resolved)
    assert answer.run is not None
    assert answer.case.deduction_state is DeductionState.GIVING_BACK
    world.settle()

    after = world.case(case.id)
    assert (after.state, after.deduction_state) == (ReturnState.REFUNDED, DeductionState.GIVEN_BACK)
    assert after.give_back_id == answer.run.id
    assert world.order.refunded_minor == 60_000
    assert world.facts()[-3:] == ["ReturnDisputed", "ReturnDisputeResolved", "OrderRefunded"]
    assert settlement_message(world.run(answer.run.id), world.order).return_id == case.id
    world.ask(dispute(case, *PROOF)).then_refused("RETURN_STATE")
    world.ask(resolve(case, True)).then_refused("RETURN_STATE")


def test_support_confirms_a_deduction() -> None:
    """Nothing moves, and it is for good."""
    world, case = deducted()
    world.ask(dispute(case))

    world.ask(resolve(case, False)).then_asked()

    assert world.case(case.id).deduction_state is DeductionState.CONFIRMED
    assert world.order.refunded_minor == 55_000
    world.ask(dispute(case, *PROOF)).then_refused("RETURN_STATE")


def test_a_give_back_that_fails_is_in_dispute_again() -> None:
    """Support decides once more: the case always ends."""
    world, case = deducted()
    world.ask(dispute(case))
    world.ask(resolve(case, True))
    world.answer(world.sent.pop(), Verdict.REFUSED, "ACCOUNT_NOT_ACTIVE")

    assert world.case(case.id).deduction_state is DeductionState.DISPUTED
    assert world.ask(resolve(case, True)).reason == ""
    world.settle()
    assert world.case(case.id).deduction_state is DeductionState.GIVEN_BACK


def test_a_give_back_pays_what_is_left() -> None:
    """Goodwill came first: nothing is left, nothing is sent, and the dispute ends."""
    world, case = deducted()
    world.ask(dispute(case))
    world.ask(RefundAmount(ORDER_ID, 45_000))
    world.settle()

    world.ask(resolve(case, True)).then_asked()

    assert world.case(case.id).deduction_state is DeductionState.GIVEN_BACK
    assert world.order.refunded_minor == 100_000


def test_a_give_back_that_is_undone_stands_no_more() -> None:
    """The deduction counts again (P24)."""
    world, case = deducted()
    world.ask(dispute(case))
    world.ask(resolve(case, True))
    world.settle()

    world.ask(ReverseRefund(ORDER_ID))
    world.settle()

    assert world.case(case.id).deduction_state is DeductionState.CONFIRMED
    assert world.order.refunded_minor == 55_000


def test_a_deduction_from_a_refund_that_was_undone_is_not_disputed() -> None:
    """It withholds nothing any more (P24)."""
    world, case = deducted()
    world.ask(ReverseRefund(ORDER_ID))
    world.settle()

    world.ask(dispute(case)).then_refused("RETURN_STATE")


def test_a_dispute_about_a_refund_that_was_undone_ends_with_nothing() -> None:
    """There is nothing to give back, and yet it is decided (P24)."""
    world, case = deducted()
    world.ask(dispute(case))
    world.ask(ReverseRefund(ORDER_ID))
    world.settle()

    world.ask(resolve(case, True)).then_asked()

    assert world.case(case.id).deduction_state is DeductionState.GIVEN_BACK
    assert world.order.refunded_minor == 0


def test_who_may_dispute_which_deduction() -> None:
    """The customer of the order, of a case that has one, once the refund is on record."""
    world, case = deducted()
    plain = sent_back(world, L2=1)

    world.ask(replace(dispute(case), customer_id="other")).then_refused("ORDER_NOT_FOUND")
    world.ask(dispute(plain)).then_refused("RETURN_STATE")
    world.ask(replace(dispute(case), return_id="ret_none")).then_refused("RETURN_NOT_FOUND")
    world.ask(receive(plain, WORN._replace(line_id="L2")))
    world.ask(dispute(plain)).then_refused("BUSY")
    world.answer(world.sent.pop(), Verdict.REFUSED, "ACCOUNT_NOT_ACTIVE")
    world.ask(dispute(plain)).then_refused("RETURN_STATE")
    world.ask(dispute(case))
    accepting = replace(resolve(case, True), accepted=units(L1=1))
    world.ask(accepting).then_refused("INVALID_ARGUMENT")


def test_the_order_is_not_completed_while_a_deduction_can_be_disputed() -> None:
    """Like a rejection of its last days (DOMAIN 2.1)."""
    world = delivered()
    case = sent_back(world, L1=2)
    world.turn(timedelta(days=181))
    assert world.ask(receive(case, WORN)).reason == ""
    world.settle()

    world.turn(timedelta(hours=71))
    assert world.state() is OrderState.PARTIALLY_REFUNDED
    assert world.ask(dispute(world.case(case.id), *PROOF)).reason == ""
    world.turn(timedelta(days=30))
    world.ask(resolve(case, True))
    world.settle()

    assert world.order.refunded_minor == 60_000


def test_a_quote_of_a_receipt_promises_its_deductions() -> None:
    """Accepted with just these it is what it says; without them, or with others, it does not serve."""
    world = delivered()
    case = sent_back(world, L1=2)
    subject = quoting.OfReceipt(case.id, (LineAmount("L1", 5_000),))
    plan = quoting.quoted_plan(world.order, case, subject, world.now)
    message = quote_message(world.order, plan, None, bytes(32), world.now)
    token = quotes.read(message.token, bytes(32))

    line = message.lines[0]
    assert (message.amount.minor_units, line.amount.minor_units, line.deducted.minor_units) == (55_000, 60_000, 5_000)
    for less in ((), (WORN._replace(amount_minor=5_001),)):
        world.ask(replace(receive(case, *less), quote=token)).then_refused("QUOTE_INVALID")
    accepted = world.ask(replace(receive(case, WORN), quote=token)).result
    assert isinstance(accepted, Received)
    assert accepted.run.plan.money == plan.money


def test_an_explanation_tells_what_was_deducted_and_given_back() -> None:
    """Every step computes to what it says (U2)."""
    world, case = deducted()
    world.ask(dispute(case))
    world.ask(resolve(case, True))
    world.settle()
    runs = [row for row in world.rows.values() if isinstance(row, Run) and row.kind == "refund"]

    steps = [step for run in runs for step in explain(world.order, run.plan)]
    told = [text(step.rule, step.subject, step.formula, step.amount_minor, step.inputs, ()).en for step in steps]

    assert all(holds(step) for step in steps)
    assert "line L1: worth 600.00, of which the merchant deducts 50.00: 550.00 is due" in told
    assert "what was deducted comes back: 50.00 = 50.00" in told
