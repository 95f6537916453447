"""What the flash network and the bank say of an order's refunds, and what of it the order keeps (DOMAIN 2.7, PM-7)."""

from dataclasses import replace
from datetime import datetime

from services.order.domain.bank_shares import (
    BEFORE_ITS_END,
    STANDS,
    BankNews,
    BankShare,
    Refund,
    kept,
    overall,
    told_by_bank,
)
from services.order.domain.order import MOVING, Order, summary, with_refund
from services.order.domain.states import BankStep, RefundState
from services.order.domain.tenders import Tender, settled

TIMEOUT = "CHANNEL_TIMEOUT"
"""Why a refund needs a person that the flash network did not confirm."""
DEADLINE = "DEADLINE_EXCEEDED"
"""Why a refund needs a person whose settlement takes too long."""
REFUSED = "PAYMENT_NOT_REFUNDABLE"
"""Why a refund needs a person whose bank-card share the bank does not pay."""


def flash_confirmed(order: Order, refund: Refund, confirmed_at: datetime, manual: bool) -> Order:
    """A pending refund is done. If its settlement is still under way (another tender), that will complete it."""
    if order.settlement_id == refund.settlement_id:
        waiting = refund._replace(state=RefundState.CREDIT_DONE, confirmed_at=confirmed_at, manual=manual)
        return replace(order, refunds=with_refund(order, waiting))
    posted = overall(refund._replace(posted=True, manual=manual, confirmed_at=confirmed_at))
    refunds = with_refund(order, posted)
    # a settlement under way keeps the state that it gave the order
    state = order.state if order.state in MOVING.values() else summary(order, refunds=refunds)
    return replace(order, refunds=refunds, state=state)


def flash_expired(order: Order, refund: Refund) -> Order:
    """The network did not confirm within 24 hours: people take over (SC-5, G02)."""
    return replace(order, refunds=with_refund(order, refund._replace(state=RefundState.EXCEPTION, expired=True)))


def overdue(order: Order, refund: Refund) -> Order:
    """The refund has not settled in its time (SC-5)."""
    return replace(order, refunds=with_refund(order, refund._replace(state=RefundState.EXCEPTION)))


def bank_told(order: Order, refund: Refund | None, news: BankNews, amount_minor: int) -> Order:
    """The order after a step of the bank-card share of a refund, or (None) of what goes back without one; the news
    names the leg."""
    tenders = _arrived(order, refund, amount_minor, news.step)
    if refund is None:
        return replace(order, tenders=tenders, bank_news=kept(order.bank_news, news))
    later = told_by_bank(refund, news._replace(leg_id=""))
    if STANDS.get(news.step) is BankShare.DONE:
        later = later._replace(bank_settled_at=news.at, rerouted=news.step is BankStep.REROUTED)
    if order.settlement_id != refund.settlement_id:  # else the end of the settlement says its state
        later = overall(later)
    return replace(order, tenders=tenders, refunds=with_refund(order, later))


def told_before(order: Order, refund: Refund | None, news: BankNews) -> bool:
    """Whether the order knows this step of the way back, or what came after it. Notices come one by one, each until
    it is acknowledged, so only the last one is repeated. A payment is told as it is heard of, without an instant of its
    own, but is not followed by another one without a step between them.

    What an older release had set aside was acknowledged, so those that it had in front of it may have come before it is
    decided: what was on its way or refused before it was paid says nothing any more.
    """
    steps = refund.news if refund is not None else [step for step in order.bank_news if step.leg_id == news.leg_id]
    if not steps:
        return False
    if steps[-1].step is news.step and (steps[-1].at == news.at or STANDS.get(news.step) is BankShare.DONE):
        return True
    stood = next((STANDS[each.step] for each in reversed(steps) if each.step in STANDS), BankShare.NONE)
    return stood is BankShare.DONE and news.step in BEFORE_ITS_END


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
