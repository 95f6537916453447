"""The receipt of a return: it alone starts the refund (CR-7)."""

from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Aggregate, Decision, Done, Known
from services.kernel.errors import FailedPrecondition
from services.kernel.messages import Message
from services.order.decisions.beginning import order_of, refunding
from services.order.decisions.identity import fresh
from services.order.domain import commands, events, returns
from services.order.domain.answers import Received
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order, free, owned
from services.order.domain.quotes import QuoteContent
from services.order.domain.quoting import pinned
from services.order.domain.refunding import return_plan
from services.order.domain.returns import ReturnCase
from services.order.domain.states import ReturnState


def confirm_receipt(known: Known, message: Message, now: datetime) -> Decision:
    """The merchant got the goods: this alone starts the refund of a return (CR-7)."""
    body: commands.ConfirmReceipt = message.body  # type: ignore[assignment]  # the rule's own body
    order = owned(known.find(Order, body.order_id), body.order_id)
    case = returns.known(known.find(ReturnCase, body.return_id), body.return_id, body.order_id)
    free(order)
    returns.expect(case, ReturnState.IN_RETURN, ReturnState.REFUND_EXCEPTION, ReturnState.IN_DISPUTE)
    decision, answer = received(known, order, case, body.accepted, body.quote, message, now)
    return replace(decision, outcome=Done(answer))


def received(
    known: Known, order: Order, case: ReturnCase, asked: tuple[LineQuantity, ...], quote: QuoteContent | None,
    message: Message, now: datetime, *facts: object,
) -> tuple[Decision, Received]:
    """The goods of a case are there, so many of them are accepted: its refund begins."""
    returns.arrived(case)
    if order.refund_of(case.settlement_id) is not None:
        raise FailedPrecondition("RETURN_STATE", f"{case.id} is refunded by {case.settlement_id} already")
    accepted = returns.accepted_units(case, asked)
    plan = return_plan(order, fresh("rfd", message), case.id, case.lines, accepted)
    if quote is not None:
        plan = pinned(plan, quote, order, now)
    fact = events.ReturnReceived(order.id, case.id, accepted, fresh("saga", message))
    decision, run = refunding(known, order, message, plan, now, *facts, fact)
    state = ReturnState.REFUNDED if run.terminal else ReturnState.REFUNDING
    received = returns.stepped(case, now, state, accepted=accepted, settlement_id=run.id)
    others: tuple[Aggregate, ...] = tuple(row for row in decision.changes if not isinstance(row, ReturnCase))
    return replace(decision, changes=(*others, received)), Received(order_of(decision), run, received)
