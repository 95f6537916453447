"""How a leg ends: paid by the rail, or without it by a decision of ours. Each end is one step with one posting (P7)."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.legs import payouts
from services.credit_ledger.domain.legs.steps import (
    LEG_TIMER,
    arrived,
    channel,
    found,
    moved,
    out_of_transit,
    paid_op,
    retry,
    stepped,
)
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.commands import RerouteLeg
from services.credit_ledger.domain.model.events import LegFailed, LegRerouted, LegSettled
from services.credit_ledger.domain.model.leg import OVER, LegEnd, LegState, LegStep, RailWord, RefundLeg

_BY_HAND = "settled by hand"
"""How the detail of a leg begins that people paid from the bank; the id of their adjustment follows."""


def settled(position: Position, leg: RefundLeg) -> Position:
    """The rail paid it (P7)."""
    position = position.plus(
        moved(position, leg, LegState.SETTLED, word=RailWord.PAID),
        journals=out_of_transit(leg, paid_op(leg), (channel(leg.rail), "", -leg.sent_minor)),
        event=LegSettled(leg.account_id, leg.id, leg.amount_minor), cleared=((LEG_TIMER, leg.id),),
    )
    return arrived(position, leg)


def reroute(position: Position, body: RerouteLeg) -> Applied:
    """The instrument is closed: the money goes to the wallet, with a posting and an event of its own (PM-3)."""
    leg, account = found(position, body.leg_id), position.account
    bounced = leg.state is LegState.SETTLED
    after = moved(position, leg, LegState.REROUTED, end=LegEnd.REROUTED, word=RailWord.REFUSED)
    position = position.plus(
        after, account=replace(account, wallet_minor=account.wallet_minor + leg.sent_minor),
        journals=out_of_transit(leg, "leg_rerouted", (books.WALLET, account.id, -leg.sent_minor)),
        event=LegRerouted(account.id, leg.id, leg.sent_minor), cleared=((LEG_TIMER, leg.id),),
    )
    position = arrived(position, leg, rerouted=True, name="bounced" if bounced else "settled")
    return Applied(position, after, leg.order_id, leg.refund_id or leg.id)


def rerouted(position: Position, leg: RefundLeg) -> Position:
    """The position with a leg rerouted by a decision of its own, which the log tells: a replay does it again."""
    body = RerouteLeg(leg.account_id, leg.id)
    applied = reroute(position, body)
    return applied.position.log(body, position.at, leg.order_id, applied.reference)


def failed(position: Position, leg: RefundLeg, detail: str, refused: bool = False) -> Position:
    """The leg waits for a person. Unless the rail `refused` it for good, it is asked about all the same (PM-7)."""
    word = RailWord.REFUSED if refused else leg.word
    after = moved(position, leg, LegState.EXCEPTION, detail=detail, word=word)
    told = stepped(position.plus(event=LegFailed(leg.account_id, leg.id, detail)), after, LegStep.EXCEPTION)
    if refused:
        return told.plus(after, cleared=((LEG_TIMER, leg.id),))
    return told.plus(after, timers=(retry(after, position.at),))


def recalled(position: Position, leg: RefundLeg) -> Position:
    """The position with a leg taken back: what the rail has not paid it shall not pay, and it is asked until it says so
    (P24, PM-7). What never was sent is nothing to the rail, and what is over stays as it is."""
    if leg.state in OVER:
        return position.plus(replace(leg, reversed=True, updated_at=position.at))
    word = RailWord.REFUSED if leg.state is LegState.WAITING else leg.word
    after = moved(position, leg, LegState.RECALLED, reversed=True, word=word, attempts=0)
    told = stepped(position, after, LegStep.RECALLED)
    if after.final:
        return told.plus(after, cleared=((LEG_TIMER, leg.id),))
    return told.plus(after, timers=(retry(after, position.at),))


def settled_by_hand(position: Position, leg: RefundLeg, adjustment_id: str) -> tuple[Position, RefundLeg]:
    """People paid it from the bank (MA-3); what the acquirer kept is out already, and nothing is paid a second time."""
    kept = leg.end is LegEnd.KEPT
    end = LegEnd.KEPT if kept else LegEnd.BY_HAND
    after = moved(position, leg, LegState.SETTLED, detail=f"{_BY_HAND}: {adjustment_id}", end=end, attempts=0)
    lines = (books.BANK, "", -leg.sent_minor)
    position = position.plus(
        after, journals=() if kept else out_of_transit(leg, "manual_adjust", lines),
        event=LegSettled(leg.account_id, leg.id, leg.amount_minor),
        timers=() if after.final else (retry(after, position.at),),
    )
    return arrived(position, leg, manual=True), after


def kept(position: Position, leg: RefundLeg, detail: str) -> Position:
    """The acquirer kept the money for a chargeback: it is out of the transit, and a person looks (PM-8)."""
    word = RailWord.REFUSED if leg.state is LegState.WAITING else leg.word
    after = moved(position, leg, LegState.EXCEPTION, detail=detail, end=LegEnd.KEPT, word=word, attempts=0)
    position = position.plus(
        after, journals=out_of_transit(leg, "chargeback_kept", (books.CARD_CHANNEL, "", -leg.sent_minor)),
        event=LegFailed(leg.account_id, leg.id, detail), timers=() if after.final else (retry(after, position.at),),
        cleared=((LEG_TIMER, leg.id),) if after.final else (),
    )
    return stepped(position, after, LegStep.KEPT)


def replaced(position: Position, leg: RefundLeg, detail: str) -> Position:
    """The bank refused a leg of a payout for good: another leg tries it again later (PM-3)."""
    after = moved(position, leg, LegState.RECALLED, detail=detail, end=LegEnd.REPLACED, word=RailWord.REFUSED)
    position = stepped(position.plus(after, cleared=((LEG_TIMER, leg.id),)), after, LegStep.REFUSED)
    return payouts.tried_again_later(position, leg)
