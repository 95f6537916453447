"""Refused parcels and disputes: each way in, each way out, each edge (DOMAIN 2.1, 2.2, 2.10)."""

from datetime import timedelta

import pytest

from services.kernel.saga import Verdict
from services.order.domain.answers import Resolved
from services.order.domain.commands import (
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    DisputeReceipt,
    DisputeRejection,
    RefundAmount,
    RefuseDelivery,
    RegisterWaybill,
    RejectReturn,
    ResolveDispute,
)
from services.order.domain.returns import ReturnCase
from services.order.domain.states import OrderState, ReturnState
from tests.in_memory import Step
from tests.services.order.world import (
    ORDER_ID,
    TWO,
    World,
    case_of,
    delivered,
    placed,
    requested,
    sent_back,
    shipped,
    units,
)

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
PROOF = ("photo-1", "weight-2")


def resolved(step: Step) -> Resolved:
    """What support's decision came to."""
    result = step.result
    assert isinstance(result, Resolved)
    return result


def rejected(world: World, **quantities: int) -> ReturnCase:
    """A return that the merchant rejected."""
    case = requested(world, **quantities)
    return case_of(world.ask(RejectReturn(ORDER_ID, case.id, "worn")))


def resolve(case: ReturnCase, upheld: bool, **quantities: int) -> ResolveDispute:
    """Support's decision."""
    return ResolveDispute(ORDER_ID, case.id, upheld, "op_1", "looked at it", accepted=units(**quantities))


# -- refused at the door


def test_a_refused_delivery_is_a_return_on_its_way() -> None:
    """2.1: the order stays IN_TRANSIT; the receipt refunds it like any other return."""
    world = shipped(TWO)

    case = case_of(world.ask(RefuseDelivery(ORDER_ID, "SF7", "SF", "not wanted", "customer")))

    assert (case.state, case.lines, case.waybill_number) == (ReturnState.IN_RETURN, units(L1=2, L2=1), "SF7")
    assert world.state() is OrderState.IN_TRANSIT
    assert [line.returning for line in world.order.lines] == [2, 1]
    assert world.facts()[-3:] == ["DeliveryRefused", "ReturnRequested", "ReturnShipped"]
    assert world.timers == {}
    world.ask(ConfirmReceipt(ORDER_ID, case.id))
    world.settle()
    assert world.state() is OrderState.FULLY_REFUNDED
    assert world.case(case.id).state is ReturnState.REFUNDED


def test_a_refused_delivery_takes_what_is_in_no_case_yet() -> None:
    """What was returned, is in a case, or has not shipped stays out of it."""
    world = placed(TWO)
    world.ask(ConfirmShipment(ORDER_ID, units(L1=2)))
    world.settle()
    requested(world, L1=1)

    case = case_of(world.ask(RefuseDelivery(ORDER_ID, "SF7")))

    assert case.lines == units(L1=1)
    world.ask(RefuseDelivery(ORDER_ID, "SF7")).then_refused("ORDER_STATE")
    assert world.ask(CancelOrder(ORDER_ID, "NOT_WANTED")).reason == ""


def test_who_may_refuse_what() -> None:
    """Before the shipment, after the delivery, somebody else's order, and an order that does not exist."""
    world = placed(TWO)
    refuse = RefuseDelivery(ORDER_ID, "SF7")

    world.ask(refuse).then_refused("ORDER_NOT_SHIPPED")
    world.ask(ConfirmShipment(ORDER_ID))
    world.ask(refuse).then_refused("BUSY")
    world.settle()
    world.ask(RefuseDelivery(ORDER_ID, "SF7", customer_id="other")).then_refused("ORDER_NOT_FOUND")
    world.ask(RefuseDelivery("ord_none", "SF7"), "ord_none").then_refused("ORDER_NOT_FOUND")
    world.ask(ConfirmDelivery(ORDER_ID))
    world.ask(refuse).then_refused("ORDER_STATE")


def test_a_refused_delivery_after_all_was_paid_back_brings_nothing_more() -> None:
    """Nothing is left to refund, and the goods are on their way all the same: the case ends (PR-9)."""
    world = shipped(TWO)
    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()

    case = case_of(world.ask(RefuseDelivery(ORDER_ID, "SF7")))
    assert world.ask(ConfirmReceipt(ORDER_ID, case.id)).reason == ""

    assert world.sent == []
    assert world.case(case.id).state is ReturnState.REFUNDED
    assert [line.returned for line in world.order.lines] == [2, 1]


# -- disputes of a receipt


def test_support_upholds_a_disputed_receipt_in_part() -> None:
    """IN_RETURN -> IN_DISPUTE -> REFUNDING -> REFUNDED; what is not accepted is the customer's again."""
    world = delivered()
    sent = sent_back(world, L1=2, L2=1)

    disputed = case_of(world.ask(DisputeReceipt(ORDER_ID, sent.id, PROOF, "one is missing", "merchant")))
    assert (disputed.state, disputed.disputed_by, disputed.evidence) == (ReturnState.IN_DISPUTE, "MERCHANT", PROOF)
    answer = resolved(world.ask(resolve(sent, True, L1=1, L2=1)))
    assert answer.run is not None
    assert answer.case.state is ReturnState.REFUNDING
    world.settle()

    assert world.case(sent.id).state is ReturnState.REFUNDED
    assert world.order.refunded_minor == 70_000
    assert [line.returnable for line in world.order.lines] == [1, 0]
    assert world.facts()[-4:] == ["ReturnDisputed", "ReturnDisputeResolved", "ReturnReceived", "OrderRefunded"]


def test_support_rejects_a_disputed_receipt() -> None:
    """The units are the customer's again; a decision of support is not disputed a second time."""
    world = delivered()
    sent = sent_back(world, L1=2)
    world.ask(DisputeReceipt(ORDER_ID, sent.id, PROOF))

    answer = resolved(world.ask(resolve(sent, False)))

    assert answer.run is None
    assert (answer.case.state, answer.case.reject_reason) == (ReturnState.REJECTED, "looked at it")
    assert world.order.lines[0].returning == 0
    assert world.facts()[-2:] == ["ReturnDisputeResolved", "ReturnRejected"]
    world.ask(DisputeRejection(ORDER_ID, sent.id, PROOF)).then_refused("RETURN_STATE")


def test_the_merchant_may_give_in() -> None:
    """A confirmed receipt ends the dispute like support would."""
    world = delivered()
    sent = sent_back(world, L2=1)
    world.ask(DisputeReceipt(ORDER_ID, sent.id, PROOF))

    assert world.ask(ConfirmReceipt(ORDER_ID, sent.id)).reason == ""
    world.settle()
    assert world.case(sent.id).state is ReturnState.REFUNDED
    world.ask(resolve(sent, True)).then_refused("RETURN_STATE")


def test_a_disputed_refund_that_fails_needs_a_person() -> None:
    """REFUNDING -> REFUND_EXCEPTION; the receipt can be confirmed again."""
    world = delivered()
    sent = sent_back(world, L2=1)
    world.ask(DisputeReceipt(ORDER_ID, sent.id, PROOF))
    world.ask(resolve(sent, True))
    world.answer(world.sent.pop(), Verdict.REFUSED, "ACCOUNT_NOT_ACTIVE")

    assert world.case(sent.id).state is ReturnState.REFUND_EXCEPTION
    assert world.ask(ConfirmReceipt(ORDER_ID, sent.id)).reason == ""
    world.settle()
    assert world.case(sent.id).state is ReturnState.REFUNDED


def test_who_may_dispute_a_receipt() -> None:
    """Evidence, the merchant of the order, a case that is on its way, an order and a case that exist."""
    world = delivered()
    waiting, sent = requested(world, L1=1), sent_back(world, L2=1)

    for body, reason in (
        (DisputeReceipt(ORDER_ID, sent.id), "EVIDENCE_REQUIRED"),
        (DisputeReceipt(ORDER_ID, sent.id, (" ", "\u3000")), "EVIDENCE_REQUIRED"),
        (DisputeReceipt(ORDER_ID, sent.id, PROOF, merchant_id="other"), "ORDER_NOT_FOUND"),
        (DisputeReceipt(ORDER_ID, waiting.id, PROOF), "RETURN_STATE"),
        (DisputeReceipt(ORDER_ID, "ret_none", PROOF), "RETURN_NOT_FOUND"),
        (resolve(sent, True), "RETURN_STATE"),
        (ResolveDispute(ORDER_ID, "ret_none", True, "op_1", "why"), "RETURN_NOT_FOUND"),
    ):
        assert world.ask(body).reason == reason
    world.ask(DisputeReceipt("ord_none", sent.id, PROOF), "ord_none").then_refused("ORDER_NOT_FOUND")
    unknown = ResolveDispute("ord_none", sent.id, True, "op_1", "why")
    world.ask(unknown, "ord_none").then_refused("ORDER_NOT_FOUND")


def test_what_support_accepts_must_have_been_sent() -> None:
    """Never more than was requested, never another line, and nothing where the dispute is rejected."""
    world = delivered()
    sent = sent_back(world, L1=1)
    world.ask(DisputeReceipt(ORDER_ID, sent.id, PROOF))

    world.ask(resolve(sent, True, L1=2)).then_refused("QUANTITY_EXCEEDS_BOUGHT")
    world.ask(resolve(sent, True, L2=1)).then_refused("UNKNOWN_LINE")
    world.ask(resolve(sent, False, L1=1)).then_refused("INVALID_ARGUMENT")
    assert world.case(sent.id).state is ReturnState.IN_DISPUTE


# -- disputes of a rejection


def test_a_rejection_that_support_lifts_goes_its_way() -> None:
    """REJECTED -> IN_DISPUTE -> APPROVED: the goods come back like any others, within seven days."""
    world = delivered()
    case = rejected(world, L1=2)

    disputed = case_of(world.ask(DisputeRejection(ORDER_ID, case.id, (), "it was never worn", "customer")))
    assert (disputed.state, disputed.disputed_by) == (ReturnState.IN_DISPUTE, "CUSTOMER")
    assert world.order.lines[0].returning == 2
    world.ask(ConfirmReceipt(ORDER_ID, case.id)).then_refused("WAYBILL_STATE")
    world.ask(resolve(case, True, L1=1)).then_refused("INVALID_ARGUMENT")
    answer = resolved(world.ask(resolve(case, True)))

    assert (answer.case.state, answer.run) == (ReturnState.APPROVED, None)
    assert ("waybill_expiry", case.id) in world.timers
    assert world.facts()[-3:] == ["ReturnDisputed", "ReturnDisputeResolved", "ReturnApproved"]
    world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1"))
    world.ask(ConfirmReceipt(ORDER_ID, case.id))
    world.settle()
    assert world.order.refunded_minor == 60_000


def test_a_rejection_that_support_confirms_is_for_good() -> None:
    """IN_DISPUTE -> REJECTED; the units are free for another case, which is not disputed away."""
    world = delivered()
    case = rejected(world, L1=2)
    world.ask(DisputeRejection(ORDER_ID, case.id))
    world.ask(resolve(case, False))

    assert world.case(case.id).state is ReturnState.REJECTED
    world.ask(DisputeRejection(ORDER_ID, case.id, PROOF)).then_refused("RETURN_STATE")
    assert requested(world, L1=2).state is ReturnState.REQUESTED


@pytest.mark.parametrize(("offset", "late"), [(-SECOND, False), (timedelta(), False), (SECOND, True)])
@pytest.mark.parametrize(
    ("hours", "evidence", "reason"),
    [(24, (), "EVIDENCE_REQUIRED"), (24, ("\u3000",), "EVIDENCE_REQUIRED"), (72, PROOF, "DISPUTE_WINDOW_CLOSED")],
)
def test_a_rejection_is_disputed_in_time(
    hours: int, evidence: tuple[str, ...], reason: str, offset: timedelta, late: bool
) -> None:
    """2.10: within 24 hours, with evidence within 72; the last instant is still inside."""
    world = delivered()
    case = rejected(world, L2=1)
    world.turn(timedelta(hours=hours) + offset)

    assert world.ask(DisputeRejection(ORDER_ID, case.id, evidence)).reason == (reason if late else "")


def test_without_evidence_and_too_late_is_too_late() -> None:
    """The reason names what would help, and nothing does any more."""
    world = delivered()
    case = rejected(world, L2=1)
    world.turn(4 * DAY)

    world.ask(DisputeRejection(ORDER_ID, case.id)).then_refused("DISPUTE_WINDOW_CLOSED")


def test_who_may_dispute_a_rejection() -> None:
    """The customer of the order, of a case that was rejected, of units that are in no other case."""
    world = delivered()
    waiting, case = requested(world, L1=1), rejected(world, L2=1)

    for body, reason in (
        (DisputeRejection(ORDER_ID, case.id, customer_id="other"), "ORDER_NOT_FOUND"),
        (DisputeRejection(ORDER_ID, waiting.id), "RETURN_STATE"),
        (DisputeRejection(ORDER_ID, "ret_none"), "RETURN_NOT_FOUND"),
    ):
        assert world.ask(body).reason == reason
    world.ask(DisputeRejection("ord_none", case.id), "ord_none").then_refused("ORDER_NOT_FOUND")
    requested(world, L2=1)
    world.ask(DisputeRejection(ORDER_ID, case.id)).then_refused("QUANTITY_EXCEEDS_BOUGHT")
