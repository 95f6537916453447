"""How to provoke the reasons of channels and calendars, by calls of the public API."""

from collections.abc import Awaitable, Callable, Mapping

from google.protobuf.message import Message as Wire

from settlement.card_redemption.v1 import calendar_service_pb2 as calendars
from settlement.card_redemption.v1 import channel_service_pb2 as channels
from tests.recorded.people import People, Refused

TERMS = "name: 试行, kind: SELF, rate_ppm: 940000, window_seconds: 600"


def proposal(terms: str = TERMS) -> channels.ProposeChannelPolicyRequest:
    """Terms of a channel, as an operator hands them in."""
    document = f"channels: {{TRIAL: {{{terms}}}}}".encode()
    return channels.ProposeChannelPolicyRequest(document=document, operator_id="ann")


def calendar(holidays: str = "2026-05-01/2026-05-05") -> calendars.ImportCalendarRequest:
    """Holidays of 2026, as an operator hands them in."""
    return calendars.ImportCalendarRequest(document=f"year: 2026\nholidays: [{holidays}]\n".encode(), operator_id="ann")


def refused(request: Callable[[], Wire]) -> Callable[[People], Awaitable[None]]:
    """A call that is refused; the reason is looked for among all that was said."""

    async def ask(people: People) -> None:
        try:
            await people.ask(request())
        except Refused:
            return

    return ask


async def approved_twice(people: People) -> None:
    """What was approved does not wait any more: PROPOSAL_STALE."""
    number = (await people.ask(proposal())).channel.proposal.number
    approval = {"channel": "TRIAL", "proposal": number, "operator_id": "bob"}
    await people.ask(channels.ApproveChannelPolicyRequest(**approval))
    await refused(lambda: channels.ApproveChannelPolicyRequest(**approval))(people)


PROVOKED: Mapping[str, Callable[[People], Awaitable[None]]] = {
    "CHANNEL_NOT_FOUND": refused(lambda: channels.GetChannelRequest(channel="NOBODY")),
    "CALENDAR_NOT_FOUND": refused(lambda: calendars.GetCalendarRequest(year=2100)),
    "DOCUMENT_MALFORMED": refused(lambda: proposal("name: &anchor 试行")),
    "VALUE_OUT_OF_BOUNDS": refused(lambda: proposal(TERMS.replace("940000", "1000001"))),
    "POLICY_CONTRADICTORY": refused(lambda: proposal(TERMS + ", until_settled: true")),
    "POLICY_UNGUARDED": refused(lambda: proposal(TERMS.replace("940000", "950000"))),
    "CALENDAR_CONTRADICTORY": refused(lambda: calendar("2027-01-01")),
    "PROPOSAL_STALE": approved_twice,
}
"""By reason."""
