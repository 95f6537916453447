"""The lives of orders, refunds, return cases and settlements with merchants as tables (DOMAIN 2.1, 2.2, 2.7)."""

from collections.abc import Iterator

from services.kernel.calendar import TICK
from services.kernel.lifecycle import Lifecycle, Wait
from services.order.domain import soundness
from services.order.domain.bank_shares import Refund
from services.order.domain.completion import AFTER_SALE, LOOK_AGAIN, ends_at
from services.order.domain.merchant_settlement import MerchantSettlement, MerchantSettlementState
from services.order.domain.order import Order
from services.order.domain.placing import HELD_UP, HOLD_EXPIRY
from services.order.domain.returns import AUTO_APPROVE, WAYBILL_EXPIRY, ReturnCase
from services.order.domain.states import DeductionState, OrderState, RefundState, ReturnState

O, F, C, D, M = OrderState, RefundState, ReturnState, DeductionState, MerchantSettlementState  # noqa: E741
_HOLD = {HOLD_EXPIRY: "while units are open: 1 us after the 30 days of the hold"}
_AFTER_SALE = {AFTER_SALE: "once delivered: at the midnight after 180 days, or once nothing can be disputed any more"}


def _waits_of_order(order: Order) -> Iterator[Wait]:
    if order.open and order.hold_expires_at is not None:
        yield Wait(HOLD_EXPIRY, order.id, order.id, order.hold_expires_at + TICK, again=HELD_UP)
    if order.delivered_at is not None and order.state not in (O.COMPLETED, O.FULLY_REFUNDED):
        yield Wait(AFTER_SALE, order.id, order.id, ends_at(order, order.delivered_at), again=LOOK_AGAIN)


def _waits_of_case(case: ReturnCase) -> Iterator[Wait]:
    kind = {C.REQUESTED: AUTO_APPROVE, C.APPROVED: WAYBILL_EXPIRY}.get(case.state)
    if kind is not None and case.deadline_at is not None:
        yield Wait(kind, case.id, case.order_id, case.deadline_at, case.deadline_at)


ORDER = Lifecycle(
    "order", Order, OrderState, lambda order: order.state,
    moves={
        (None, O.PLACING): "place", (None, O.AWAITING_SHIPMENT): "place, nothing to reserve",
        (O.PLACING, O.AWAITING_SHIPMENT): "all tenders reserved", (O.PLACING, O.REJECTED): "a tender failed",
        (O.AWAITING_SHIPMENT, O.CANCELLING): "cancel, or the hold runs out",
        (O.AWAITING_SHIPMENT, O.CANCELLED): "cancel, nothing to release",
        (O.AWAITING_SHIPMENT, O.PAYMENT_EXPIRED): "the hold runs out, nothing to release",
        (O.CANCELLING, O.CANCELLED): "all released", (O.CANCELLING, O.PAYMENT_EXPIRED): "all released, time was over",
        (O.CANCELLING, O.AWAITING_SHIPMENT): "a part released, or refused",
        (O.AWAITING_SHIPMENT, O.CAPTURING): "ship", (O.AWAITING_SHIPMENT, O.IN_TRANSIT): "ship, nothing to capture",
        (O.CAPTURING, O.IN_TRANSIT): "all captured", (O.CAPTURING, O.AWAITING_SHIPMENT): "refused",
        (O.IN_TRANSIT, O.DELIVERED): "delivered",
        (O.IN_TRANSIT, O.PARTIALLY_REFUNDED): "refund", (O.DELIVERED, O.PARTIALLY_REFUNDED): "refund",
        (O.IN_TRANSIT, O.FULLY_REFUNDED): "refund of all", (O.DELIVERED, O.FULLY_REFUNDED): "refund of all",
        (O.PARTIALLY_REFUNDED, O.FULLY_REFUNDED): "refund of the rest, or the rest cancelled or shipped for nothing",
        (O.PARTIALLY_REFUNDED, O.IN_TRANSIT): "refund undone", (O.PARTIALLY_REFUNDED, O.DELIVERED): "refund undone",
        (O.FULLY_REFUNDED, O.IN_TRANSIT): "refund undone", (O.FULLY_REFUNDED, O.DELIVERED): "refund undone",
        (O.FULLY_REFUNDED, O.PARTIALLY_REFUNDED): "a refund of several undone",
        (O.DELIVERED, O.COMPLETED): "after-sale time over", (O.PARTIALLY_REFUNDED, O.COMPLETED): "after-sale time over",
    },
    woken={
        O.AWAITING_SHIPMENT: _HOLD, O.CAPTURING: _HOLD, O.CANCELLING: _HOLD, O.IN_TRANSIT: _HOLD,
        O.DELIVERED: _HOLD | _AFTER_SALE, O.PARTIALLY_REFUNDED: _HOLD | _AFTER_SALE,
    },
    waits=_waits_of_order, flaws=soundness.of_order,
)

REFUND = Lifecycle(
    "refund of an order", Refund, RefundState, lambda refund: refund.state,
    moves={
        (None, F.ACCEPTED): "accept", (None, F.SUCCEEDED): "accept, nothing to move",
        (F.ACCEPTED, F.SUCCEEDED): "in every book", (F.ACCEPTED, F.CREDIT_DONE): "in every book, its bank is to pay",
        (F.ACCEPTED, F.PENDING_CHANNEL): "accepted by the network",
        (F.ACCEPTED, F.EXCEPTION): "late, or the bank refuses",
        (F.ACCEPTED, F.SUCCEEDED_MANUAL): "people paid before it was in every book",
        (F.PENDING_CHANNEL, F.CREDIT_DONE): "confirmed, its bank is to pay",
        (F.PENDING_CHANNEL, F.SUCCEEDED): "confirmed",
        (F.PENDING_CHANNEL, F.EXCEPTION): "not confirmed in 24 h, or the bank refuses",
        (F.CREDIT_DONE, F.SUCCEEDED): "its bank paid", (F.CREDIT_DONE, F.SUCCEEDED_MANUAL): "people paid",
        (F.CREDIT_DONE, F.EXCEPTION): "the bank refuses", (F.CREDIT_DONE, F.REVERSED): "undone",
        (F.EXCEPTION, F.SUCCEEDED): "the bank pays after all", (F.EXCEPTION, F.SUCCEEDED_MANUAL): "two people adjust",
        (F.EXCEPTION, F.CREDIT_DONE): "the bank is asked again",
        (F.EXCEPTION, F.PENDING_CHANNEL): "the bank is asked again",
        (F.EXCEPTION, F.REVERSED): "undone", (F.SUCCEEDED, F.REVERSED): "undone",
        (F.SUCCEEDED_MANUAL, F.REVERSED): "undone", (F.SUCCEEDED, F.CREDIT_DONE): "it bounced",
        (F.SUCCEEDED_MANUAL, F.CREDIT_DONE): "its bank share bounced",
    },
    woken={}, flaws=soundness.of_refund,
)
"""FAILED is told and never stored: a refund that fails leaves the order. The credit ledger has the timers."""

RETURN_CASE = Lifecycle(
    "return case", ReturnCase, ReturnState, lambda case: case.state,
    moves={
        (None, C.REQUESTED): "request", (None, C.IN_RETURN): "delivery refused",
        (C.REQUESTED, C.APPROVED): "approve, or 48 h pass", (C.REQUESTED, C.REJECTED): "reject",
        (C.REQUESTED, C.WITHDRAWN): "withdraw", (C.REQUESTED, C.IN_RETURN): "48 h passed, waybill",
        (C.APPROVED, C.WITHDRAWN): "withdraw", (C.APPROVED, C.IN_RETURN): "waybill",
        (C.APPROVED, C.EXPIRED): "7 days pass",
        (C.REJECTED, C.IN_DISPUTE): "the customer disputes",
        (C.IN_RETURN, C.IN_DISPUTE): "the merchant disputes", (C.IN_RETURN, C.REFUNDING): "receipt",
        (C.IN_RETURN, C.REFUNDED): "receipt, nothing to pay",
        (C.IN_DISPUTE, C.APPROVED): "upheld, to be sent", (C.IN_DISPUTE, C.REJECTED): "the merchant was right",
        (C.IN_DISPUTE, C.REFUNDING): "upheld, or receipt", (C.IN_DISPUTE, C.REFUNDED): "upheld, nothing to pay",
        (C.REFUNDING, C.REFUNDED): "refunded", (C.REFUNDING, C.IN_RETURN): "its quote was stale",
        (C.REFUNDING, C.REFUND_EXCEPTION): "failed, refused or late",
        (C.REFUNDED, C.REFUND_EXCEPTION): "the bank refuses",
        (C.REFUND_EXCEPTION, C.REFUNDED): "mended, adjusted or undone",
        (C.REFUND_EXCEPTION, C.REFUNDING): "receipt again, or the bank is asked again",
    },
    woken={
        C.REQUESTED: {AUTO_APPROVE: "1 us after 48 h"},
        C.APPROVED: {WAYBILL_EXPIRY: "at the midnight after 7 days"},
    },
    waits=_waits_of_case, flaws=soundness.of_case,
)

DEDUCTION = Lifecycle(
    "deductions of a return case", ReturnCase, DeductionState, lambda case: case.deduction_state or D.TAKEN,
    moves={
        (None, D.TAKEN): "receipt with deductions", (D.TAKEN, D.DISPUTED): "the customer disputes",
        (D.DISPUTED, D.CONFIRMED): "the merchant was right", (D.DISPUTED, D.GIVING_BACK): "upheld",
        (D.DISPUTED, D.GIVEN_BACK): "upheld, nothing to pay", (D.GIVING_BACK, D.GIVEN_BACK): "given back",
        (D.GIVING_BACK, D.DISPUTED): "the refund failed", (D.GIVEN_BACK, D.CONFIRMED): "the refund was undone",
    },
    woken={},
)

MERCHANT_SETTLEMENT = Lifecycle(
    "settlement with a merchant", MerchantSettlement, MerchantSettlementState, lambda row: row.state,
    moves={
        (None, M.SETTLING): "settle", (M.SETTLING, M.SETTLED): "both books have it",
        (M.SETTLING, M.REFUSED): "a book refused",
    },
    woken={}, flaws=soundness.of_merchant_settlement,
)
"""Its saga has the timer."""

LIFECYCLES = (ORDER, REFUND, RETURN_CASE, DEDUCTION, MERCHANT_SETTLEMENT)
