"""What a settlement was to do, reckoned again from its order as it was when it began (1.4, PR-4, PR-5, A24)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from services.kernel.saga import Run
from services.order.domain.commands import CancelOrder, ConfirmShipment, RefundAmount
from services.order.domain.deductions import amounts_of
from services.order.domain.events import ReturnReceived
from services.order.domain.fulfilment import cancellation_plan, capture_plan, expiry_plan
from services.order.domain.lines import LineQuantity, LineValue
from services.order.domain.order import Order
from services.order.domain.outcomes import deposit_return_plan
from services.order.domain.participation import uncovered_minor
from services.order.domain.placing import placement_plan
from services.order.domain.plans import (
    CancellationPlan,
    CapturePlan,
    PlacementPlan,
    Plan,
    RefundPlan,
    ReversalPlan,
)
from services.order.domain.refunding import amount_plan, give_back_plan, refund_to_reverse, return_plan, reversal_plan
from services.order.domain.returns import ReturnCase

_BEFORE_IT_WAS_KEPT = (0, 0, 0, 0)
"""The `coupon_basis` of refunds from before it was on record."""


def planned_again(
    order: Order, run: Run, runs: Mapping[str, Run], case: ReturnCase | None, received: ReturnReceived | None
) -> Plan | None:
    """The plan that the domain makes of this order; None where the history does not say what was asked. Quotes are on
    record nowhere else: what they pinned is taken over.

    `case` is the return case that the plan names, `received` what the merchant said of its receipt. Raises what the
    domain raises if it would not have allowed it.
    """
    plan, at = run.plan, run.started_at
    if isinstance(plan, PlacementPlan):
        return placement_plan(order)
    if isinstance(plan, CapturePlan):
        return capture_plan(order, ConfirmShipment(order.id, _units(plan.lines), plan.waybill_number), at)
    if isinstance(plan, CancellationPlan):
        return replace(_cancellation(order, plan, at), pins=plan.pins)
    if isinstance(plan, RefundPlan):
        refund_again = _refund(order, plan, at, case, received)
        if refund_again is None:
            return None
        basis = plan.coupon_basis if plan.coupon_basis == _BEFORE_IT_WAS_KEPT else refund_again.coupon_basis
        return replace(refund_again, pins=plan.pins, coupon_basis=basis)
    if isinstance(plan, ReversalPlan):
        refund = refund_to_reverse(order, plan.refund_settlement_id)
        refunded = runs[plan.refund_settlement_id]
        again = reversal_plan(refund, refunded.plan, plan.reason, uncovered_minor(refunded))
        return again if plan.return_id else replace(again, return_id="")  # it was not always on record
    placement = next((known for known in runs.values() if isinstance(known.plan, PlacementPlan)), None)
    return deposit_return_plan(placement.plan) if placement is not None else None


def _cancellation(order: Order, plan: CancellationPlan, at: datetime) -> CancellationPlan:
    if plan.expired:
        return expiry_plan(order)
    asked = CancelOrder(
        order_id=order.id, reason=plan.reason, note=plan.note, operator_id=plan.operator_id, lines=_units(plan.lines)
    )
    return cancellation_plan(order, asked, at)


def _refund(
    order: Order, plan: RefundPlan, at: datetime, case: ReturnCase | None, received: ReturnReceived | None
) -> RefundPlan | None:
    if plan.given_back_of:
        return give_back_plan(order, plan.refund_id, case, plan.reason) if case is not None else None
    if not plan.return_id:
        asked = RefundAmount(order.id, plan.money.amount_minor, plan.reason, line_id=plan.reduced_line)
        return amount_plan(order, plan.refund_id, asked, at)
    if case is None or received is None:
        return None
    return return_plan(
        order=order, refund_id=plan.refund_id, return_id=case.id, requested=case.lines, accepted=received.accepted,
        deductions=amounts_of(received.deductions),
    )


def _units(values: tuple[LineValue, ...]) -> tuple[LineQuantity, ...]:
    return tuple([LineQuantity(value.id, value.quantity) for value in values])
