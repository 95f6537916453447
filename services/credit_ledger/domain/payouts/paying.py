"""Paying a redemption out: what the customer owes us is netted, the rest goes to the bank or into the wallet (P28).

The request stands in the log as it came. What comes of it is logged beside it with its figures, at once or when the
payout no longer waits, so that no replay decides it again.
"""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs import payouts
from services.credit_ledger.domain.legs.life import launched
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.amounts import positive
from services.credit_ledger.domain.model.effects import PayoutEffect
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PayoutSwitch
from services.credit_ledger.domain.model.redemption_events import ReceivableNetted, RedemptionPayoutRequested
from services.credit_ledger.domain.model.redemptions import DisbursePayout, PayRedemption
from services.credit_ledger.domain.receivables.owners import owned_by
from services.kernel.errors import AlreadyExists, InvalidArgument
from services.kernel.journal import Unit, post


def pay(position: Position, body: PayRedemption) -> Applied:
    """Take a payout on, and pay it unless payouts are paused (RD-33). What is paid stands in the log beside it."""
    if not position.replaying:
        _may_pay(position, body)
    payout = RedemptionPayout(
        id=body.payout_id, account_id=position.account.id, order_id=body.order_id, card_id=body.card_id,
        amount_minor=positive(body.amount_minor, position.replaying), method=body.method, instrument=body.instrument,
        requested_at=position.at, moved_at=position.at,
    )
    position = position.plus(payout, event=RedemptionPayoutRequested(
        account_id=payout.account_id, payout_id=payout.id, order_id=payout.order_id, amount_minor=payout.amount_minor,
        method=payout.method,
    ))
    if position.replaying:
        return Applied(position, None, body.order_id, payout.id)
    position = position.log(body, position.at, body.order_id, payout.id)
    position = _held(position, payout) if _paused(position) else disbursed(position, payout)
    return Applied(
        position, told(position, payout.id), body.order_id, payout.id, moved=(("PAYOUT", body.amount_minor),),
        logged=False,
    )


def woken(position: Position, payout_id: str) -> Applied:
    """The timer of a payout that waits is due: it goes out, or waits on while payouts are paused."""
    payout = position.find(RedemptionPayout, payout_id)
    if payout is None or payout.state is not PayoutState.WAITING:
        return Applied(position.plus(cleared=((payouts.PAYOUT_TIMER, payout_id),)), None, logged=False)
    if _paused(position):
        return Applied(position.plus(timers=(payouts.timer(payout, position.at),)), None, logged=False)
    return Applied(disbursed(position, payout, told_as="settled"), None, logged=False)


def disbursed(position: Position, payout: RedemptionPayout, told_as: str = "") -> Position:
    """The position with a payout on its way; its card learns under this name, or not at all, what is paid at once."""
    netted = min(payout.left_minor, position.account.receivable_minor)
    left = payout.left_minor - netted
    by_leg = left > 0 and payout.method is not PayoutMethod.WALLET
    body = DisbursePayout(
        account_id=payout.account_id, order_id=payout.order_id, payout_id=payout.id,
        leg_id=leg_id(f"{payout.id}/{payout.attempts + 1}") if by_leg else "",
        instrument=payout.instrument if by_leg else "", netted_minor=netted, amount_minor=left,
    )
    position = disburse(position, body, told_as).position
    return position.log(body, position.at, payout.order_id, payout.id)


def disburse(position: Position, body: DisbursePayout, told_as: str = "") -> Applied:
    """Book what a payout comes to. The figures are in the body: no replay decides them again."""
    account, into_wallet = position.account, 0 if body.leg_id else body.amount_minor
    position = position.plus(
        account=replace(
            account, receivable_minor=account.receivable_minor - body.netted_minor,
            wallet_minor=account.wallet_minor + into_wallet,
        ),
        journals=post(payouts.OP, Unit.CNY, (
            (books.TRANSIT_PAYOUT, body.payout_id, body.netted_minor + into_wallet),
            (books.CUSTOMER_RECEIVABLE, account.id, -body.netted_minor), (books.WALLET, account.id, -into_wallet),
        ), body.order_id),
        event=ReceivableNetted(account.id, body.order_id, body.payout_id, body.netted_minor)
        if body.netted_minor else None,
    )
    payout = position.find(RedemptionPayout, body.payout_id)
    if payout is not None:
        position = _gone_out(position, payout, body, told_as)
    if body.leg_id:
        position = launched(
            position, body.leg_id, rail=Rail.PAYOUT, reference=body.instrument, amount_minor=body.amount_minor,
            order_id=body.order_id, payout_id=body.payout_id,
        )
    return Applied(position, None, body.order_id, body.payout_id)


def told(position: Position, payout_id: str) -> PayoutEffect:
    """How far a payout is, for who asked."""
    payout = position.find(RedemptionPayout, payout_id)
    assert payout is not None
    sent = payout.state is PayoutState.SENT
    return PayoutEffect(
        payout_id=payout.id, order_id=payout.order_id, account_id=payout.account_id,
        account_version=position.before.version + bool(position.operations), posted_at=position.at, state=payout.state,
        amount_minor=payout.amount_minor, netted_minor=payout.netted_minor,
        leg_id=leg_id(f"{payout.id}/{payout.attempts}") if sent else "",
    )


def _gone_out(position: Position, payout: RedemptionPayout, body: DisbursePayout, told_as: str) -> Position:
    after = replace(payout, netted_minor=payout.netted_minor + body.netted_minor)
    if not body.leg_id:
        return payouts.paid(position, after, told_as=told_as)
    sent = replace(after, state=PayoutState.SENT, attempts=after.attempts + 1, moved_at=position.at)
    return position.plus(sent, cleared=((payouts.PAYOUT_TIMER, payout.id),))


def _held(position: Position, payout: RedemptionPayout) -> Position:
    return position.plus(timers=(payouts.timer(payout),))


def _paused(position: Position) -> bool:
    switch = position.known.find(PayoutSwitch, PAYOUTS)
    return switch is not None and switch.paused


def _may_pay(position: Position, body: PayRedemption) -> None:
    """An id pays once (BK-6), its customer, and to an instrument where it goes to the bank; the account may be in any
    state, for the money is the customer's."""
    owned_by(position, body.customer_id)
    if bool(body.instrument) == (body.method is PayoutMethod.WALLET):
        detail = "a payout names its instrument, one into the wallet none"
        raise InvalidArgument("INVALID_ARGUMENT", detail, {"field": "instrument"})
    if position.find(RedemptionPayout, body.payout_id) is not None:
        raise AlreadyExists("PAYOUT_EXISTS", f"{body.payout_id} was asked for before")
