"""What a channel offers for a card: payout, ways to cancel, and the day on which it is paid at the earliest (RD-35)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy, must_take
from services.kernel.calendar import WorkingCalendar, business_date
from services.kernel.errors import FailedPrecondition


@dataclass(frozen=True, slots=True)
class Asked:
    """A card that somebody may submit."""

    customer_id: str
    face_minor: int
    method: PayoutMethod


@dataclass(frozen=True, slots=True)
class CancelWay:
    """A way to take the order back. Within `window` of its acceptance, its last instant included; without one, until it
    settles. With a review somebody decides within `review_within`."""

    asked_by: Asker
    window: timedelta | None
    fee_minor: int
    only_unverified: bool
    review_within: timedelta | None

    def deadline(self, accepted_at: datetime, settles_at: datetime | None) -> datetime | None:
        """The last instant for an order that is accepted then; None as long as nobody knows when it settles."""
        return settles_at if self.window is None else accepted_at + self.window


@dataclass(frozen=True, slots=True)
class Offer:
    """What is promised. `settles_on` is the day of the payout at the earliest, None where that waits for a condition;
    `due_on` the day by which processing is promised to be over."""

    asked: Asked
    terms: ChannelPolicy
    payout_minor: int
    ways: tuple[CancelWay, ...]
    settles_on: date | None
    due_on: date | None

    @property
    def digest(self) -> str:
        """One name for all of it: another offer has another one."""
        return blake2b(repr(self).encode(), digest_size=16).hexdigest()


def offer(
    terms: ChannelPolicy, asked: Asked, now: datetime, settles_at: datetime | None, calendar: WorkingCalendar
) -> Offer:
    """What the terms come to for this card, were it accepted now and verified at once."""
    must_take(terms, asked.face_minor)
    if asked.method not in terms.payouts:
        raise FailedPrecondition("PAYOUT_METHOD", f"{terms.channel} does not pay by {asked.method}")
    days = terms.sla_working_days
    return Offer(
        asked=asked, terms=terms, payout_minor=terms.payout_minor(asked.face_minor),
        ways=_ways(terms, asked.face_minor),
        settles_on=None if settles_at is None else business_date(settles_at),
        due_on=None if days is None else calendar.after(business_date(now), days),
    )


def _ways(terms: ChannelPolicy, face_minor: int) -> tuple[CancelWay, ...]:
    """None where nobody may cancel: what the server would refuse is not offered."""
    if not terms.cancellable:
        return ()
    return (CancelWay(
        asked_by=terms.asked_by, window=terms.window, fee_minor=terms.fee.of(face_minor),
        only_unverified=terms.only_unverified, review_within=terms.review_within if terms.reviewed else None,
    ),)
