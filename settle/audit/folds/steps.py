"""What happened to an order and its return cases beside its settlements, one event at a time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from services.order.domain import channels, events
from services.order.domain.bank_shares import STANDS, BankNews, BankShare, Refund
from services.order.domain.lines import returning
from services.order.domain.order import summary
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import RETURN_STATES, ReturnCase, contestable_until
from services.order.domain.states import BankStep, OrderState, RefundState, ReturnState
from settle.audit.folds import case_steps
from settle.audit.folds.endings import begin
from settle.audit.folds.history import Broken, Fault, Replay
from settle.audit.folds.told import Told

_UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)
"""The instant of a step from before events told it."""
_UPHELD = (events.ReturnReceived, events.ReturnApproved)
"""What follows where a dispute is decided for the customer."""
Rest = list[Told]
"""The events that follow; a step takes those that were told with it."""


def _delivered(replay: Replay, event: Told, rest: Rest) -> None:
    delivered = replace(replay.order, delivered_at=event.at)
    replay.move(replace(delivered, state=summary(delivered)), event.at, told=1)


def _completed(replay: Replay, event: Told, rest: Rest) -> None:
    replay.move(replace(replay.order, state=OrderState.COMPLETED), event.at, told=1)


def _exception(replay: Replay, event: Told, rest: Rest) -> None:
    refund = _refund(replay, event)
    if refund is None:
        raise Broken(Fault(f"events {event.key} refund_id", "a refund of the order", event.fact.refund_id, event.at))
    if event.fact.reason == channels.TIMEOUT:
        replay.move(channels.flash_expired(replay.order, refund), event.at, told=1)
        run = replay.stored.runs[refund.settlement_id]
        replay.case_to(run.plan.return_id, RefundState.EXCEPTION, event.at)
    elif event.fact.reason != channels.DEADLINE:
        reasons = f"{channels.TIMEOUT} or {channels.DEADLINE}"
        raise Broken(Fault(f"events {event.key} reason", reasons, event.fact.reason, event.at))
    else:
        replay.move(channels.overdue(replay.order, refund), event.at, told=1)


def _bank_arrived(replay: Replay, event: Told, rest: Rest) -> None:
    fact: events.BankRefundArrived = event.fact
    by_hand = BankStep.SETTLED_BY_HAND if fact.manual else BankStep.SETTLED
    replay.vague = replay.vague or not fact.leg_id
    _bank_told(replay, event, BankNews(BankStep.REROUTED if fact.rerouted else by_hand, event.at, leg_id=fact.leg_id))


def _bank_stepped(replay: Replay, event: Told, rest: Rest) -> None:
    fact: events.BankRefundStepped = event.fact
    replay.vague = replay.vague or fact.stepped_at == _UNTOLD
    _bank_told(replay, event, BankNews(fact.step, fact.stepped_at, fact.detail, fact.leg_id))
    if STANDS.get(fact.step) is BankShare.FAILED and fact.refund_id:
        raised = events.RefundExceptionRaised(fact.order_id, fact.refund_id, channels.REFUSED)
        following = rest.pop(0) if rest else None
        replay.differ(f"events {event.key} and the next ", raised, following and following.fact, event.at)
        replay.sequence += 1


def _bank_told(replay: Replay, event: Told, news: BankNews) -> None:
    before = _refund(replay, event)
    replay.move(channels.bank_told(replay.order, before, news, event.fact.amount_minor), event.at, told=1)
    later = _refund(replay, event)
    if before is None or later is None or RETURN_STATES.get(before.state) is RETURN_STATES.get(later.state):
        return
    replay.case_to(replay.stored.runs[later.settlement_id].plan.return_id, later.state, event.at)


def _refund(replay: Replay, event: Told) -> Refund | None:
    """The refund that an event names; its settlement has begun by then."""
    run = replay.run_of_refund(event.fact.refund_id)
    if run is not None and run.id not in replay.begun:
        begin(replay, run, run.started_at)
    return next((refund for refund in replay.order.refunds if refund.id == event.fact.refund_id), None)


def _refused(replay: Replay, event: Told, rest: Rest) -> None:
    """The parcel was refused: one decision, three events."""
    requested, sent = (rest.pop(0) if rest else None for _ in range(2))
    facts = (requested and requested.fact, sent and sent.fact)
    if not isinstance(facts[0], events.ReturnRequested) or not isinstance(facts[1], events.ReturnShipped):
        raise Broken(Fault(f"events {event.key}", "ReturnRequested and ReturnShipped of the case after it", "others"))
    if {event.fact.return_id, facts[0].return_id} != {facts[1].return_id}:
        replay.fault(f"events {event.key} return_id", facts[1].return_id, event.fact.return_id, event.at)
    row = _row(replay, facts[0].return_id)
    replay.cases[row.id] = case_steps.refused(facts[0], facts[1], row, event.at)
    lines = returning(replay.order.lines, facts[0].lines)
    replay.move(replace(replay.order, lines=lines), event.at, told=3)


def _requested(replay: Replay, event: Told, rest: Rest) -> None:
    row = _row(replay, event.fact.return_id)
    replay.cases[row.id] = case_steps.requested(event.fact, row, event.at)
    replay.move(replace(replay.order, lines=returning(replay.order.lines, event.fact.lines)), event.at, told=1)


def _approved(replay: Replay, event: Told, rest: Rest) -> None:
    case = _case(replay, event)
    _stepped(replay, event, case_steps.approved(case, event.fact, _row(replay, case.id), event.at))
    after = rest[0] if rest else None
    if event.fact.automatic and after is not None and after.at == event.at and isinstance(
        after.fact, events.ReturnWithdrawn | events.ReturnShipped
    ):  # what time did is one step with what came, or was before it
        replay.merged[case.id] = replay.merged.get(case.id, 0) + 1


def _given_up(replay: Replay, event: Told, rest: Rest) -> None:
    case, until = _case(replay, event), replay.order.contestable_until
    if isinstance(event.fact, events.ReturnRejected) and case.state is ReturnState.REQUESTED:
        until = contestable_until(event.at)
    replay.cases[case.id] = case_steps.given_up(case, event.fact, event.at)
    lines = returning(replay.order.lines, case.lines, -1)
    replay.move(replace(replay.order, lines=lines, contestable_until=until), event.at, told=1)


def _sent(replay: Replay, event: Told, rest: Rest) -> None:
    case = _case(replay, event)
    _stepped(replay, event, case_steps.sent(case, event.fact, _row(replay, case.id), event.at))


def _received(replay: Replay, event: Told, rest: Rest) -> None:
    fact: events.ReturnReceived = event.fact
    case, run = _case(replay, event), replay.stored.runs.get(fact.settlement_id)
    if run is None or not isinstance(run.plan, RefundPlan):
        raise Broken(Fault(f"sagas {fact.settlement_id}", f"the refund of {case.id}", "none", event.at))
    if fact.deductions:
        replay.order = replace(replay.order, contestable_until=contestable_until(event.at))
    replay.received[run.id] = fact
    _begun_with(replay, event, run.id)
    replay.cases[case.id] = case_steps.received(case, fact, run, event.at)


def _disputed(replay: Replay, event: Told, rest: Rest) -> None:
    case = _case(replay, event)
    later = case_steps.disputed(case, event.fact, _row(replay, case.id), event.at)
    if case.state is not ReturnState.REJECTED:
        _stepped(replay, event, later)
        return
    replay.cases[case.id] = later
    replay.move(replace(replay.order, lines=returning(replay.order.lines, case.lines)), event.at, told=1)


def _resolved(replay: Replay, event: Told, rest: Rest) -> None:
    """What a decision came to stands in the event after it, but for that of a deduction."""
    case = _case(replay, event)
    if not event.fact.of_deduction:
        follow = rest[0].fact if rest else None
        if not isinstance(follow, _UPHELD if event.fact.upheld else events.ReturnRejected):
            upheld = "what the customer is given" if event.fact.upheld else "that the merchant was right"
            replay.fault(f"events {event.key} decision", f"after it {upheld}", type(follow).__name__, event.at)
        replay.sequence += 1
    elif not event.fact.upheld:
        _stepped(replay, event, case_steps.kept(case, event.at))
    else:
        runs = [
            run for run in replay.stored.runs.values()
            if isinstance(run.plan, RefundPlan) and run.plan.given_back_of == case.id and run.id not in replay.begun
        ]
        if not runs:
            raise Broken(Fault(f"sagas of {replay.order.id}", f"a refund of what {case.id} deducted", "none", event.at))
        run = min(runs, key=lambda each: each.started_at)
        _begun_with(replay, event, run.id)
        replay.cases[case.id] = case_steps.giving_back(case, run, event.at)


def _begun_with(replay: Replay, event: Told, settlement_id: str) -> None:
    """A settlement that begins in the decision of this event."""
    run = replay.stored.runs[settlement_id]
    if run.started_at != event.at:
        replay.fault(f"sagas {run.id} started_at", event.at, run.started_at, event.at)
    replay.sequence += 1
    begin(replay, run, event.at)


def _stepped(replay: Replay, event: Told, case: ReturnCase) -> None:
    """A step of a case in which nothing visible of the order moves."""
    replay.cases[case.id] = case
    replay.sequence += 1


def _case(replay: Replay, event: Told) -> ReturnCase:
    case = replay.cases.get(event.fact.return_id)
    if case is None:
        named = event.fact.return_id
        raise Broken(Fault(f"events {event.key} return_id", "a case that was requested", named, event.at))
    return case


def _row(replay: Replay, return_id: str) -> ReturnCase:
    row = replay.stored.cases.get(return_id)
    if row is None:
        raise Broken(Fault(f"return_cases {return_id}", f"a case of {replay.order.id}", "none"))
    return row


STEPS: Mapping[type, Callable[[Replay, Any, Rest], None]] = {  # Any: a `Told` of the type
    events.OrderDelivered: _delivered, events.OrderCompleted: _completed, events.RefundExceptionRaised: _exception,
    events.BankRefundArrived: _bank_arrived, events.BankRefundStepped: _bank_stepped,
    events.DeliveryRefused: _refused, events.ReturnRequested: _requested, events.ReturnApproved: _approved,
    events.ReturnRejected: _given_up, events.ReturnWithdrawn: _given_up, events.ReturnExpired: _given_up,
    events.ReturnShipped: _sent, events.ReturnReceived: _received, events.ReturnDisputed: _disputed,
    events.ReturnDisputeResolved: _resolved,
}
"""By the type of the fact."""
