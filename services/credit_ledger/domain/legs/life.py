"""The life of a leg: sent, asked about, settled, or given to a person (PM-6). Nothing is ever given up silently."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg, RerouteLeg
from services.credit_ledger.domain.model.events import BankRefundSettled, LegFailed, LegRerouted, LegSettled
from services.credit_ledger.domain.model.leg import LegState, QueryLeg, Rail, RefundLeg, SendLeg
from services.kernel.decision import Command, Timer
from services.kernel.errors import NotFound
from services.kernel.ids import derived
from services.kernel.journal import Journal, Unit, post

LEG_TIMER = "leg"
"""The kind of the timer that every unfinished leg has."""

RETRY_SECONDS = 2
RETRY_SECONDS_MAX = 3600
ATTEMPTS_MAX = 20
"""After 20 attempts (about half a day) a leg becomes an EXCEPTION, and an operator decides."""

_BY_HAND = "settled by hand"
"""How the detail of a leg begins that people paid from the bank; the id of their adjustment follows."""

_NEWS_ONLY = (LegState.ACCEPTED, LegState.EXCEPTION)
"""States that only an answer of the rail ends: being sent or asked about is no news."""


def leg_id(reference: str) -> str:
    """The id of the one leg that this refund, release or payout needs; its idempotency key at the rail."""
    return derived("leg", reference)


def rejected_leg_id(order_id: str) -> str:
    """The id of the leg that gives the bank payment of a rejected order back: one for each order, for good (PM-5)."""
    return leg_id(f"{order_id}/rejected")


def launched(
    position: Position, identity: str, *, rail: Rail, reference: str, amount_minor: int, order_id: str = "",
    refund_id: str = "",
) -> Position:
    """The position with a new leg on its way; none for an amount of 0."""
    if not amount_minor:
        return position
    leg = RefundLeg(
        id=identity, account_id=position.account.id, order_id=order_id, refund_id=refund_id, rail=rail,
        reference=reference, amount_minor=amount_minor, created_at=position.at, updated_at=position.at,
    )
    return position.plus(leg, timers=(_retry(leg, position.at),), actions=(_send(leg),))


def reported(position: Position, body: ReportLeg) -> Applied:
    """What a rail said about a leg. Late and repeated reports change nothing; P7 is posted on settlement."""
    leg = _leg(position, body.leg_id)
    if not leg.open or (leg.state in _NEWS_ONLY and body.report in (LegReport.SENT, LegReport.UNKNOWN)):
        late = body.report is LegReport.SETTLED and (leg.state is LegState.RECALLED or leg.detail.startswith(_BY_HAND))
        return Applied(_settled_late(position, leg) if late else position, leg, logged=False)
    if body.report is LegReport.SETTLED:
        return Applied(_settled(position, leg), leg, logged=False)
    if body.report is LegReport.CLOSED:
        again = RerouteLeg(leg.account_id, leg.id)
        applied = reroute(position, again)
        logged = applied.position.log(again, position.at, leg.order_id, applied.reference)
        return replace(applied, position=logged, logged=False)
    if body.report is LegReport.REJECTED:
        return Applied(_failed(position, leg, body.detail or "rejected"), leg, logged=False)
    moved = replace(leg, state=LegState(body.report.value), detail=body.detail, updated_at=position.at)
    return Applied(position.plus(moved, timers=(_retry(moved, position.at),)), moved, logged=False)


def reroute(position: Position, body: RerouteLeg) -> Applied:
    """The instrument is closed: the money goes to the wallet, with a posting and an event of its own (PM-3)."""
    leg, account = _leg(position, body.leg_id), position.account
    transit, sub = _transit(leg)
    after = replace(leg, state=LegState.REROUTED, updated_at=position.at)
    position = position.plus(
        after, account=replace(account, wallet_minor=account.wallet_minor + leg.amount_minor),
        journals=_taken_in(leg) + post("leg_rerouted", Unit.CNY, (
            (transit, sub, leg.amount_minor), (books.WALLET, account.id, -leg.amount_minor),
        ), leg.order_id),
        event=LegRerouted(account.id, leg.id, leg.amount_minor), commands=_notice(leg, rerouted=True),
        cleared=((LEG_TIMER, leg.id),),
    )
    return Applied(position, after, leg.order_id, leg.refund_id or leg.id)


def woken(position: Position, identity: str) -> Applied:
    """The timer of a leg is due: send what was never sent, ask about everything else, and stop at the limit."""
    leg = _leg(position, identity)
    if not leg.open or leg.state is LegState.EXCEPTION:
        return Applied(position.plus(cleared=((LEG_TIMER, leg.id),)), leg, logged=False)
    if leg.attempts >= ATTEMPTS_MAX and leg.state is not LegState.ACCEPTED:
        return Applied(_failed(position, leg, "no answer in time"), leg, logged=False)
    again = replace(leg, attempts=leg.attempts + 1, updated_at=position.at)
    action = _send(leg) if leg.state is LegState.PENDING else QueryLeg(_send(leg))
    return Applied(position.plus(again, timers=(_retry(again, position.at),), actions=(action,)), again, logged=False)


def asked_again(position: Position, leg: RefundLeg) -> tuple[Position, RefundLeg]:
    """A person has the rail asked anew: as many attempts as at first, under the same id."""
    again = replace(leg, state=LegState.UNKNOWN, attempts=0, updated_at=position.at)
    return position.plus(again, timers=(_retry(again, position.at),), actions=(QueryLeg(_send(leg)),)), again


def settled_by_hand(position: Position, leg: RefundLeg, adjustment_id: str) -> tuple[Position, RefundLeg]:
    """People paid it from the bank (MA-3)."""
    transit, sub = _transit(leg)
    detail = f"{_BY_HAND}: {adjustment_id}"
    settled = replace(leg, state=LegState.SETTLED, detail=detail, updated_at=position.at)
    position = position.plus(
        settled, journals=_taken_in(leg) + post("manual_adjust", Unit.CNY, (
            (transit, sub, leg.amount_minor), (books.BANK, "", -leg.amount_minor),
        ), leg.order_id),
        event=LegSettled(leg.account_id, leg.id, leg.amount_minor), commands=_notice(leg),
    )
    return position, settled


def recalled(position: Position, leg: RefundLeg) -> Position:
    """The position with a leg taken back: what the rail has not paid it shall not pay (P24)."""
    return position.plus(
        replace(leg, state=LegState.RECALLED, updated_at=position.at), cleared=((LEG_TIMER, leg.id),)
    )


def _settled(position: Position, leg: RefundLeg) -> Position:
    transit, sub = _transit(leg)
    source = books.CARD_CHANNEL if leg.rail is Rail.CARD else books.BANK
    return position.plus(
        replace(leg, state=LegState.SETTLED, updated_at=position.at),
        journals=_taken_in(leg) + post(
            "card_refund_settled" if leg.rail is Rail.CARD else "payout_settled", Unit.CNY,
            ((transit, sub, leg.amount_minor), (source, "", -leg.amount_minor)), leg.order_id,
        ),
        event=LegSettled(leg.account_id, leg.id, leg.amount_minor), commands=_notice(leg),
        cleared=((LEG_TIMER, leg.id),),
    )


def _taken_in(leg: RefundLeg) -> tuple[Journal, ...]:
    """How the bank payment of a rejected order came in and went out (P3, P6). The refusal posts nothing, so both are
    posted with the end of its leg; every other leg has its money in transit since it was launched."""
    if leg.id != rejected_leg_id(leg.order_id):
        return ()
    order_id, amount = leg.order_id, leg.amount_minor
    return post("deposit", Unit.CNY, (
        (books.CARD_CHANNEL, "", amount), (books.DEPOSIT, order_id, -amount),
    ), order_id) + post("deposit_return", Unit.CNY, (
        (books.DEPOSIT, order_id, amount), (books.TRANSIT_CARD, "", -amount),
    ), order_id)


def _notice(leg: RefundLeg, rerouted: bool = False) -> tuple[Command, ...]:
    """The order learns that its customer has a bank-card refund, on the card or, rerouted, in the wallet."""
    if leg.rail is not Rail.CARD:
        return ()
    settled = BankRefundSettled(leg.order_id, leg.refund_id, leg.id, leg.amount_minor, rerouted)
    return (Command("order", leg.order_id, settled, id=f"settled/{leg.id}"),)


def _settled_late(position: Position, leg: RefundLeg) -> Position:
    """The rail paid what was recalled, or what people had paid by hand: the customer has the money and owes it."""
    account = replace(position.account, receivable_minor=position.account.receivable_minor + leg.amount_minor)
    card = leg.rail is Rail.CARD
    detail = "settled after recall" if leg.state is LegState.RECALLED else f"paid twice, {leg.detail}"
    return position.plus(
        replace(leg, detail=detail, state=LegState.SETTLED, updated_at=position.at), account=account,
        journals=post("card_refund_settled" if card else "payout_settled", Unit.CNY, (
            (books.CUSTOMER_RECEIVABLE, leg.account_id, leg.amount_minor),
            (books.CARD_CHANNEL if card else books.BANK, "", -leg.amount_minor),
        ), leg.order_id),
        event=LegSettled(leg.account_id, leg.id, leg.amount_minor),
    )


def _failed(position: Position, leg: RefundLeg, detail: str) -> Position:
    return position.plus(
        replace(leg, state=LegState.EXCEPTION, detail=detail, updated_at=position.at),
        event=LegFailed(leg.account_id, leg.id, detail), cleared=((LEG_TIMER, leg.id),),
    )


def _transit(leg: RefundLeg) -> tuple[str, str]:
    """Where the money of a leg waits."""
    return (books.TRANSIT_CARD, "") if leg.rail is Rail.CARD else (books.TRANSIT_PAYOUT, leg.reference)


def _leg(position: Position, identity: str) -> RefundLeg:
    found = position.find(RefundLeg, identity)
    if found is None:
        raise NotFound("LEG_NOT_FOUND", f"there is no leg {identity}")
    return found


def _send(leg: RefundLeg) -> SendLeg:
    return SendLeg(leg.id, leg.account_id, leg.rail, leg.reference, leg.amount_minor)


def _retry(leg: RefundLeg, now: datetime) -> Timer:
    seconds = min(RETRY_SECONDS * 2 ** min(leg.attempts, 12), RETRY_SECONDS_MAX)
    return Timer(LEG_TIMER, leg.id, leg.account_id, now + timedelta(seconds=seconds))
