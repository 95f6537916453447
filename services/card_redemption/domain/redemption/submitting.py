"""A submission: its card is claimed, its customer asked; then it is accepted, or has failed and left no claim (2.8).

One code has one active redemption: a second submission of it is denied and opens a freeze case (RD-20).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from services.card_redemption.domain.cards.card import GiftCard, is_good
from services.card_redemption.domain.cards.redeeming import claim, unclaim
from services.card_redemption.domain.codes import CardCode, format_of
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Demand, Kind, Settlement, must_take
from services.card_redemption.domain.redemption.drafts import Draft, redemption_name, verified_from
from services.card_redemption.domain.redemption.events import FreezeCaseOpened
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.papers import kinds_shown
from services.card_redemption.domain.redemption.states import RedemptionState, Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.card_redemption.domain.redemption.timers import SCHEDULE, verification_timer
from services.card_redemption.domain.states import CardStanding
from services.kernel.calendar import WorkingCalendar, business_date
from services.kernel.decision import Timer
from services.kernel.errors import FailedPrecondition, InvalidArgument, NotFound
from services.kernel.ids import derived

_S = RedemptionState
FREEZE_WORKING_DAYS = 2
"""A freeze case is dealt with within so many working days (RD-20)."""


@dataclass(frozen=True, slots=True)
class FreezeCase:
    """Somebody submitted a code that another redemption has: the issuer is asked to freeze it by `due_on` (RD-20)."""

    id: str
    card_id: str
    redemption_id: str
    submitted_by: str
    opened_at: datetime
    due_on: date
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.card_id


@dataclass(frozen=True, slots=True)
class Denied:
    """A submission whose code was denied: the answer to whoever submitted it."""

    reason: str
    detail: str


NO_SUCH_CARD = Denied("CODE_REJECTED", "there is no such card")
"""What a stranger hears, whatever there is (RD-20)."""
_SEPARATED = "/"


class Resubmitted(NamedTuple):
    """A submission whose code was denied, and the redemption that has the code; of a code that none has, one that is
    nowhere."""

    redemption_id: str
    nonce: str
    customer_id: str

    @property
    def key(self) -> str:
        """What it is called where it is looked at once it was answered; no id of a redemption nor a nonce holds what
        parts them."""
        return _SEPARATED.join(self)


def resubmitted(key: str) -> Resubmitted:
    """The submission that is called so."""
    return Resubmitted(*key.split(_SEPARATED, 2))


def must_be_offered(draft: Draft, terms: ChannelPolicy, now: datetime) -> None:
    """What the channel takes: faces, payout methods, whose cards, what it demands to see, and a condition that can
    still be met."""
    must_take(terms, draft.declared_minor)
    if (terms.kind is Kind.SELF) is bool(draft.issuer):
        raise FailedPrecondition("CHANNEL_CARD", f"{draft.channel} takes no card of {draft.issuer or 'ours'}")
    _must_show(draft, terms)
    if (terms.settlement is Settlement.ON_CONDITION) is not (draft.deadline is not None):
        has = "waits for a condition, which needs a deadline" if draft.deadline is None else "waits for no condition"
        raise InvalidArgument("CONDITION_DEADLINE", f"{draft.channel} {has}")
    if draft.deadline is not None and draft.deadline < now:
        raise InvalidArgument("CONDITION_DEADLINE", f"nobody can meet a condition that had until {draft.deadline}")
    must_be_scheduled(terms, draft.scheduled_at)


def must_be_scheduled(terms: ChannelPolicy, scheduled_at: datetime | None) -> None:
    """A channel that settles by a schedule needs one, and no other has it (SCHEDULE)."""
    if (terms.settlement is Settlement.SCHEDULED) is not (scheduled_at is not None):
        has = "needs an instant for which it is scheduled" if scheduled_at is None else "schedules nothing"
        raise InvalidArgument("SCHEDULE", f"{terms.channel} {has}")


def must_look_right(draft: Draft, looks_right: bool) -> None:
    """No card has codes that look otherwise: a wrong code, told by nothing but how it is written (CODE_REJECTED)."""
    if not looks_right:
        form = format_of(draft.issuer)
        size = f"{form.least}" if form.least == form.most else f"{form.least} to {form.most}"
        beside = f", and {form.digits} digits as the verification code" if form.digits else ""
        raise NotFound("CODE_REJECTED", f"there is no such card: a code has {size} signs{beside}")


def must_be_anothers(draft: Draft, his_of_ours: bool) -> None:
    """Who owns a card of ours recycles it as that, and hears so at once; to anybody else nothing tells that it is ours
    (CHANNEL_CARD)."""
    if draft.issuer and his_of_ours:
        raise FailedPrecondition("CHANNEL_CARD", f"the card is not {draft.issuer}'s but ours: name no issuer")


def _must_show(draft: Draft, terms: ChannelPolicy) -> None:
    shown = kinds_shown(draft.evidence)
    for demand in (Demand.IDENTITY, Demand.PURCHASE_PROOF):
        if demand in terms.demands and demand.value not in shown:
            raise FailedPrecondition("EVIDENCE_MISSING", f"{draft.channel} demands {demand}")
    if Demand.AGREEMENT in terms.demands and not draft.agreement_id:
        raise FailedPrecondition("AGREEMENT_MISSING", f"{draft.channel} is for enterprises with an agreement")


def denied(
    draft: Draft, card: GiftCard | None, holder: RedemptionOrder | None, code: CardCode | None
) -> Denied | None:
    """Why the code cannot be submitted now: somebody's redemption has it, or had it, or it is not the last code of a
    card of his; a dead one, and one that another issuer's card is called ours by, is no code (RD-20). A stranger hears
    the same for one that is unknown, another's, frozen or used."""
    if card is None:
        return None if draft.issuer else NO_SUCH_CARD
    if holder is not None and holder.customer_id != draft.customer_id:
        return NO_SUCH_CARD
    if holder is not None and holder.active:
        return Denied("CODE_IN_REDEMPTION", "this code is being redeemed")
    if holder is not None and holder.state is _S.COMPLETED:
        return Denied("CODE_USED", "this code was redeemed")
    if card.issuer:
        frozen = card.standing is not CardStanding.ACTIVE
        return NO_SUCH_CARD if not draft.issuer or (frozen and card.customer_id != draft.customer_id) else None
    return None if card.customer_id == draft.customer_id and is_good(card, code) else NO_SUCH_CARD


def freeze_name(redemption_id: str, nonce: str) -> str:
    """The case that a draft opens about the redemption of its code."""
    return derived("frz", redemption_id, nonce)


def freeze_case(card_id: str, again: Resubmitted, calendar: WorkingCalendar, now: datetime) -> FreezeCase:
    """The case that a second submission of an active code opens."""
    return FreezeCase(
        id=freeze_name(again.redemption_id, again.nonce), card_id=card_id, redemption_id=again.redemption_id,
        submitted_by=again.customer_id, opened_at=now, due_on=calendar.after(business_date(now), FREEZE_WORKING_DAYS),
    )


def case_opened(case: FreezeCase) -> FreezeCaseOpened:
    """The fact of it."""
    return FreezeCaseOpened(case.id, case.card_id, case.redemption_id, case.submitted_by, case.due_on)


def must_hold_within(terms: ChannelPolicy, card: GiftCard) -> None:
    """What a card of ours really holds is within the limits of the channel, too: the actual face decides (RD-21)."""
    if not card.issuer:
        must_take(terms, card.spendable_minor)


def must_be_free(card: GiftCard) -> None:
    """A card that nothing else has can be claimed (CARD_STATE)."""
    if card.standing is not CardStanding.ACTIVE:
        raise FailedPrecondition("CARD_STATE", f"{card.id} is {card.state}")


def submitted(draft: Draft, terms: ChannelPolicy, card: GiftCard, saga_id: str, now: datetime) -> Stepped:
    """The card is claimed, and its customer is asked for: is it his first, is he restricted (RD-23, RD-25)."""
    redemption_id = redemption_name(draft.nonce)
    order = RedemptionOrder(
        id=redemption_id, card_id=card.id, customer_id=draft.customer_id, account_id=draft.account_id, terms=terms,
        declared_minor=draft.declared_minor, face_minor=draft.declared_minor, entry=draft.entry, method=draft.method,
        instrument=draft.instrument, state=_S.SUBMITTING, accepted_at=now, updated_at=now, settlement_id=saga_id,
        verify_at=verified_from(draft, terms, now), evidence=draft.evidence, scheduled_at=draft.scheduled_at,
        deadline=draft.deadline, agreement_id=draft.agreement_id, version=0,
        verification_code=draft.verification,
    )
    return stepped(
        order, card, now, Step.SUBMITTED, turn=lambda free: claim(free, redemption_id, draft.customer_id)
    )


def counted_minor(order: RedemptionOrder, card: GiftCard) -> int:
    """The face by which its customer is judged: the declared one, of a card of ours what it holds if that is more."""
    return max(order.declared_minor, 0 if card.issuer else card.spendable_minor)


def accepted(order: RedemptionOrder, card: GiftCard, now: datetime) -> Stepped:
    """Accepted: from this instant its windows run (OP-15)."""
    delay = (order.verify_at or order.accepted_at) - order.accepted_at
    state = _S.ACCEPTED if order.scheduled_at is None else _S.SCHEDULED
    done = stepped(
        order, card, now, Step.ACCEPTED, state=state, settlement_id="", accepted_at=now, verify_at=now + delay
    )
    if order.scheduled_at is not None:
        return done.timed(Timer(SCHEDULE, order.id, card.id, max(now, order.scheduled_at)))
    return done.timed(*verification_timer(done.order, now))


def submission_failed(order: RedemptionOrder, card: GiftCard, now: datetime, reason: str) -> Stepped:
    """It failed and leaves no claim: the same code may be submitted again (RD-4)."""
    return stepped(
        order, card, now, Step.SUBMISSION_FAILED, turn=lambda held: unclaim(held, order.id),
        state=_S.FAILED_RETRYABLE, settlement_id="", reason=reason, verification_code=None,
    )
