"""A submission that accepts a quote: what it is offered at the instant of a decision has to be what was quoted (U1)."""

from datetime import datetime

from services.card_redemption.channels.offering import offered
from services.card_redemption.decisions.terms import working_days
from services.card_redemption.domain.quotes.offer import Asked, Offer
from services.card_redemption.domain.quotes.token import must_be_the_same
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.redemption.drafts import Draft
from services.kernel.decision import Known


def offered_now(known: Known, draft: Draft, terms: ChannelPolicy, now: datetime) -> Offer:
    """What the card of a draft is offered, by the terms and working days of this transaction."""
    asked = Asked(draft.customer_id, draft.declared_minor, draft.method)
    return offered(terms, asked, now, working_days(known, now), draft.scheduled_at)


def must_be_as_quoted(known: Known, draft: Draft, terms: ChannelPolicy, now: datetime) -> None:
    """Refuse to confirm what is not the offer that was accepted any more (QUOTE_STALE)."""
    if draft.quoted_until is not None:
        now_offered = offered_now(known, draft, terms, now)
        must_be_the_same(draft.channel, draft.quoted, draft.quoted_until, now_offered=now_offered, now=now)
