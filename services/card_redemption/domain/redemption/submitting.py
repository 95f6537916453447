"""A submission: its card is claimed, its customer asked; then it is accepted, or has failed and left no claim (2.8).

One code has one active redemption: a second submission of it is denied and opens a freeze case (RD-20).
"""

from dataclasses import dataclass
from datetime import date, datetime

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
    """A submission that was denied and left something on record: the answer to whoever submitted it."""

    reason: str
    detail: str


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


def denied(draft: Draft, holder: RedemptionOrder | None) -> Denied | None:
    """Why the code cannot be submitted now: somebody's redemption has it, or had it (RD-20). A stranger hears the same
    for a code that is unknown, another's or used."""
    if holder is None:
        return None
    if holder.customer_id != draft.customer_id:
        return Denied("CODE_REJECTED", "there is no such card")
    if holder.active:
        return Denied("CODE_IN_REDEMPTION", "this code is being redeemed")
    return Denied("CODE_USED", "this code was redeemed") if holder.state is _S.COMPLETED else None


def freeze_name(redemption_id: str, nonce: str) -> str:
    """The case that a draft opens about the redemption of its code."""
    return derived("frz", redemption_id, nonce)


def freeze_case(
    card: GiftCard, holder: RedemptionOrder, draft: Draft, calendar: WorkingCalendar, now: datetime
) -> FreezeCase:
    """The case that a second submission of an active code opens."""
    return FreezeCase(
        id=freeze_name(holder.id, draft.nonce), card_id=card.id, redemption_id=holder.id,
        submitted_by=draft.customer_id, opened_at=now,
        due_on=calendar.after(business_date(now), FREEZE_WORKING_DAYS),
    )


def case_opened(case: FreezeCase) -> FreezeCaseOpened:
    """The fact of it."""
    return FreezeCaseOpened(case.id, case.card_id, case.redemption_id, case.submitted_by, case.due_on)


def must_have_good_code(draft: Draft, card: GiftCard, code: CardCode | None) -> None:
    """Of a card of ours only its owner's last code is good; a dead one, and a stranger's, is as unknown as any other,
    and so is another issuer's that is called ours (CODE_REJECTED)."""
    good = draft.issuer if card.issuer else card.customer_id == draft.customer_id and is_good(card, code)
    if not good:
        raise NotFound("CODE_REJECTED", "there is no such card")


def must_hold_within(terms: ChannelPolicy, card: GiftCard) -> None:
    """What a card of ours really holds is within the limits of the channel, too: the actual face decides (RD-21)."""
    if not card.issuer:
        must_take(terms, card.spendable_minor)


def must_be_free(card: GiftCard, customer_id: str) -> None:
    """A card that nothing else has can be claimed (CARD_STATE); to a stranger one that cannot is as one that is not
    there (CODE_REJECTED)."""
    if card.standing is CardStanding.ACTIVE:
        return
    if card.customer_id != customer_id:
        raise NotFound("CODE_REJECTED", "there is no such card")
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
