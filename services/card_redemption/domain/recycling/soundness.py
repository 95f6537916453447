"""Terms that may be put in force: each number within its bounds, the fields in agreement, and RD-10 held.

Checked when terms are proposed and again when they are approved, so that no way leads around it.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from services.card_redemption.domain.recycling.policy import Asker, ChannelPolicy, Kind, Settlement
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.money import AMOUNT_MAX_MINOR, PPM
from services.kernel.people import flaw_of_paper

WINDOW_MAX = timedelta(days=366)
REVIEW_MAX = timedelta(days=30)
SLA_DAYS_MAX = 60
NAME_LENGTH_MAX = 40
_CHANNEL = re.compile(r"[A-Z][A-Z0-9_]{1,31}", re.ASCII)


class Bounded(NamedTuple):
    """A field of the terms with the numbers between which it lies, both of them included (CV-9)."""

    field: str
    value: int
    least: int
    most: int


def check_terms(terms: ChannelPolicy) -> None:
    """Refuse terms that must not be put in force: VALUE_OUT_OF_BOUNDS, POLICY_CONTRADICTORY, POLICY_UNGUARDED."""
    for field, value, least, most in _bounds(terms):
        if not least <= value <= most:
            detail = f"{terms.channel}.{field} is {value}: at least {least}, at most {most}"
            raise InvalidArgument("VALUE_OUT_OF_BOUNDS", detail, {"field": field})
    if contradiction := next(_contradictions(terms), ""):
        raise InvalidArgument("POLICY_CONTRADICTORY", f"{terms.channel}: {contradiction}")
    if not terms.guarded:
        detail = f"{terms.channel} pays {terms.rate_ppm} ppm: from 95 % on nobody may cancel (RD-10)"
        raise FailedPrecondition("POLICY_UNGUARDED", detail)


def _bounds(terms: ChannelPolicy) -> Iterator[Bounded]:
    limits = terms.limits
    yield Bounded("rate_ppm", terms.rate_ppm, 1, PPM)
    yield Bounded("commission_ppm", terms.commission_ppm, 0, PPM)
    yield Bounded("fee.flat_minor", terms.fee.flat_minor, 0, AMOUNT_MAX_MINOR)
    yield Bounded("fee.share_ppm", terms.fee.share_ppm, 0, PPM)
    yield Bounded("limits.face_min_minor", limits.face_min_minor, 1, AMOUNT_MAX_MINOR)
    yield Bounded("limits.face_max_minor", limits.face_max_minor, 1, AMOUNT_MAX_MINOR)
    yield Bounded("review.within_seconds", _seconds(terms.review_within), 1, _seconds(REVIEW_MAX))
    if terms.window is not None:
        yield Bounded("window_seconds", _seconds(terms.window), 0, _seconds(WINDOW_MAX))
    if limits.cancelled_daily_minor is not None:
        yield Bounded("limits.cancelled_daily_minor", limits.cancelled_daily_minor, 0, AMOUNT_MAX_MINOR)
    if terms.sla_working_days is not None:
        yield Bounded("sla_working_days", terms.sla_working_days, 1, SLA_DAYS_MAX)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _contradictions(terms: ChannelPolicy) -> Iterator[str]:
    """What of the terms cannot be meant together, the first of it first."""
    yield from _misnamed(terms)
    yield from _of_cancelling(terms)
    if terms.limits.face_min_minor > terms.limits.face_max_minor:
        yield "the smallest face is above the largest"
    if not terms.payouts or len(set(terms.payouts)) < len(terms.payouts):
        yield "each way to be paid stands once, and there is one"
    if len(set(terms.demands)) < len(terms.demands):
        yield "each demand stands once"
    if terms.kind is Kind.SELF and terms.commission_ppm:
        yield "nobody owes us a commission for a card of ours"
    if terms.kind is Kind.THIRD_PARTY and terms.settlement is Settlement.ON_CONDITION:
        yield "only the value of a card of ours can wait in escrow"


def _misnamed(terms: ChannelPolicy) -> Iterator[str]:
    if not _CHANNEL.fullmatch(terms.channel):
        yield "a channel is named by 2 to 32 capitals, digits and _"
    if not 1 <= len(terms.name_zh) <= NAME_LENGTH_MAX or flaw_of_paper(terms.name_zh):
        yield f"the name for people has 1 to {NAME_LENGTH_MAX} letters, Latin or Chinese"


def _of_cancelling(terms: ChannelPolicy) -> Iterator[str]:
    if terms.window is not None and terms.until_settled:
        yield "a window that ends with the settlement has no seconds of its own"
    if terms.cancellable:
        return
    if terms.fee.flat_minor or terms.fee.share_ppm or terms.limits.cancelled_daily_minor is not None:
        yield "where nobody may cancel, it costs nothing and has no cap"
    if terms.reviewed or terms.only_unverified or terms.asked_by is not Asker.CUSTOMER:
        yield "where nobody may cancel, there is nothing to review, to verify before or to ask for"
