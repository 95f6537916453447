"""Binding offers: the terms and working days that are in force, as one read sees them (U1)."""

from services.card_redemption.channels.offering import offered, settles_at
from services.card_redemption.domain.quotes.offer import Asked
from services.card_redemption.domain.quotes.token import quoted
from services.card_redemption.domain.redemption.submitting import must_be_scheduled
from services.card_redemption.domain.working_days.year import calendar_of, year_key
from services.card_redemption.rpc.redemption_requests import instant_or_none
from services.card_redemption.store.calendars import load_working_years
from services.card_redemption.store.channels import load_in_force
from services.card_redemption.wire.policies import PAYOUTS
from services.card_redemption.wire.quotes import quote_message
from services.kernel.calendar import business_date
from services.kernel.errors import NotFound
from services.kernel.money import amount
from services.runtime.rpc.edge import Edge
from settlement.card_redemption.v1 import channel_service_pb2, redemption_quote_pb2

QUOTE_KEY = "redemption_quote"
"""Its key is SETTLE_REDEMPTION_QUOTE_KEY; whoever accepts a token reads it by the same."""


async def quoted_redemption(
    edge: Edge, request: channel_service_pb2.QuoteRedemptionRequest
) -> redemption_quote_pb2.RedemptionQuote:
    """The offer for a card, signed."""
    async with edge.read() as connection:
        now = await edge.clock.now(connection)
        in_force = await load_in_force(connection, [request.channel])
        year = business_date(now).year
        calendar = calendar_of(await load_working_years(connection, [year_key(year), year_key(year + 1)]))
    if not in_force:
        raise NotFound("CHANNEL_NOT_FOUND", f"there is no channel {request.channel}")
    terms = in_force[0].terms
    asked = Asked(
        request.customer_id, amount(request.face.minor_units, "a face"),
        PAYOUTS.from_wire[request.method] if request.method else terms.payouts[0],
    )
    scheduled_at = instant_or_none(request, "schedule_time")
    must_be_scheduled(terms, scheduled_at)
    offer = offered(terms, asked, now, calendar, scheduled_at)
    return quote_message(
        offer, quoted(offer, now), edge.settings.key(QUOTE_KEY), now, settles_at(terms, now, calendar, scheduled_at)
    )
