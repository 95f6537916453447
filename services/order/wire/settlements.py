"""A settlement as its readers see it: built from the stored run and its order."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.kernel.saga import Branch, Run
from services.order.domain.answers import Placed, Received, Resolved, Started
from services.order.domain.bank_shares import BankNews, Refund
from services.order.domain.order import Order
from services.order.domain.participation import CardEffect, CreditEffect, credit_effect
from services.order.domain.plans import RefundPlan, ReversalPlan
from services.order.domain.states import BankStep, Kind, RefundState
from services.order.wire.orders import case_message, order_message
from services.order.wire.scalars import BRANCH_STATES, KINDS, PHASES, REFUND_STATES, tender_shares
from services.runtime.ground.scalars import instant_field, instant_to_wire, money_field, money_to_wire
from settlement.credit_ledger.v1 import effects_pb2
from settlement.order.v1 import after_sale_service_pb2, order_service_pb2, settlement_pb2


def settlement_message(run: Run, order: Order, retry_at: datetime | None = None) -> settlement_pb2.Settlement:
    """A settlement; `retry_at` is when it is woken next."""
    money_moved, began = run.plan.money, instant_field(run.started_at)
    message = settlement_pb2.Settlement(
        settlement_id=run.id, order_id=run.root, kind=KINDS.to_wire[Kind(run.kind)], state=PHASES.to_wire[run.phase],
        reason=run.reason, tenders=tender_shares(money_moved.shares),
        branches=[_branch(branch) for branch in run.branches], create_time=began,
        update_time=began if run.updated_at is None else instant_field(run.updated_at), version=run.version,
        amount=money_field(money_moved.amount_minor), attempts=run.attempts,
    )
    if retry_at is not None and not run.terminal:
        message.next_retry_time.CopyFrom(instant_to_wire(retry_at))
    refund = order.refund_of(run.id)
    _add_refund(message, run, refund)
    _add_effect(message, run)
    message.timeline.extend(_timeline(run, order, refund))
    return message


def placed_message(placed: Placed) -> order_service_pb2.PlaceOrderResponse:
    """The answer to PlaceOrder."""
    return order_service_pb2.PlaceOrderResponse(
        order=order_message(placed.order), settlement=settlement_message(placed.run, placed.order)
    )


def started_message(started: Started) -> settlement_pb2.Settlement:
    """The answer to whatever began a settlement."""
    return settlement_message(started.run, started.order)


def received_message(received: Received) -> after_sale_service_pb2.ConfirmReceiptResponse:
    """The answer to ConfirmReceipt."""
    return after_sale_service_pb2.ConfirmReceiptResponse(
        return_case=case_message(received.case), settlement=settlement_message(received.run, received.order)
    )


def resolved_message(resolved: Resolved) -> after_sale_service_pb2.ResolveDisputeResponse:
    """The answer to ResolveDispute."""
    message = after_sale_service_pb2.ResolveDisputeResponse(return_case=case_message(resolved.case))
    if resolved.run is not None:
        message.settlement.CopyFrom(settlement_message(resolved.run, resolved.order))
    return message


def effect_message(run: Run) -> effects_pb2.CreditEffect | None:
    """What the credit ledger answered, whole, if it took part and has answered; a digest has it no more."""
    effect = credit_effect(run)
    return effects_pb2.CreditEffect.FromString(effect.wire) if effect is not None and effect.wire else None


def _branch(branch: Branch) -> settlement_pb2.SettlementBranch:
    return settlement_pb2.SettlementBranch(
        service=branch.service, state=BRANCH_STATES.to_wire[branch.state], reason=branch.reason
    )


def _add_refund(message: settlement_pb2.Settlement, run: Run, refund: Refund | None) -> None:
    plan = run.plan
    if isinstance(plan, RefundPlan):
        message.refund_id, message.return_id = plan.refund_id, plan.return_id or plan.given_back_of
        message.reduced_line_id = plan.reduced_line
        message.refund_state = REFUND_STATES.to_wire[RefundState.FAILED if run.terminal else RefundState.ACCEPTED]
    elif isinstance(plan, ReversalPlan):
        message.refund_id, message.reversed_settlement_id = plan.refund_id, plan.refund_settlement_id
        message.reduced_line_id = plan.reduced_line
    if refund is not None:
        message.refund_state = REFUND_STATES.to_wire[refund.state]
        message.reversed_settlement_id = refund.reversal_id


def _add_effect(message: settlement_pb2.Settlement, run: Run) -> None:
    effect = effect_message(run)
    if effect is not None:
        message.instalments.extend(change.after for change in effect.instalments)
        message.given_back.extend(effect.given_back)
        message.credit_balance.CopyFrom(money_to_wire(effect.credit_balance_minor))


def _timeline(run: Run, order: Order, refund: Refund | None) -> Iterator[settlement_pb2.TimelineEntry]:
    entry = settlement_pb2.TimelineEntry
    yield entry(at=instant_field(run.started_at), step="STARTED")
    for branch in run.branches:
        if isinstance(branch.result, CreditEffect | CardEffect):
            step = "EXECUTED" if len(run.branches) == 1 else "TRIED"
            yield entry(at=instant_field(branch.result.posted_at), step=step, service=branch.service)
    if run.terminal:
        yield entry(at=instant_field(run.updated_at or run.started_at), step="ENDED", detail=run.reason)
    if refund is not None and refund.confirmed_at is not None:
        yield entry(at=instant_field(refund.confirmed_at), step="CHANNEL_CONFIRMED")
    yield from (_bank_entry(news) for news in _bank_news(run, order, refund))


def _bank_news(run: Run, order: Order, refund: Refund | None) -> Iterable[BankNews]:
    """The steps of the settlement's bank-card leg; a row from before they were kept tells only that it arrived."""
    if refund is None:
        answer, effect = credit_effect(run), effect_message(run)
        leg_id = answer.leg_id if answer is not None and answer.leg_id else effect.leg_id if effect is not None else ""
        return [news for news in order.bank_news if leg_id and news.leg_id == leg_id]
    if refund.news or refund.bank_settled_at is None:
        return refund.news
    return (BankNews(BankStep.REROUTED if refund.rerouted else BankStep.SETTLED, refund.bank_settled_at),)


def _bank_entry(news: BankNews) -> settlement_pb2.TimelineEntry:
    step = "REROUTED_TO_WALLET" if news.step is BankStep.REROUTED else f"BANK_{news.step}"
    return settlement_pb2.TimelineEntry(at=instant_field(news.at), step=step, detail=news.detail)
