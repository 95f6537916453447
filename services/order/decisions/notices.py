"""Rules for what happened elsewhere: a delivery, the flash network's word, the acquirer's payment."""

from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import Defect, FailedPrecondition
from services.kernel.messages import Message
from services.kernel.saga import Run
from services.order.domain import events
from services.order.domain.bank_shares import STANDS, BankNews, BankShare, Refund, kept, overall, told_by_bank
from services.order.domain.commands import (
    BankRefundSettled,
    BankRefundStepped,
    ConfirmDelivery,
    FlashRefundConfirmed,
    FlashRefundExpired,
)
from services.order.domain.completion import alarm, no_alarm
from services.order.domain.order import MOVING, Order, after, owned, refuse_while_settling, summary, with_refund
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import RETURN_STATES, ReturnCase, stepped
from services.order.domain.states import BankStep, OrderState, RefundState
from services.order.domain.tenders import Tender, settled
from services.order.sagas.refund import refunded_fact

REFUSED = "PAYMENT_NOT_REFUNDABLE"
"""Why a refund needs a person whose bank-card share the bank does not pay."""


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
    if order.settlement_id == refund.settlement_id:
        waiting = refund._replace(state=RefundState.CREDIT_DONE, confirmed_at=body.confirmed_at, manual=body.manual)
        later, facts = after(order, now, refunds=with_refund(order, waiting))
        return Decision(changes=(later,), events=facts)
    plan = _plan(known, refund)
    posted = overall(refund._replace(posted=True, manual=body.manual, confirmed_at=body.confirmed_at))
    refunds = with_refund(order, posted)
    summed = _state(order, refunds)
    fact = refunded_fact(plan, refund.settlement_id, summed)
    later, facts = after(order, now, fact, refunds=refunds, state=summed)
    cases = _case(known, plan, posted.state, now)
    return Decision(changes=(later, *cases), events=facts, cleared=no_alarm(order, summed))


def flash_expired(known: Known, body: FlashRefundExpired, message: Message, now: datetime) -> Decision:
    """The network did not confirm within 24 hours: people take over (SC-5, G02)."""
    order = known.find(Order, message.key)
    refund = _refund(order, body.refund_id)
    if order is None or refund is None or refund.confirmed_at is not None or refund.expired or refund.stands:
        return Decision()
    refunds = with_refund(order, refund._replace(state=RefundState.EXCEPTION, expired=True))
    fact = events.RefundExceptionRaised(order.id, refund.id, "CHANNEL_TIMEOUT")
    later, facts = after(order, now, fact, refunds=refunds)
    cases = _case(known, _plan(known, refund), RefundState.EXCEPTION, now)
    return Decision(changes=(later, *cases), events=facts)


def bank_settled(known: Known, body: BankRefundSettled, message: Message, now: datetime) -> Decision:
    """The acquirer paid a bank-card share back; of a refund, or (no refund named) of a cancel."""
    step = BankStep.SETTLED_BY_HAND if body.manual else BankStep.REROUTED if body.rerouted else BankStep.SETTLED
    fact = events.BankRefundArrived(message.key, body.refund_id, body.amount_minor, body.rerouted)
    return _bank_told(known, body, BankNews(step, now), (fact,), message=message, now=now)


def bank_stepped(known: Known, body: BankRefundStepped, message: Message, now: datetime) -> Decision:
    """A bank-card share took a step on its way back, or after its end; a refused one needs a person (2.7, PM-7)."""
    fact = events.BankRefundStepped(
        order_id=message.key, refund_id=body.refund_id, leg_id=body.leg_id, step=body.step,
        amount_minor=body.amount_minor, detail=body.detail,
    )
    failed = STANDS.get(body.step) is BankShare.FAILED and body.refund_id
    raised = (events.RefundExceptionRaised(message.key, body.refund_id, REFUSED),) if failed else ()
    news = BankNews(body.step, body.at, body.detail)
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
    tenders = _arrived(order, refund, body.amount_minor, news.step)
    if refund is None:
        kept_news = kept(order.bank_news, news._replace(leg_id=body.leg_id))
        later, events_told = after(order, now, *facts, tenders=tenders, bank_news=kept_news)
        return Decision(changes=(later,), events=events_told)
    later_refund = told_by_bank(refund, news)
    if STANDS.get(news.step) is BankShare.DONE:
        later_refund = later_refund._replace(bank_settled_at=news.at, rerouted=news.step is BankStep.REROUTED)
    if order.settlement_id != refund.settlement_id:  # else the end of the settlement says its state
        later_refund = overall(later_refund)
    later, events_told = after(order, now, *facts, tenders=tenders, refunds=with_refund(order, later_refund))
    return Decision(changes=(later, *_case_with(known, refund, later_refund, now)), events=events_told)


def _arrived(order: Order, refund: Refund | None, amount_minor: int, step: BankStep) -> tuple[Tender, ...]:
    """The tenders with what the bank has paid back, less by what bounced. A refund that was undone has no part in it,
    and what bounced had arrived before."""
    if refund is not None and refund.state is RefundState.REVERSED:
        return order.tenders
    if STANDS.get(step) is BankShare.DONE:
        return settled(order.tenders, amount_minor)
    if step is BankStep.BOUNCED and (refund is None or refund.bank_arrived):
        return settled(order.tenders, -amount_minor)
    return order.tenders


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


def _state(order: Order, refunds: tuple[Refund, ...]) -> OrderState:
    """A settlement under way keeps the state that it gave the order."""
    return order.state if order.state in MOVING.values() else summary(order, refunds=refunds)
