"""Confirming a draft: the card is claimed and its customer asked, or the submission is denied (RD-4, RD-20, RD-24)."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.decisions.disputes.opening import with_duplicate
from services.card_redemption.decisions.enterprise import must_be_agreed
from services.card_redemption.decisions.redemptions.finding import fresh, party
from services.card_redemption.decisions.redemptions.looking import looked
from services.card_redemption.decisions.redemptions.quoted import must_be_as_quoted
from services.card_redemption.decisions.standing import refuse_guessing
from services.card_redemption.decisions.terms import terms_in_force, working_days
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import index_of, register
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption import submitting
from services.card_redemption.domain.redemption.commands import ConfirmRedemption
from services.card_redemption.domain.redemption.drafts import Draft, must_be_confirmable, redemption_name
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import SubmissionPlan
from services.card_redemption.domain.redemption.stepping import Stepped
from services.card_redemption.domain.redemption.submitting import Denied, FreezeCase
from services.card_redemption.domain.redemption.timers import DRAFT_ENDS, RESUBMITTED
from services.card_redemption.domain.redemption.ways import must_be_bought_by, must_pay_by
from services.card_redemption.sagas import launched
from services.kernel.decision import Decision, Done, Event, Known, Timer, Wanted
from services.kernel.errors import AlreadyExists, FailedPrecondition
from services.kernel.messages import Message, TimerDue


def confirm(known: Known, body: ConfirmRedemption, message: Message, now: datetime) -> Decision:
    """Submit what was prepared, once."""
    draft, redemption_id = body.draft, redemption_name(body.draft.nonce)
    refuse_guessing(body.wrong_before)
    terms = terms_in_force(known, draft.channel)
    must_be_as_quoted(known, draft, terms, now)
    must_be_confirmable(draft, terms, now)
    if known.find(RedemptionOrder, redemption_id) is not None:
        raise AlreadyExists("REDEMPTION_EXISTS", f"this draft was confirmed as {redemption_id}")
    card, holder, code = looked(known, draft)
    submitting.must_be_offered(draft, terms, now)
    must_pay_by(terms, draft.method, draft.instrument, card.purchase if card is not None else "")
    must_be_agreed(known, draft, terms, now)
    if not body.provider_up:
        raise FailedPrecondition("SUBMISSION_FAILED", "whoever verifies it does not answer: submit it again")
    denied = submitting.denied(draft, card, holder, code)
    if denied is not None:
        return _denied(draft, holder, denied, now)
    if card is None:
        return _registered(draft, terms, message, now, seen=code is not None)
    submitting.must_be_free(card)
    must_be_bought_by(terms, card, draft.customer_id)
    submitting.must_hold_within(terms, card)
    begun = submitting.submitted(draft, terms, card, fresh("saga", message), now)
    return _asked(begun, draft.nonce, now)


def _registered(draft: Draft, terms: ChannelPolicy, message: Message, now: datetime, *, seen: bool) -> Decision:
    """A card of another issuer that is seen for the first time. If the code was `seen` it is one of ours: to whoever
    calls it another's that changes nothing now, and its provider knows no such card (RD-20)."""
    new = register(index_of(draft.card_id), draft.customer_id, draft.issuer, now)
    begun = submitting.submitted(draft, terms, new.card, fresh("saga", message), now)
    begun = replace(begun, rest=replace(begun.rest, events=(new.event, *begun.rest.events)))
    if draft.code is not None and not seen:
        begun = begun.beside(draft.code.of(new.card.id, new.card.code_number))
    return _asked(begun, draft.nonce, now)


def _asked(step: Stepped, nonce: str, now: datetime) -> Decision:
    """The customer's root is asked, of a card of ours about what it holds if that is more: the actual face decides
    (RD-21, RD-23)."""
    plan = SubmissionPlan(party(step.order), submitting.counted_minor(step.order, step.card))
    return launched(step, plan, now).cleared((DRAFT_ENDS, nonce)).decided()


def _denied(draft: Draft, holder: RedemptionOrder | None, denied: Denied, now: datetime) -> Decision:
    """The answer, and a timer that looks once it was given whether there is a case to open: for a code that nobody has
    as for any other, so that by nothing that is written either an answer takes longer (RD-20)."""
    active = holder is not None and holder.active
    held_by = holder.id if holder is not None and active else redemption_name(draft.blind_index)
    again = submitting.Resubmitted(held_by, draft.nonce, draft.customer_id)
    return Decision(Done(denied), timers=(Timer(RESUBMITTED, again.key, draft.card_id, now),))


def resubmitted(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    """Timer: a second submission of a code that a redemption had when it was denied opens a freeze case, whoever made
    it, and the case about the code, if none is open; of any other there is nothing (RD-20)."""
    again = submitting.resubmitted(body.key)
    holder, card = known.find(RedemptionOrder, again.redemption_id), known.find(GiftCard, message.key)
    if holder is None or card is None:
        return Decision()
    case = submitting.freeze_case(card.id, again, working_days(known, now), now)
    if known.find(FreezeCase, case.id) is not None:
        return Decision()
    told = Event(card.id, card.sequence + 1, submitting.case_opened(case))
    opened = Decision(changes=(case,), events=(told,))
    return with_duplicate(known, opened, replace(card, sequence=told.sequence), holder, now)


def wanted_again(body: TimerDue, message: Message) -> Wanted:
    """What the timer of a denied submission names."""
    again = submitting.resubmitted(body.key)
    return (
        (GiftCard, message.key), (RedemptionOrder, again.redemption_id),
        (FreezeCase, submitting.freeze_name(again.redemption_id, again.nonce)),
    )
