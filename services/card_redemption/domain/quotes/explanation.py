"""Why an offer is as it is: each fen, each window and each day with its rule, as steps that can be computed again (U2).

Days are counted as `date.toordinal` counts them, spans of time in seconds.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.card_redemption.domain.quotes.offer import CancelWay, Offer
from services.card_redemption.domain.recycling.policy import STRICT_RATE_PPM, ChannelPolicy, Settlement


class Step(NamedTuple):
    """One link: this rule made `amount` by this formula of these inputs."""

    rule: str
    subject: str
    formula: str
    amount: int
    inputs: tuple[int, ...]


def explain(offer: Offer, today: date) -> tuple[Step, ...]:
    """The steps of an offer that is made on a business date."""
    return (*_money(offer), *_cancelling(offer), *_days(offer, today))


def _money(offer: Offer) -> Iterator[Step]:
    face, payout, rate = offer.asked.face_minor, offer.payout_minor, offer.terms.rate_ppm
    yield Step("CV-3", "payout", "floor_rate", payout, (face, rate))
    yield Step("CV-3", "kept", "less", face - payout, (face, payout))


def _cancelling(offer: Offer) -> Iterator[Step]:
    terms = offer.terms
    if not offer.ways:
        strict = terms.rate_ppm >= STRICT_RATE_PPM
        yield Step("RD-10" if strict else "RD-35", "window", "given", 0, (0,))
    for way in offer.ways:
        yield from _way(way, terms, offer.asked.face_minor)
    if terms.limits.cancelled_daily_minor is not None:
        yield Step("A17", "cap", "given", terms.limits.cancelled_daily_minor, (terms.limits.cancelled_daily_minor,))


def _way(way: CancelWay, terms: ChannelPolicy, face_minor: int) -> Iterator[Step]:
    by = way.asked_by.value
    if way.window is None:
        yield Step("A21", f"window:{by}", "given", 0, (0,))
    else:
        yield _seconds("CV-9", f"window:{by}", way.window.total_seconds())
    if way.only_unverified:
        yield Step("RD-1", f"unverified:{by}", "given", 1, (1,))
    if way.review_within is not None:
        yield _seconds("A20", f"review:{by}", way.review_within.total_seconds())
    inputs = (terms.fee.flat_minor, face_minor, terms.fee.share_ppm)
    yield Step("A16", f"fee:{by}", "flat_and_rate", way.fee_minor, inputs)


def _seconds(rule: str, subject: str, seconds: float) -> Step:
    return Step(rule, subject, "given", int(seconds), (int(seconds),))


def _days(offer: Offer, today: date) -> Iterator[Step]:
    if offer.settles_on is None:
        yield Step("OP-16", "settles", "given", 0, (0,))
    elif offer.terms.settlement is Settlement.NEXT_WORKING_DAY:
        yield _working_day("A21", "settles", offer.settles_on, today, 1)
    else:
        yield Step("RD-6", "settles", "given", offer.settles_on.toordinal(), (offer.settles_on.toordinal(),))
    if offer.due_on is not None and offer.terms.sla_working_days is not None:
        yield _working_day("A22", "due", offer.due_on, today, offer.terms.sla_working_days)


def _working_day(rule: str, subject: str, day: date, today: date, count: int) -> Step:
    return Step(rule, subject, "working_day", day.toordinal(), (today.toordinal(), count))
