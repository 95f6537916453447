"""What of an order, its refunds or its return cases contradicts the state that it says it is in (DOMAIN 2.1, 2.2, 2.7).

Nothing here is asked while an order is decided: it is for whoever reads rows that may have been written by others.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from services.kernel.calendar import TICK
from services.kernel.lifecycle import Flaw, unless
from services.order.domain.bank_shares import Refund, overall
from services.order.domain.completion import after_sale_end
from services.order.domain.merchant_settlement import MerchantSettlement, MerchantSettlementState
from services.order.domain.order import MOVING, Order, summary
from services.order.domain.placing import hold_expiry
from services.order.domain.returns import RETURN_STATES, REVIEW_HOURS, ReturnCase, waybill_deadline
from services.order.domain.states import DeductionState, Kind, OrderState, RefundState, ReturnState
from services.order.domain.tenders import Coupon, Tender

_NEVER_HELD = (OrderState.PLACING, OrderState.REJECTED)
_TIMED = (ReturnState.REQUESTED, ReturnState.APPROVED)
_WAITING_FOR_GOODS = (*_TIMED, ReturnState.IN_RETURN, ReturnState.IN_DISPUTE)
_WITH_MONEY = (ReturnState.REFUNDING, ReturnState.REFUNDED, ReturnState.REFUND_EXCEPTION)
_NO_WAYBILL = (ReturnState.REQUESTED, ReturnState.APPROVED, ReturnState.WITHDRAWN, ReturnState.EXPIRED)


def of_order(order: Order) -> Iterator[Flaw]:
    """What of an order contradicts its state: the settlement that it names, its hold, its lines and its tenders."""
    state, settling = order.state, order.settlement_id != ""
    yield from unless(settling or state not in MOVING.values(), "settlement_id", f"one while {state}", "none")
    yield from unless((order.hold_expires_at is None) == (state in _NEVER_HELD), "hold_expires_at",
                      f"{'none' if state in _NEVER_HELD else 'an instant'} while {state}", order.hold_expires_at)
    if state in _NEVER_HELD:
        touched = any(line.shipped or line.cancelled or line.returning for line in order.lines)
        yield from unless(not touched and not order.captured_minor, "state", "a state after its placement", state)
    elif state not in MOVING.values() and (expected := summary(order)) is not state:
        yield Flaw("state", f"{expected} by its lines and refunds", state)
    if state is OrderState.COMPLETED:
        over = order.delivered_at is not None and order.updated_at >= after_sale_end(order.delivered_at)
        yield from unless(over, "state", "COMPLETED behind its after-sale time", f"delivered at {order.delivered_at}")
    if order.hold_expires_at is not None:
        yield from unless(order.hold_expires_at >= hold_expiry(order.placed_at) - CLOCKS, "hold_expires_at",
                          f"30 days after {order.placed_at}", order.hold_expires_at)
    yield from unless(bool(order.reject_reason) == (state is OrderState.REJECTED), "reject_reason",
                      f"{'a reason' if state is OrderState.REJECTED else 'none'} while {state}", order.reject_reason)
    payable = sum(line.payable_minor for line in order.lines)
    captured = sum(line.captured_minor for line in order.lines)
    yield from unless(payable == order.payable_minor, "lines", f"{order.payable_minor} payable", payable)
    yield from unless(captured == order.captured_minor, "lines", f"{order.captured_minor} captured", captured)
    yield from _of_amounts(order)
    for refund in order.refunds:
        yield from of_refund(refund, order.settlement_id)


def _of_amounts(order: Order) -> Iterator[Flaw]:
    """What was counted of units and amounts beyond what there was; what came back is the refunds that stand (PR-8)."""
    for line in order.lines:
        _, quantity, _, payable, shipped, cancelled, returned, returning, captured, given, _, _, reduced = line
        if min(shipped, cancelled, returned, returning, captured, given, reduced) < 0 or captured > payable \
                or returned + returning > shipped or shipped + cancelled > quantity or given + reduced > captured:
            yield Flaw(f"line {line.id}", "returned <= shipped <= quantity, returned + reduced <= captured <= payable",
                       ", ".join(map(str, line[1:-3])) + f", {reduced}")
    for tender in order.tenders:
        yield from _of_tender(tender.type, tender)
    yield from _of_tender("COUPON", order.coupon)
    refunded = sum(tender.refunded_minor for tender in order.tenders)
    stand = sum(refund.amount_minor for refund in order.refunds
                if refund.state is not RefundState.REVERSED and refund.settlement_id != order.settlement_id)
    yield from unless(refunded == stand, "tenders", f"{stand} refunded, by its refunds that stand", refunded)


def _of_tender(name: str, tender: Tender | Coupon) -> Iterator[Flaw]:
    amount, captured = tender.amount_minor, tender.captured_minor
    released, refunded = tender.released_minor, tender.refunded_minor
    if not 0 <= refunded <= captured <= amount - released <= amount:
        yield Flaw(f"tender {name}", "0 <= refunded <= captured <= amount - released",
                   f"{refunded}, {captured}, {amount} - {released}")


CLOCKS = timedelta(seconds=10)
"""So much the clocks of two services may differ: a process whose clock is more than 5 s off does not serve."""


def of_refund(refund: Refund, settlement_id: str = "") -> Iterator[Flaw]:
    """What of a refund contradicts its state; `settlement_id` is the settlement that is under way on its order."""
    name, under_way = f"refund {refund.id}", refund.settlement_id == settlement_id
    reversed_ = refund.state is RefundState.REVERSED
    yield from unless(reversed_ == (refund.reversal_id != ""), name,
                      "REVERSED with the settlement that did it", f"{refund.state} by {refund.reversal_id or 'none'}")
    if under_way:
        open_ = (RefundState.ACCEPTED, RefundState.CREDIT_DONE, RefundState.EXCEPTION)
        yield from unless(refund.state in open_, name, "not at its end while its settlement is under way", refund.state)
        return
    yield from unless(refund.state is not RefundState.ACCEPTED, name, "further than ACCEPTED", refund.state)
    yield from unless(refund.state is not RefundState.FAILED, name, "gone where it failed", refund.state)
    if refund.posted:
        expected = overall(refund).state
        yield from unless(refund.state is expected, name, f"{expected} by its books and its bank", refund.state)
    if refund.state is RefundState.PENDING_CHANNEL:
        yield from unless(refund.confirmed_at is None and not refund.expired, name,
                          "neither confirmed nor expired while PENDING_CHANNEL", refund.confirmed_at or "expired")


def of_case(case: ReturnCase) -> Iterator[Flaw]:
    """What of a return case contradicts its state, without a look at its order."""
    state = case.state
    yield from unless((case.deadline_at is not None) == (state in _TIMED), "deadline_at",
                      f"{'an instant' if state in _TIMED else 'none'} while {state}", case.deadline_at)
    if case.deadline_at is not None and state is ReturnState.REQUESTED:
        latest = case.requested_at + timedelta(hours=REVIEW_HOURS) + TICK
        yield from unless(case.deadline_at == latest, "deadline_at", latest, case.deadline_at)
    if case.deadline_at is not None and state is ReturnState.APPROVED:
        within = waybill_deadline(case.requested_at) <= case.deadline_at <= waybill_deadline(case.updated_at)
        yield from unless(within, "deadline_at", f"at most {waybill_deadline(case.updated_at)}", case.deadline_at)
    yield from unless(not (case.waybill_number and state in _NO_WAYBILL), "state", "one with a waybill", state)
    yield from unless(bool(case.waybill_number) or state not in (ReturnState.IN_RETURN, *_WITH_MONEY), "state",
                      "one without a waybill", state)
    rejected = bool(case.reject_reason) and not case.disputed_by
    yield from unless(not rejected or state is ReturnState.REJECTED, "state", "REJECTED, for it has a reason", state)
    yield from unless(bool(case.disputed_by) or state is not ReturnState.IN_DISPUTE, "state",
                      "one without a dispute", state)
    yield from unless(bool(case.settlement_id) or state not in _WITH_MONEY, "state", "one without a settlement", state)
    deducted = bool(case.deductions)
    yield from unless((case.deduction_state is not None) == deducted == (case.deducted_at is not None),
                      "deduction_state", "one with its deductions", case.deduction_state)
    given = case.deduction_state in (DeductionState.GIVING_BACK, DeductionState.GIVEN_BACK)
    yield from unless(bool(case.give_back_id) or not given, "give_back_id", f"one while {case.deduction_state}", "none")


def of_cases(order: Order, cases: Iterable[ReturnCase]) -> Iterator[tuple[str, Flaw]]:
    """What of an order's return cases contradicts the order, by the id of the row: the refunds that they wait for, and
    the units that wait for them."""
    held: dict[str, int] = {line.id: 0 for line in order.lines}
    for case in cases:
        for flaw in (*_against_refund(order, case), *_against_give_back(order, case)):
            yield case.id, flaw
        for line_id, quantity in case.lines if _holds_units(order, case) else ():
            held[line_id] = held.get(line_id, 0) + quantity
    for line in order.lines:
        if line.returning != held[line.id]:
            yield order.id, Flaw(f"line {line.id}", f"{held[line.id]} units in open return cases", line.returning)


def _holds_units(order: Order, case: ReturnCase) -> bool:
    """Whether the units of a case wait: until it is given up, or its refund has taken effect."""
    if case.state in _WAITING_FOR_GOODS:
        return True
    refund = order.refund_of(case.settlement_id)
    done = refund is not None and refund.settlement_id != order.settlement_id
    return case.state in (ReturnState.REFUNDING, ReturnState.REFUND_EXCEPTION) and not done


def _against_refund(order: Order, case: ReturnCase) -> Iterator[Flaw]:
    refund = order.refund_of(case.settlement_id)
    if case.state not in _WITH_MONEY:
        yield from unless(refund is None, "state", "one that its refund gave it", case.state)
        return
    if refund is None:  # it failed: nothing of it is kept
        expected = ReturnState.REFUNDING if order.settlement_id == case.settlement_id else ReturnState.REFUND_EXCEPTION
    elif refund.settlement_id == order.settlement_id:
        expected = ReturnState.REFUND_EXCEPTION if refund.expired else ReturnState.REFUNDING
    else:
        expected = RETURN_STATES.get(refund.state, ReturnState.REFUNDED)
    yield from unless(case.state is expected, "state",
                      f"{expected}, its refund is {refund.state if refund else 'none'}", case.state)


def _against_give_back(order: Order, case: ReturnCase) -> Iterator[Flaw]:
    """What was to be given back, and where the refund of it stands."""
    if not case.give_back_id:
        return
    refund = order.refund_of(case.give_back_id)
    if refund is None:
        expected: tuple[DeductionState, ...] = (DeductionState.DISPUTED, DeductionState.CONFIRMED)
    elif refund.settlement_id == order.settlement_id:
        expected = (DeductionState.GIVING_BACK,)
    else:
        gone = refund.state is RefundState.REVERSED
        expected = (DeductionState.CONFIRMED if gone else DeductionState.GIVEN_BACK,)
    yield from unless(case.deduction_state in expected, "deduction_state", " or ".join(expected), case.deduction_state)


KINDS: Mapping[OrderState, Kind] = {state: kind for kind, state in MOVING.items()}
"""The kind of the settlement that gives an order a state that moves."""


def of_merchant_settlement(row: MerchantSettlement) -> Iterator[Flaw]:
    """What of a settlement with a merchant contradicts its state."""
    over = row.state is not MerchantSettlementState.SETTLING
    yield from unless((row.ended_at is not None) == over, "ended_at",
                      f"{'an instant' if over else 'none'} while {row.state}", row.ended_at)
    refused = row.state is MerchantSettlementState.REFUSED
    yield from unless(bool(row.reason) == refused, "reason", f"{'one' if refused else 'none'} while {row.state}",
                      row.reason)
