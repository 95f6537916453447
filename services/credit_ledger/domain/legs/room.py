"""Refunds of one payment never sum above it at the rail (PM-7).

What a reversal took back and the rail paid all the same, or may yet pay, leaves no room for as much of the next refund:
that waits for the rail's word, and what was paid counts for it. So does what the acquirer kept for a chargeback, and it
keeps the rest (PM-8).
"""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.legs.ends import kept, settled
from services.credit_ledger.domain.legs.last_word import counted
from services.credit_ledger.domain.legs.steps import found, moved, retry, send, stepped, stopped
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.leg import LegState, LegStep, QueryLeg, Rail, RailWord, RefundLeg

ON_A_WORD, COUNTS = "waits for the rail's word on ", "an earlier payment of the rail counts for it"
"""Why a leg waits: how its detail begins."""


def admitted(
    position: Position, leg: RefundLeg, query: QueryLeg | None = None, has_room: bool = False
) -> Position:
    """The position with a leg on its way to the rail as far as its payment has room, or waiting for the room. What may
    have been sent before is asked about by `query` instead; what the rail may have `has_room` since it was sent, and
    must not wait, for what waits was never sent."""
    agreement = position.find(Agreement, leg.order_id) if leg.order_id and leg.rail is Rail.CARD else None
    missing, others = (0, ()) if has_room else _lacking(position, leg, agreement)
    if not missing and agreement is not None and agreement.charged_back_at is not None and not position.replaying:
        never_sent = replace(leg, word=RailWord.REFUSED)
        return kept(position, leg if query is not None else never_sent, "kept by the acquirer, charged back")
    if not missing and query is not None:
        asked = replace(query, only_ask=query.only_ask or stopped(position, leg))
        return position.plus(leg, timers=(retry(leg, position.at),), actions=(asked,))
    if not missing:
        sent = leg if leg.state is LegState.PENDING else moved(position, leg, LegState.PENDING, detail="", attempts=0)
        actions = () if stopped(position, leg) else (send(sent),)
        return position.plus(sent, timers=(retry(sent, position.at),), actions=actions)
    undecided = next((other for other in others if not other.final), None)
    if undecided is not None:
        return _waiting(position, leg, f"{ON_A_WORD}{undecided.id}")
    if leg.state is not LegState.WAITING:  # what counts is a decision of its own, behind the one that made the leg
        return _waiting(position, leg, COUNTS, at_once=True)
    return _counted(position, leg, missing, others)


def _lacking(position: Position, leg: RefundLeg, agreement: Agreement | None) -> tuple[int, tuple[RefundLeg, ...]]:
    """How much of a leg has no room, and the legs that were taken back and leave none."""
    if agreement is None or position.replaying:
        return 0, ()
    others = tuple(
        other for other in position.family(RefundLeg)
        if other.reference == leg.reference and other.id != leg.id and other.weight_minor > 0
    )
    standing = agreement.refunded.bank_minor + agreement.hold.released.bank_minor
    used = standing + sum(other.weight_minor for other in others)
    return max(0, min(leg.sent_minor, used - agreement.hold.authorized.bank_minor)), others


def _waiting(position: Position, leg: RefundLeg, detail: str, at_once: bool = False) -> Position:
    after = moved(position, leg, LegState.WAITING, detail=detail)
    timer = retry(after, position.at)
    position = position.plus(after, timers=(replace(timer, due_at=position.at) if at_once else timer,))
    return position if leg.state is LegState.WAITING else stepped(position, after, LegStep.WAITING)


def _counted(position: Position, leg: RefundLeg, missing: int, others: tuple[RefundLeg, ...]) -> Position:
    """What the rail paid before counts; only the rest is sent."""
    left = missing
    for other in others:
        part = min(left, other.weight_minor)
        position = position.plus(replace(other, used_minor=other.used_minor + part, updated_at=position.at))
        left -= part
    position = counted(position.plus(replace(leg, detail="")), leg, missing)
    leg = found(position, leg.id)
    position = stepped(position, leg, LegStep.COUNTED)
    return admitted(position, leg) if leg.sent_minor else settled(position, leg)
