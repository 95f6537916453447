"""An order replayed from its history: nothing is found in what the rules made, and whatever was changed is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.kernel.saga import Run
from services.order.domain.commands import (
    BankRefundSettled,
    BankRefundStepped,
    ConfirmReceipt,
    DisputeDeduction,
    DisputeRejection,
    RefundAmount,
    RejectReturn,
    ResolveDispute,
    ReverseRefund,
)
from services.order.domain.deductions import Deduction
from services.order.domain.pricing import Promotion
from services.order.domain.states import BankStep
from services.order.domain.tenders import TenderType
from settle.audit.folds.history import Stored
from settle.audit.folds.orders import of_order
from tests.services.order.world import ORDER_ID, World, delivered, new_order, requested, sent_back, shipped
from tests.settle.audit.replays import changed, faults, stored

SECOND = timedelta(seconds=1)
WITHOUT_MEANING = {
    ".promotions[].title": "nothing computes with it",
    ".promotions[].lines[]": "the same prices may come of other lines, which the lines themselves say",
    ".tenders[].reference": "that of a wallet or a credit is what a caller wrote; nothing reads it",
    ".note": "a text that no event tells",
    ".carrier": "a text that no event tells",
    ".return_address": "a text that no event tells",
    ".dispute_note": "a text that no event tells",
}
"""What is changed and not found, with the reason."""


def _bought() -> World:
    """Two lines, a promotion, a coupon; delivered."""
    lines, promotions = (("L1", 2, 30_000), ("L2", 1, 50_000)), (Promotion(10_000, (0, 1), "ten off"),)
    tenders = ((TenderType.CREDIT, 40_000), (TenderType.GIFTCARD, 20_000), (TenderType.BANKCARD, 40_000))
    return delivered(shipped(new_order(lines, tenders, promotions, coupon_minor=500)))


def _lived() -> World:
    """An order of which units came back worn, were disputed about and given back; whose price was reduced and then not;
    whose bank refused, and people paid."""
    world = _bought()
    case = sent_back(world, L1=1)
    world.turn(SECOND)
    world.ask(ConfirmReceipt(ORDER_ID, case.id, deductions=(Deduction("L1", 3_000, "WORN", ("photo",), "scratched"),)))
    world.settle()
    world.ask(DisputeDeduction(ORDER_ID, case.id, ("photo-2",), "it was so", "customer"))
    world.turn(SECOND)
    world.ask(ResolveDispute(ORDER_ID, case.id, True, "op_1", "looked at it"))
    world.settle()
    first = world.order.refunds[0].id
    world.ask(BankRefundStepped(ORDER_ID, first, "leg_1", BankStep.EXCEPTION, 11_250, world.now, "closed"))
    world.ask(BankRefundSettled(ORDER_ID, first, "leg_1", 11_250, manual=True))
    world.turn(SECOND)
    world.ask(RefundAmount(ORDER_ID, 4_000, "late", line_id="L2"))
    world.settle()
    world.ask(ReverseRefund(ORDER_ID))
    world.settle()
    rejected = requested(world, L2=1)
    world.ask(RejectReturn(ORDER_ID, rejected.id, "too late"))
    world.ask(DisputeRejection(ORDER_ID, rejected.id, ("photo-3",), "it is not", "customer"))
    return world


def test_nothing_is_found_in_what_the_rules_made() -> None:
    """Neither by the whole history, nor by the settlements alone."""
    world = _lived()

    assert len(world.events) > 15
    assert faults(world) == []


def test_whatever_is_changed_of_the_rows_is_found() -> None:
    """Every field of the order and of its return cases, but those that mean nothing."""
    known, missed = stored(_lived(), ORDER_ID), set()
    for path, order in changed(known.order):
        if path != ".id" and not list(of_order(Stored(order, known.cases, known.runs, known.told), whole=True)):
            missed.add(path)
    for case_id, row in known.cases.items():
        for path, case in changed(row):
            cases = {**known.cases, case_id: case}
            if not list(of_order(Stored(known.order, cases, known.runs, known.told), whole=True)):
                missed.add(path)

    assert missed <= set(WITHOUT_MEANING)


def test_what_is_changed_is_named() -> None:
    """The row and the field, what should be there, and what is."""
    known = stored(_lived(), ORDER_ID)
    lines = (known.order.lines[0]._replace(returned=2), *known.order.lines[1:])
    broken = Stored(replace(known.order, lines=lines), known.cases, known.runs, known.told)

    found, = of_order(broken, whole=True)

    assert (found.what, found.expected, found.actual) == (f"orders {ORDER_ID} lines[L1].returned", "1", "2")


def test_the_plans_and_amounts_of_settlements_are_reckoned_again() -> None:
    """Whatever is changed of what a settlement was to move."""
    known, missed = stored(_lived(), ORDER_ID), set()
    for run_id, run in known.runs.items():
        for path, plan in changed(run.plan):
            runs = {**known.runs, run_id: _with_plan(run, plan)}
            if not list(of_order(Stored(known.order, known.cases, runs, known.told), whole=True)):
                missed.add(path)

    assert missed <= {".reason", ".note", ".operator_id", ".waybill_number", *(f".pins.{name}" for name in (
        "account_version", "valid_until", "digest"))}


def _with_plan(run: Run, plan: Any) -> Run:  # Any: a plan of any kind
    return replace(run, plan=plan)


@pytest.mark.parametrize("number", range(1, 16))
def test_a_lost_event_at_the_end_is_found(number: int) -> None:
    """Also where the number of the order was lowered with it."""
    known = stored(_lived(), ORDER_ID)
    events = known.told[:number]
    order = replace(known.order, sequence=number)

    assert list(of_order(Stored(order, known.cases, known.runs, events), whole=True))


def test_of_what_was_pruned_only_what_is_known_is_compared() -> None:
    """Settlements stay for ever, and so the money is compared for ever; what events told is not missed."""
    known = stored(_lived(), ORDER_ID)
    lines = (known.order.lines[0]._replace(returned_minor=1), *known.order.lines[1:])
    broken = replace(known.order, lines=lines)

    assert not list(of_order(Stored(known.order, known.cases, known.runs, known.told[9:]), whole=False))
    found, = of_order(Stored(broken, known.cases, known.runs, known.told[9:]), whole=False)
    assert found.what == f"orders {ORDER_ID} lines[L1].returned_minor"
