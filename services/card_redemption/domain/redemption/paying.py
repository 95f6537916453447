"""The payout of a settled redemption: asked of the credit ledger, delayed, refused, paid (P28, PM-3)."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption.order import Payout, RedemptionOrder
from services.card_redemption.domain.redemption.states import PayoutState, RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import PAY, PAY_AGAIN, REFUSED_AGAIN
from services.card_redemption.domain.redemption.ways import must_pay_by
from services.kernel.decision import Timer
from services.kernel.ids import money_account

_S = RedemptionState


def due_payout(order: RedemptionOrder) -> Payout | None:
    """The payout that nobody was asked to pay yet."""
    return next((payout for payout in order.payouts if payout.state is PayoutState.DUE), None)


def redirected(
    order: RedemptionOrder, card: GiftCard, method: PayoutMethod | None, instrument: str
) -> RedemptionOrder:
    """The redemption with its due payout to be paid another way, if one is named that its channel pays by (PM-4)."""
    if method is None:
        return order
    must_pay_by(order.terms, method, instrument, card.purchase)
    due = due_payout(order)
    payouts = tuple(each._replace(method=method) if each is due else each for each in order.payouts)
    return replace(order, method=method, instrument=instrument, payouts=payouts)


def payout_begun(order: RedemptionOrder, card: GiftCard, now: datetime, saga_id: str) -> Stepped:
    """The credit ledger is asked to pay."""
    return stepped(order, card, now, Step.PAYOUT_BEGUN, settlement_id=saga_id).cleared((PAY, order.id))


def payout_delayed(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """It was not asked for to the end: it is asked for again; what is owed stays owed."""
    return _again(order, card, now, reason, PAY_AGAIN)


def payout_refused(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """The credit ledger does not pay it so, however often it is asked: from now on it goes into the wallet (PM-3). What
    that refuses, too, has no other way: it is told, and asked for again every day."""
    by_wallet = _into_wallet(order)
    return _again(by_wallet, card, now, reason, PAY_AGAIN if is_rerouted(order, by_wallet) else REFUSED_AGAIN)


def is_rerouted(before: RedemptionOrder, after: RedemptionOrder) -> bool:
    """Whether a payout goes another way now, or to another account."""
    ways = [(order.account_id, [(each.id, each.method) for each in order.payouts]) for order in (before, after)]
    return ways[0] != ways[1]


def payout_retried(order: RedemptionOrder, card: GiftCard, now: datetime, detail: str) -> Stepped:
    """The bank refused an attempt; the credit ledger makes another one, and pays into the wallet in the end (PM-3)."""
    state = _S.PAYOUT_RETRY if order.state is _S.SETTLED else order.state
    return stepped(order, card, now, Step.PAYOUT_DELAYED, state=state, reason=detail)


def payout_sent(order: RedemptionOrder, card: GiftCard, now: datetime, payout_id: str) -> Stepped:
    """The credit ledger has it: it says later when it is paid."""
    return stepped(
        order, card, now, Step.PAYOUT_SENT, settlement_id="", state=_settled_again(order), reason="",
        payouts=with_payout(order, payout_id, state=PayoutState.SENT),
    )


def payout_paid(
    order: RedemptionOrder, card: GiftCard, now: datetime, payout_id: str, rerouted: bool = False
) -> Stepped:
    """It is paid; where nothing is in transit any more the redemption is complete, for good (RD-6)."""
    payouts = with_payout(order, payout_id, state=PayoutState.PAID)
    if rerouted:
        payouts = tuple(
            payout._replace(method=PayoutMethod.JD_BALANCE) if payout.id == payout_id else payout for payout in payouts
        )
    paid = replace(order, payouts=payouts)
    return stepped(
        paid, card, now, Step.PAID, settlement_id="", state=_S.COMPLETED if _over(paid) else _settled_again(paid),
        reason="",
    ).cleared((PAY, order.id))


def completed_unpaid(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """A face so small that its payout is nothing is complete when it is settled."""
    return stepped(order, card, now, Step.PAID, state=_S.COMPLETED)


def with_payout(order: RedemptionOrder, payout_id: str, state: PayoutState) -> tuple[Payout, ...]:
    """The payouts with one of them in another state."""
    return tuple(payout._replace(state=state) if payout.id == payout_id else payout for payout in order.payouts)


def _into_wallet(order: RedemptionOrder) -> RedemptionOrder:
    """The redemption with its due payout to go into its customer's wallet. That is his money account's unless a payout
    stands that was taken on for the account that he named: nobody else knows whether that is his (OP-6). One that was
    stopped there stands no more."""
    due = due_payout(order)
    payouts = tuple(
        each._replace(method=PayoutMethod.JD_BALANCE) if each is due else each for each in order.payouts
    )
    his = any(each.state in (PayoutState.SENT, PayoutState.PAID) for each in order.payouts)
    return replace(order, payouts=payouts, account_id=order.account_id if his else money_account(order.customer_id))


def _again(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str, later: timedelta) -> Stepped:
    state = _S.PAYOUT_RETRY if order.state is _S.SETTLED else order.state
    delayed = stepped(order, card, now, Step.PAYOUT_DELAYED, settlement_id="", state=state, reason=reason)
    return delayed if order.terms.by_hand else delayed.timed(Timer(PAY, order.id, card.id, now + later))


def _over(order: RedemptionOrder) -> bool:
    """Whether it is complete: settled, and nothing in transit."""
    return order.state in (_S.SETTLED, _S.PAYOUT_RETRY, _S.COMPLETED) and not order.transit_minor


def _settled_again(order: RedemptionOrder) -> RedemptionState:
    return _S.SETTLED if order.state is _S.PAYOUT_RETRY else order.state
