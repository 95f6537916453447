"""The life of a leg: sent, asked about, settled, or given to a person (PM-6). Nothing is ever given up silently:
what we ended without the rail is asked about until the rail has said its last word (PM-7)."""

from dataclasses import replace
from datetime import timedelta

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs import payouts
from services.credit_ledger.domain.legs.ends import failed, replaced, rerouted, settled
from services.credit_ledger.domain.legs.last_word import bounced, paid_anyway
from services.credit_ledger.domain.legs.room import admitted
from services.credit_ledger.domain.legs.steps import (
    ACCEPTED_MAX,
    LEG_TIMER,
    found,
    held,
    moved,
    retry,
    send,
    stepped,
    stopped,
)
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.leg import (
    LegEnd,
    LegState,
    LegStep,
    QueryLeg,
    Rail,
    RailWord,
    RefundLeg,
)

ATTEMPTS_MAX = 20
"""After 20 attempts (about half a day) a leg becomes an EXCEPTION, and an operator decides."""

ARRIVES_WITHIN = timedelta(hours=24)
"""A rail that has not heard of a leg this long after it was last sent will not pay it any more."""

NO_ANSWER, ACCEPTED_TOO_LONG = "no answer in time", "accepted for 10 days"


def launched(
    position: Position, identity: str, *, rail: Rail, reference: str, amount_minor: int, order_id: str = "",
    refund_id: str = "", payout_id: str = "",
) -> Position:
    """The position with a new leg on its way; none for an amount of 0."""
    if not amount_minor:
        return position
    return admitted(position, RefundLeg(
        id=identity, account_id=position.account.id, order_id=order_id, refund_id=refund_id, rail=rail,
        reference=reference, amount_minor=amount_minor, created_at=position.at, updated_at=position.at,
        moved_at=position.at, payout_id=payout_id,
    ))


def reported(position: Position, body: ReportLeg) -> Applied:
    """What a rail said about a leg, in whatever state that is. Late and repeated reports change nothing."""
    leg = found(position, body.leg_id)
    match body.report:
        case LegReport.SETTLED:
            position = _paid(position, leg)
        case LegReport.REJECTED | LegReport.CLOSED:
            position = _refused(position, leg, body)
        case LegReport.ABSENT:
            position = _absent(position, leg)
        case _:
            position = _under_way(position, leg, body)
    return Applied(position, found(position, leg.id), logged=False)


def woken(position: Position, identity: str) -> Applied:
    """The timer of a leg is due: send what was never sent, ask about everything else until the rail's last word."""
    leg = found(position, identity)
    if leg.final:
        return Applied(position.plus(cleared=((LEG_TIMER, leg.id),)), leg, logged=False)
    if leg.state is LegState.WAITING:
        return Applied(_reconsidered(position, leg), leg, logged=False)
    if leg.state is LegState.PENDING and stopped(position, leg):
        waiting = replace(leg, attempts=held(leg), updated_at=position.at)
        return Applied(position.plus(waiting, timers=(retry(waiting, position.at),)), waiting, logged=False)
    too_long = _too_long(position, leg)
    if too_long:
        return Applied(failed(position, leg, too_long), leg, logged=False)
    only_ask = leg.given_up or stopped(position, leg)
    attempts = held(leg) if only_ask and not leg.given_up else leg.attempts + 1
    again = replace(leg, attempts=attempts, updated_at=position.at)
    action = send(leg) if leg.state is LegState.PENDING else QueryLeg(send(leg), only_ask)
    return Applied(position.plus(again, timers=(retry(again, position.at),), actions=(action,)), again, logged=False)


def asked_again(position: Position, leg: RefundLeg) -> tuple[Position, RefundLeg]:
    """A person has the rail asked anew: as many attempts as at first, under the same id. What it may have is asked
    about whatever else waits (PM-7). The order is told, for nobody is waited for any more."""
    again = moved(position, leg, LegState.UNKNOWN, attempts=0, word=RailWord.SILENT)
    position = admitted(position, again, QueryLeg(send(again)), has_room=not leg.final)
    again = found(position, leg.id)
    return (stepped(position, again, LegStep.UNKNOWN) if again.state is LegState.UNKNOWN else position), again


def _paid(position: Position, leg: RefundLeg) -> Position:
    if leg.word is RailWord.PAID:
        return position
    if leg.reversed or leg.end is not LegEnd.NONE:
        return paid_anyway(position, leg)
    return settled(position, leg)


def _refused(position: Position, leg: RefundLeg, body: ReportLeg) -> Position:
    if leg.word is RailWord.PAID:
        return bounced(position, leg, body.detail or body.report.value.lower())
    if leg.word is RailWord.REFUSED:
        return position
    if leg.reversed or leg.end is not LegEnd.NONE:
        return _last_word(position, leg)
    if body.report is LegReport.CLOSED or (leg.payout_id and payouts.given_up(position, leg)):
        return rerouted(position, leg)
    if leg.payout_id:
        return replaced(position, leg, body.detail or "rejected")
    return failed(position, leg, body.detail or "rejected", refused=True)


def _absent(position: Position, leg: RefundLeg) -> Position:
    """The rail never heard of it; that is its last word once nothing that was sent can still arrive."""
    over = leg.given_up and not leg.final and position.at >= leg.since + ARRIVES_WITHIN
    return _last_word(position, leg) if over else position


def _last_word(position: Position, leg: RefundLeg) -> Position:
    """The rail did not pay it and will not: nothing is left to ask."""
    said = replace(leg, word=RailWord.REFUSED, updated_at=position.at)
    return position.plus(said, cleared=((LEG_TIMER, leg.id),))


def _under_way(position: Position, leg: RefundLeg, body: ReportLeg) -> Position:
    """SENT, UNKNOWN or ACCEPTED: of a leg that was given up only the rail's word is news, and ACCEPTED is taken back by
    neither of the others."""
    accepted = body.report is LegReport.ACCEPTED
    if leg.final or (not accepted and (leg.given_up or leg.state is LegState.ACCEPTED)):
        return position
    word = RailWord.ACCEPTED if accepted else leg.word
    unanswered = leg.state is LegState.EXCEPTION and leg.end is LegEnd.NONE and leg.detail == NO_ANSWER
    if leg.given_up and not unanswered:
        said = replace(leg, word=word, updated_at=position.at)
        return position if word is leg.word else position.plus(said, timers=(retry(said, position.at),))
    after = moved(position, leg, LegState(body.report.value), detail=body.detail, word=word)
    position = position.plus(after, timers=(retry(after, position.at),))
    told = after.state is not leg.state and after.state is not LegState.SENT
    return stepped(position, after, LegStep(after.state.value)) if told else position


def _too_long(position: Position, leg: RefundLeg) -> str:
    """Why a leg that the rail still owes an answer becomes an exception now, or nothing."""
    if leg.given_up:
        return ""
    if leg.state is LegState.ACCEPTED:
        return ACCEPTED_TOO_LONG if position.at >= leg.since + ACCEPTED_MAX else ""
    return NO_ANSWER if leg.attempts >= ATTEMPTS_MAX else ""


def _reconsidered(position: Position, leg: RefundLeg) -> Position:
    """A leg that waits for the rail's word on an earlier one; after ten days it waits for a person. It was never
    sent."""
    if position.at >= leg.since + ACCEPTED_MAX:
        return failed(position, leg, leg.detail, refused=True)
    return admitted(position, replace(leg, attempts=leg.attempts + 1, updated_at=position.at))
