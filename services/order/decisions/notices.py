"""Rules for what happened elsewhere: a delivery, the flash network's word, the acquirer's payment.

A notice is repeated until it is acknowledged, if need be for longer than answers are kept (30 days): whatever an order
was told already it knows by its own rows, too.
"""

from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import Defect, FailedPrecondition
from services.kernel.messages import Message
from services.kernel.saga import Run
from services.order.domain import channels, events
from services.order.domain.bank_shares import STANDS, BankNews, BankShare, Refund
from services.order.domain.commands import (
    BankRefundSettled,
    BankRefundStepped,
    ConfirmDelivery,
    FlashRefundConfirmed,
    FlashRefundExpired,
)
from services.order.domain.completion import alarm, no_alarm
from services.order.domain.order import Order, after, owned, refuse_while_settling, summary
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import RETURN_STATES, ReturnCase, stepped
from services.order.domain.states import BankStep, OrderState, RefundState
from services.order.sagas.refund import refunded_fact


def confirm_delivery(known: Known, body: ConfirmDelivery, message: Message, now: datetime) -> Decision:
    """The order arrived; its after-sale time begins."""
    order = owned(known.find(Order, body.order_id), body.order_id)
    refuse_while_settling(order)
    if not order.shipped:
        raise FailedPrecondition("ORDER_NOT_SHIPPED", f"{order.id} is {order.state}")
    if order.delivered_at is not None:
        raise FailedPrecondition("ORDER_STATE", f"{order.id} was delivered at {order.delivered_at}")
    state = summary(replace(order, delivered_at=now))
    delivered, facts = after(order, now, events.OrderDelivered(order.id), delivered_at=now, state=state)
    timers = () if state is OrderState.FULLY_REFUNDED else (alarm(order, now, now),)
    return Decision(Done(delivered), (delivered,), events=facts, timers=timers)


def flash_confirmed(known: Known, body: FlashRefundConfirmed, message: Message, now: datetime) -> Decision:
    """A pending refund is done. If its settlement is still under way (another tender), that will complete it."""
    order = known.find(Order, message.key)
    refund = _refund(order, body.refund_id)
    if order is None or refund is None or refund.stands or refund.state is RefundState.REVERSED:
        return Decision()
    confirmed = channels.flash_confirmed(order, refund, body.confirmed_at, body.manual)
    if order.settlement_id == refund.settlement_id:
        later, facts = after(confirmed, now)
        return Decision(changes=(later,), events=facts)
    plan, posted = _plan(known, refund), confirmed.refund_of(refund.settlement_id)
    assert posted is not None
    later, facts = after(confirmed, now, refunded_fact(plan, posted, confirmed.state))
    cases = _case(known, plan, posted.state, now)
    return Decision(changes=(later, *cases), events=facts, cleared=no_alarm(order, confirmed.state))


def flash_expired(known: Known, body: FlashRefundExpired, message: Message, now: datetime) -> Decision:
    """The network did not confirm within 24 hours: people take over (SC-5, G02)."""
    order = known.find(Order, message.key)
    refund = _refund(order, body.refund_id)
    if order is None or refund is None or refund.confirmed_at is not None or refund.expired or refund.stands:
        return Decision()
    fact = events.RefundExceptionRaised(order.id, refund.id, channels.TIMEOUT)
    later, facts = after(channels.flash_expired(order, refund), now, fact)
    cases = _case(known, _plan(known, refund), RefundState.EXCEPTION, now)
    return Decision(changes=(later, *cases), events=facts)


def bank_settled(known: Known, body: BankRefundSettled, message: Message, now: datetime) -> Decision:
    """The acquirer paid a bank-card share back; of a refund, or (no refund named) of a cancel."""
    step = BankStep.SETTLED_BY_HAND if body.manual else BankStep.REROUTED if body.rerouted else BankStep.SETTLED
    fact = events.BankRefundArrived(
        order_id=message.key, refund_id=body.refund_id, amount_minor=body.amount_minor, rerouted=body.rerouted,
        leg_id=body.leg_id, manual=body.manual,
    )
    return _bank_told(known, body, BankNews(step, now, leg_id=body.leg_id), (fact,), message=message, now=now)


def bank_stepped(known: Known, body: BankRefundStepped, message: Message, now: datetime) -> Decision:
    """A bank-card share took a step on its way back, or after its end; a refused one needs a person (2.7, PM-7)."""
    fact = events.BankRefundStepped(
        order_id=message.key, refund_id=body.refund_id, leg_id=body.leg_id, step=body.step,
        amount_minor=body.amount_minor, detail=body.detail, stepped_at=body.at,
    )
    failed = STANDS.get(body.step) is BankShare.FAILED and body.refund_id
    raised = (events.RefundExceptionRaised(message.key, body.refund_id, channels.REFUSED),) if failed else ()
    news = BankNews(body.step, body.at, body.detail, body.leg_id)
    return _bank_told(known, body, news, (fact, *raised), message=message, now=now)


def _bank_told(
    known: Known, body: BankRefundSettled | BankRefundStepped, news: BankNews, facts: tuple[object, ...], *,
    message: Message, now: datetime,
) -> Decision:
    """The order, its refund and its return case after a word of the bank."""
    order = known.find(Order, message.key)
    if order is None:
        return Decision()
    refund = _refund(order, body.refund_id)
    if channels.told_before(order, refund, news):
        return Decision()
    later, events_told = after(channels.bank_told(order, refund, news, body.amount_minor), now, *facts)
    later_refund = _refund(later, body.refund_id)
    if refund is None or later_refund is None:
        return Decision(changes=(later,), events=events_told)
    return Decision(changes=(later, *_case_with(known, refund, later_refund, now)), events=events_told)


def _case_with(known: Known, before: Refund, later: Refund, now: datetime) -> tuple[ReturnCase, ...]:
    """The return case, where the refund's state moves it."""
    if RETURN_STATES.get(before.state) is RETURN_STATES.get(later.state):
        return ()
    return _case(known, _plan(known, later), later.state, now)


def _refund(order: Order | None, refund_id: str) -> Refund | None:
    return next((refund for refund in order.refunds if refund.id == refund_id), None) if order is not None else None


def _plan(known: Known, refund: Refund) -> RefundPlan:
    run = known.find(Run, refund.settlement_id)
    if run is None:
        raise Defect(f"{refund.settlement_id} is not on record")
    plan: RefundPlan = run.plan
    return plan


def _case(known: Known, plan: RefundPlan, state: RefundState, now: datetime) -> tuple[ReturnCase, ...]:
    """The return case of a refund, moved on with it."""
    case = known.find(ReturnCase, plan.return_id) if plan.return_id else None
    return () if case is None or case.state is RETURN_STATES[state] else (stepped(case, now, RETURN_STATES[state]),)
