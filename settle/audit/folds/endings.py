"""How the settlements of an order began and ended: their plans reckoned again, their ends applied, the facts of their
ends compared with the events."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.kernel.ids import derived
from services.kernel.saga import Phase, Run
from services.order.domain import channels, events, outcomes
from services.order.domain.bank_shares import BankShare, Refund
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, state_during
from services.order.domain.participation import posted_at
from services.order.domain.plans import RefundPlan, ReversalPlan
from services.order.domain.states import Kind, OrderState, RefundState
from services.order.domain.tenders import Share
from settle.audit.folds.history import REFUSALS, Broken, Fault, Replay, refusal
from settle.audit.folds.planned import planned_again
from settle.audit.folds.told import Told

ENDS = (
    events.OrderPlaced, events.OrderRejected, events.OrderShipped, events.OrderCancelled, events.PaymentExpired,
    events.RefundAccepted, events.OrderRefunded, events.RefundFailed, events.RefundReversed,
)
"""The facts that a settlement ends with."""
SILENT = frozenset({
    (Kind.CAPTURE, Phase.ABORTED), (Kind.CANCELLATION, Phase.ABORTED), (Kind.REFUND_REVERSAL, Phase.ABORTED),
    (Kind.DEPOSIT_RETURN, Phase.DONE),
})
"""The ends that no event tells."""


def end_told(replay: Replay, event: Told) -> None:
    """The event of a settlement's end, or the second word of a refund that waited for its channel."""
    run = replay.stored.runs.get(event.fact.settlement_id)
    if run is None:
        named = event.fact.settlement_id
        raise Broken(Fault(f"events {event.key} settlement_id", "a settlement of the order", named, event.at))
    if run.id in replay.ended:
        _confirmed(replay, event, run)
        return
    fact = event.fact
    confirmed = isinstance(fact, events.OrderRefunded) and fact.confirmed_at is not None
    begin(replay, run, run.started_at, ends=not confirmed)
    if not run.terminal:
        replay.fault(f"sagas {run.id} phase", "DONE or ABORTED", run.phase, event.at)
    if run.updated_at != event.at:
        replay.fault(f"sagas {run.id} updated_at", event.at, run.updated_at, event.at)
    if confirmed:
        _confirmed_before(replay, run, fact)
    expected = end(replay, run, event.at, told=1)
    replay.differ(f"events {event.key} ", expected, _comparable(fact, expected), event.at)


def _comparable(fact: Any, expected: Any) -> Any:  # Any: facts of the same or of different types
    """The fact as far as it was told then: what an order was made of, and when a refund was confirmed, is told only
    since it is compared."""
    if isinstance(fact, events.OrderPlaced) and isinstance(expected, events.OrderPlaced) and not fact.lines:
        return replace(fact, lines=expected.lines, coupon_minor=expected.coupon_minor)
    return fact


def _confirmed(replay: Replay, event: Told, run: Run) -> None:
    """The second word of a refund: the flash network, or people, confirmed it."""
    refund = replay.order.refund_of(run.id)
    if not isinstance(event.fact, events.OrderRefunded) or refund is None or refund.stands:
        raise Broken(Fault(f"events {event.key}", f"nothing more of {run.id}", type(event.fact).__name__, event.at))
    confirmed_at = event.fact.confirmed_at or event.at
    replay.vague = replay.vague or event.fact.confirmed_at is None
    later = channels.flash_confirmed(replay.order, refund, confirmed_at, event.fact.manual)
    posted = later.refund_of(run.id)
    assert posted is not None
    expected = _refunded(run, posted, later.state)
    replay.differ(f"events {event.key} ", replace(expected, confirmed_at=event.fact.confirmed_at), event.fact, event.at)
    replay.move(later, event.at, told=1)
    replay.case_to(run.plan.return_id, posted.state, event.at)


def _confirmed_before(replay: Replay, run: Run, fact: events.OrderRefunded) -> None:
    """The network's word came while another tender was still under way; no event told of it."""
    refund = replay.order.refund_of(run.id)
    if refund is None or fact.confirmed_at is None:
        return
    manual = fact.manual and refund.bank is not BankShare.DONE
    replay.move(channels.flash_confirmed(replay.order, refund, fact.confirmed_at, manual), run.started_at)


def begin(replay: Replay, run: Run, at: datetime, ends: bool = False) -> None:
    """A settlement begins, once: the order is locked by it, unless it ends with the next step, and has its refund on
    record."""
    if run.id in replay.begun:
        return
    replay.begun.add(run.id)
    if run.kind == Kind.DEPOSIT_RETURN:  # it begins in the decision that rejects the order
        return
    check_plan(replay, run)
    changes: dict[str, Any] = {}  # Any: each value has the type of its field
    if isinstance(run.plan, RefundPlan):
        entry = Refund(run.plan.refund_id, run.id, RefundState.ACCEPTED, run.plan.money.amount_minor)
        changes["refunds"] = (*replay.order.refunds, entry)
    if not run.plan.money.empty and not ends:
        changes.update(state=state_during(replay.order, Kind(run.kind)), settlement_id=run.id)
    order = replace(replay.order, **changes) if changes else replay.order
    if run.plan.money.empty:  # done at once
        replay.order = order
    else:
        replay.move(order, at)


def check_plan(replay: Replay, run: Run) -> None:
    """Whether the plan on record is what the domain makes of the order as it was."""
    plan, received = run.plan, replay.received.get(run.id)
    case = replay.cases.get(getattr(plan, "given_back_of", "") or getattr(plan, "return_id", ""))
    try:
        again = planned_again(replay.order, run, replay.stored.runs, case, received)
    except REFUSALS as error:
        replay.fault(f"sagas {run.id} plan", "what the order allows", refusal(error), run.started_at)
        return
    if again is None:
        replay.fault(f"sagas {run.id} plan", "a return case that led to it", "none", run.started_at)
        return
    if again == plan:
        return
    replay.differ(f"sagas {run.id} plan.", again, plan, run.started_at)


def end(replay: Replay, run: Run, at: datetime, told: int = 0) -> object:
    """A settlement ends, with so many events; answers the fact that tells it, None if none does."""
    replay.ended.add(run.id)
    outcome = _DONE if run.phase is Phase.DONE else _ABORTED
    later, expected = outcome[Kind(run.kind)](replay, run, at)
    replay.move(later, at, told)
    return expected


def _placed(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    order = replay.order
    return outcomes.placed(order, posted_at(run, at)), events.OrderPlaced(
        order_id=order.id, customer_id=order.customer_id, merchant_id=order.merchant_id,
        shares=_plain(run), settlement_id=run.id, lines=order.lines, coupon_minor=run.plan.money.coupon_minor,
    )


def _rejected(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    order, returning_id = replay.order, ""
    if outcomes.deposit_return_plan(run.plan) is not None:
        returning_id = derived("saga", run.id, "deposit_return")
        returned = replay.stored.runs.get(returning_id)
        if returned is None:
            replay.fault(f"sagas {returning_id}", f"the return of what {order.id} was paid with", "none", at)
        else:
            replay.begun.add(returning_id)
            check_plan(replay, returned)
    return outcomes.rejected(order, run.reason, returning_id), events.OrderRejected(order.id, run.reason, run.id)


def _shipped(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    fact = events.OrderShipped(replay.order.id, _units(run), _plain(run), run.id)
    return outcomes.shipped(replay.order, run.plan), fact


def _cancelled(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    order, plan = replay.order, run.plan
    fact: object = events.OrderCancelled(order.id, plan.reason, _units(run), _plain(run), run.id)
    if plan.expired:
        fact = events.PaymentExpired(order.id, _plain(run), run.id)
    return outcomes.cancelled(order, plan), fact


def _refund_done(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    plan: RefundPlan = run.plan
    later = outcomes.refunded(replay.order, run)
    entry = later.refund_of(run.id)
    assert entry is not None
    case = replay.cases.get(plan.return_id or plan.given_back_of)
    if case is not None and not plan.money.empty:
        moved = outcomes.case_refunded(case, plan, entry.state, at)
        replay.cases[case.id] = moved or case
    if entry.stands:
        return later, _refunded(run, entry, later.state)
    return later, events.RefundAccepted(
        order_id=later.id, refund_id=plan.refund_id, shares=_plain(run), settlement_id=run.id,
        reduced_line=plan.reduced_line,
    )


def _refunded(run: Run, entry: Refund, state: OrderState) -> events.OrderRefunded:
    return events.OrderRefunded(
        order_id=run.root, refund_id=run.plan.refund_id, shares=_plain(run), lines=_units(run),
        full=state is OrderState.FULLY_REFUNDED, settlement_id=run.id, reduced_line=run.plan.reduced_line,
        confirmed_at=entry.confirmed_at, manual=entry.manual,
    )


def _not_refunded(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    plan: RefundPlan = run.plan
    case = replay.cases.get(plan.return_id or plan.given_back_of)
    if case is not None:
        replay.cases[case.id] = outcomes.case_not_refunded(case, plan, run.reason, at) or case
    fact = events.RefundFailed(replay.order.id, plan.refund_id, run.reason, run.id)
    return outcomes.not_refunded(replay.order, run.id), fact


def _undone(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    plan: ReversalPlan = run.plan
    later = outcomes.refund_undone(replay.order, plan, run.id)
    undone = later.refund_of(plan.refund_settlement_id)
    assert undone is not None
    case = replay.cases.get(plan.given_back_of or plan.return_id)
    if case is not None:
        replay.cases[case.id] = outcomes.case_refund_undone(case, plan, at) or case
    return later, events.RefundReversed(later.id, undone.id, undone.amount_minor, run.id, plan.reduced_line)


def _deposit_returned(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    return outcomes.deposit_returned(replay.order, run.plan), None


def _deposit_kept(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    fact = events.RefundFailed(replay.order.id, "", run.reason, run.id)
    return replace(replay.order, settlement_id=""), fact


def _as_before(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    return outcomes.as_before(replay.order), None


def _stands(replay: Replay, run: Run, at: datetime) -> tuple[Order, object]:
    return replace(replay.order, settlement_id=""), None


def _plain(run: Run) -> tuple[Share, ...]:
    """The shares of a settlement as events tell them, without their weights."""
    return tuple([Share(share.type, share.amount_minor) for share in run.plan.money.shares])


def _units(run: Run) -> tuple[LineQuantity, ...]:
    return tuple([LineQuantity(value.id, value.quantity) for value in run.plan.lines])


_End = Callable[[Replay, Run, datetime], tuple[Order, object]]
_DONE: Mapping[Kind, _End] = {
    Kind.PLACEMENT: _placed, Kind.CAPTURE: _shipped, Kind.CANCELLATION: _cancelled, Kind.REFUND: _refund_done,
    Kind.REFUND_REVERSAL: _undone, Kind.DEPOSIT_RETURN: _deposit_returned,
}
_ABORTED: Mapping[Kind, _End] = {
    Kind.PLACEMENT: _rejected, Kind.CAPTURE: _as_before, Kind.CANCELLATION: _as_before, Kind.REFUND: _not_refunded,
    Kind.REFUND_REVERSAL: _stands, Kind.DEPOSIT_RETURN: _deposit_kept,
}
