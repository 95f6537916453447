"""Rules for what happened elsewhere: a delivery, the flash network's word, the acquirer's payment."""

from dataclasses import replace
from datetime import datetime

from services.kernel.decision import Decision, Done, Known
from services.kernel.errors import Defect, FailedPrecondition
from services.kernel.messages import Message
from services.kernel.saga import Run
from services.order.domain import events
from services.order.domain.commands import BankRefundSettled, ConfirmDelivery, FlashRefundConfirmed, FlashRefundExpired
from services.order.domain.completion import alarm, no_alarm
from services.order.domain.order import MOVING, Order, Refund, after, owned, refuse_while_settling, summary, with_refund
from services.order.domain.plans import RefundPlan
from services.order.domain.returns import ReturnCase, stepped
from services.order.domain.states import EFFECTIVE_REFUNDS, OrderState, RefundState
from services.order.domain.tenders import TenderType
from services.order.sagas.refund import RETURN_STATES, refunded_fact


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
    if order is None or refund is None or refund.state in EFFECTIVE_REFUNDS or refund.state is RefundState.REVERSED:
        return Decision()
    if order.settlement_id == refund.settlement_id:
        waiting = refund._replace(state=RefundState.CREDIT_DONE, confirmed_at=body.confirmed_at)
        later, facts = after(order, now, refunds=with_refund(order, waiting))
        return Decision(changes=(later,), events=facts)
    plan = _plan(known, refund)
    state = RefundState.SUCCEEDED_MANUAL if body.manual else RefundState.SUCCEEDED
    refunds = with_refund(order, refund._replace(state=state, confirmed_at=body.confirmed_at))
    summed = _state(order, refunds)
    fact = refunded_fact(plan, refund.settlement_id, summed)
    later, facts = after(order, now, fact, refunds=refunds, state=summed)
    return Decision(changes=(later, *_case(known, plan, state, now)), events=facts, cleared=no_alarm(order, summed))


def flash_expired(known: Known, body: FlashRefundExpired, message: Message, now: datetime) -> Decision:
    """The network did not confirm within 24 hours: people take over (SC-5, G02)."""
    order = known.find(Order, message.key)
    refund = _refund(order, body.refund_id)
    if order is None or refund is None or refund.state not in (RefundState.ACCEPTED, RefundState.PENDING_CHANNEL):
        return Decision()
    refunds = with_refund(order, refund._replace(state=RefundState.EXCEPTION))
    fact = events.RefundExceptionRaised(order.id, refund.id, "CHANNEL_TIMEOUT")
    later, facts = after(order, now, fact, refunds=refunds)
    cases = _case(known, _plan(known, refund), RefundState.EXCEPTION, now)
    return Decision(changes=(later, *cases), events=facts)


def bank_settled(known: Known, body: BankRefundSettled, message: Message, now: datetime) -> Decision:
    """The acquirer paid a bank-card share back; of a refund, or (no refund named) of a cancel."""
    order = known.find(Order, message.key)
    if order is None:
        return Decision()
    tenders = tuple(
        tender._replace(settled_minor=tender.settled_minor + body.amount_minor)
        if tender.type is TenderType.BANKCARD else tender
        for tender in order.tenders
    )
    refund = _refund(order, body.refund_id)
    refunds = order.refunds
    if refund is not None:
        refunds = with_refund(order, refund._replace(bank_settled_at=now, rerouted=body.rerouted))
    fact = events.BankRefundArrived(order.id, body.refund_id, body.amount_minor, body.rerouted)
    later, facts = after(order, now, fact, tenders=tenders, refunds=refunds)
    return Decision(changes=(later,), events=facts)


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
