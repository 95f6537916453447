"""Opening a case: by its customer, by an operator, or by the engine itself (RD-20, RD-22, RD-25, RD-29)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.disputes.telling import alone, beside
from services.card_redemption.decisions.redemptions.correcting import holding
from services.card_redemption.decisions.redemptions.finding import fresh, redemption_of
from services.card_redemption.decisions.terms import working_days
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.disputes import living
from services.card_redemption.domain.disputes.appealing import Asked, must_be_allowed
from services.card_redemption.domain.disputes.case import ENGINE, Dispute
from services.card_redemption.domain.disputes.commands import OpenDispute
from services.card_redemption.domain.disputes.events import DisputeStep
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.redemption import freezing
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import RedemptionState
from services.card_redemption.domain.redemption.stepping import Stepped
from services.kernel.decision import Decision, Known
from services.kernel.ids import derived
from services.kernel.messages import Message


def open_dispute(known: Known, body: OpenDispute, message: Message, now: datetime) -> Decision:
    """The very guard of `CanAppeal` decides, by the instant of this transaction (OP-15); a fraud stops all at once."""
    order, card = redemption_of(known, body.redemption_id, message.key, body.customer_id)
    must_be_allowed(order, known.children(Dispute, card.id), body.asked, now)
    living.check_claim(body.asked.type, body.claimed_minor, order.lost_minor, order.face_minor)
    dispute = living.opened(
        order, fresh("dsp", message), body.asked, by=body.actor, now=now, calendar=working_days(known, now),
        vip=body.vip, claimed_minor=body.claimed_minor,
    )
    stopped = _stopped(order, card, body.actor, message, now) if body.asked.type is DisputeType.FRAUD else None
    if stopped is None:
        return alone(card, dispute, DisputeStep.OPENED, now)
    return beside(stopped, dispute, DisputeStep.OPENED, now).decided(dispute)


def _stopped(
    order: RedemptionOrder, card: GiftCard, reporter: str, message: Message, now: datetime
) -> Stepped | None:
    """A fraud report freezes order, card and payouts; where one did already, nothing more happens (RD-22, OP-8). What a
    case held may still have one on its way: an older release stopped none for a case (D101)."""
    if order.held:
        return holding(freezing.kept(order, card, reporter, now), message, now)
    if order.state is RedemptionState.FROZEN:
        return None
    return holding(freezing.reported(order, card, reporter, now), message, now)


def of_engine(known: Known, order: RedemptionOrder, kind: DisputeType, now: datetime) -> Dispute | None:
    """The case that the engine opens by itself; None where one of the kind is open."""
    others = [
        each for each in known.children(Dispute, order.card_id)
        if each.redemption_id == order.id and each.type is kind
    ]
    if any(each.under_way for each in others):
        return None
    dispute_id = derived("dsp", order.id, kind, str(len(others) + 1))
    return living.opened(order, dispute_id, Asked(kind), by=ENGINE, now=now, calendar=working_days(known, now))


def with_restriction(known: Known, step: Stepped, now: datetime) -> Stepped:
    """The step; of a redemption whose card was spent, with the case that its customer is restricted by (RD-25)."""
    if step.order.state is not RedemptionState.FAILED_CONSUMED:
        return step
    dispute = of_engine(known, step.order, DisputeType.ACCOUNT_RESTRICTION, now)
    return step if dispute is None else beside(step, dispute, DisputeStep.OPENED, now)


def with_duplicate(
    known: Known, decision: Decision, card: GiftCard, holder: RedemptionOrder, now: datetime
) -> Decision:
    """The decision that left the card so; with the case about a code that was submitted again, if none is open
    (RD-20)."""
    dispute = of_engine(known, holder, DisputeType.DUPLICATE_CODE, now)
    if dispute is None:
        return replace(decision, changes=(card, *decision.changes))
    told = alone(card, dispute, DisputeStep.OPENED, now)
    return replace(
        told, outcome=decision.outcome, changes=(*told.changes, *decision.changes),
        events=(*decision.events, *told.events),
    )
