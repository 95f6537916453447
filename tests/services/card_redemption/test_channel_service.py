"""The methods of ChannelService and CalendarService over a real database, and what decisions read of them."""

from datetime import UTC, timedelta
from typing import Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.quotes.token import read
from services.card_redemption.domain.working_days.year import WorkingYear
from services.card_redemption.rpc.calendar_service import CalendarServicer
from services.card_redemption.rpc.channel_service import ChannelServicer
from services.card_redemption.store import TABLES
from services.kernel.decision import Known
from services.kernel.effects import ToLoad
from services.kernel.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from services.runtime.ground.tables import load
from settlement.card_redemption.v1 import calendar_service_pb2, channel_pb2, channel_service_pb2
from settlement.common.v1.money_pb2 import Money
from tests.services.batches import check_saved
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.test_documents import document, year
from tests.services.card_redemption.world import NOW


def _channels(cards: CardLedger) -> ChannelServicer:
    edge: Any = cards  # the ledger stands for the edge
    return ChannelServicer(edge)


def _calendars(cards: CardLedger) -> CalendarServicer:
    edge: Any = cards  # as above
    return CalendarServicer(edge)


async def _propose(cards: CardLedger, text: bytes, operator: str = "ann") -> channel_pb2.Channel:
    request = channel_service_pb2.ProposeChannelPolicyRequest(
        request_id=cards.request_id(), document=text, operator_id=operator
    )
    return (await _channels(cards).ProposeChannelPolicy(request, cards.context)).channel


async def _approve(cards: CardLedger, proposal: int, operator: str = "bob") -> channel_pb2.ChannelPolicyVersion:
    request = channel_service_pb2.ApproveChannelPolicyRequest(
        request_id=cards.request_id(), channel="TRIAL", proposal=proposal, operator_id=operator
    )
    answer = await _channels(cards).ApproveChannelPolicy(request, cards.context)
    return answer.policy_version


async def _in_force(cards: CardLedger) -> int:
    known = Known()
    await load(cards.connection, TABLES, ToLoad(rows={InForce: {"TRIAL"}}), known)
    found = known.find(InForce, "TRIAL")
    return 0 if found is None else found.terms.version


async def test_terms_come_back_as_they_were_saved(cards: CardLedger) -> None:
    """Every field of them, proposed and in force."""
    text = document(
        fee="{flat_minor: 5, share_ppm: 7}", review_within_seconds="60", demands="[IDENTITY]", by_hand="true",
        limits="{face_min_minor: 2, face_max_minor: 9, cancelled_daily_minor: 4}", sla_working_days="3",
    )

    proposed = await _propose(cards, text)
    await check_saved(cards.connection, TABLES, cards.effects)
    assert await _in_force(cards) == 0
    approved = await _approve(cards, proposed.proposal.number)
    await check_saved(cards.connection, TABLES, cards.effects)

    proposed.proposal.policy.version = 1
    assert approved.policy == proposed.proposal.policy
    assert (approved.proposed_by, approved.approved_by, await _in_force(cards)) == ("ann", "bob", 1)


async def test_channels_and_their_versions_are_listed(cards: CardLedger) -> None:
    """In order and page by page; the last one approved is in force."""
    for number, rate in enumerate(("940000", "930000", "920000"), 1):
        await _propose(cards, document(rate_ppm=rate))
        await _approve(cards, number)
    await _propose(cards, document(rate_ppm="910000"))
    service = _channels(cards)

    got = await service.GetChannel(channel_service_pb2.GetChannelRequest(channel="TRIAL"), cards.context)
    listed = await service.ListChannels(channel_service_pb2.ListChannelsRequest(), cards.context)
    first = await service.ListChannelVersions(
        channel_service_pb2.ListChannelVersionsRequest(channel="TRIAL", page_size=2), cards.context
    )
    rest = await service.ListChannelVersions(
        channel_service_pb2.ListChannelVersionsRequest(
            channel="TRIAL", page_size=2, page_token=first.next_page_token
        ), cards.context,
    )

    assert [*listed.channels] == [got.channel]
    assert (got.channel.version_in_force, got.channel.proposal.number) == (3, 4)
    assert [v.policy.rate_ppm for v in (*first.versions, *rest.versions)] == [940_000, 930_000, 920_000]
    assert rest.versions[0] == got.in_force


async def test_what_is_refused_leaves_no_trace(cards: CardLedger) -> None:
    """Neither a bad document nor one's own approval."""
    with pytest.raises(FailedPrecondition, match="POLICY_UNGUARDED"):
        await _propose(cards, document(rate_ppm="950000"))
    await _propose(cards, document())
    with pytest.raises(PermissionDenied, match="FOUR_EYES"):
        await _approve(cards, 1, "Ann")
    request = channel_service_pb2.GetChannelRequest(channel="NOBODY")
    with pytest.raises(NotFound, match="CHANNEL_NOT_FOUND"):
        await _channels(cards).GetChannel(request, cards.context)

    assert await cards.connection.fetchval("select count(*) from channel_versions") == 0


async def test_versions_never_change(cards: CardLedger) -> None:
    """Orders go by them as long as they live."""
    await _propose(cards, document())
    await _approve(cards, 1)

    change, delete = "update channel_versions set proposed_by = 'x'", "delete from channel_versions"
    for broken in (change, delete, "truncate channel_versions"):
        with pytest.raises(asyncpg.PostgresError):
            await cards.connection.execute(broken)


async def test_working_days_come_back_as_they_were_saved(cards: CardLedger) -> None:
    """Proposed, then in force; a year of which nobody spoke has none."""
    service = _calendars(cards)
    proposed = (await service.ImportCalendar(calendar_service_pb2.ImportCalendarRequest(
        request_id=cards.request_id(), document=year("[2026-05-01/2026-05-05]", "[2026-05-09]"), operator_id="ann",
    ), cards.context)).calendar
    await check_saved(cards.connection, TABLES, cards.effects)

    approved = (await service.ApproveCalendar(calendar_service_pb2.ApproveCalendarRequest(
        request_id=cards.request_id(), year=2026, proposal=proposed.proposal.number, operator_id="bob",
    ), cards.context)).calendar
    await check_saved(cards.connection, TABLES, cards.effects)

    assert (approved.number, approved.days, approved.HasField("proposal")) == (1, proposed.proposal.days, False)
    read = await service.GetCalendar(calendar_service_pb2.GetCalendarRequest(year=2026), cards.context)
    assert read.calendar == approved
    known = Known()
    await load(cards.connection, TABLES, ToLoad(rows={WorkingYear: {"cal_2026", "cal_2027"}}), known)
    found = known.find(WorkingYear, "cal_2026")
    assert found is not None
    assert (found.number, len(found.exceptions.holidays)) == (1, 5)
    assert known.find(WorkingYear, "cal_2027") is None
    with pytest.raises(NotFound, match="CALENDAR_NOT_FOUND"):
        await service.GetCalendar(calendar_service_pb2.GetCalendarRequest(year=2027), cards.context)


def _asked(**fields: Any) -> channel_service_pb2.QuoteRedemptionRequest:  # Any: each field has its type
    return channel_service_pb2.QuoteRedemptionRequest(
        customer_id="cus_1", channel="TRIAL", face=Money(minor_units=99_999, currency_code="CNY"), **fields
    )


async def test_an_offer_is_quoted_by_what_is_in_force(cards: CardLedger) -> None:
    """Signed, for ten minutes, with its ways to cancel and its reasons."""
    await _propose(cards, document(rate_ppm="920000", fee="{flat_minor: 500}"))
    await _approve(cards, 1)

    quote = (await _channels(cards).QuoteRedemption(_asked(), cards.context)).quote

    assert (quote.payout.minor_units, quote.policy.version, quote.method) == (
        91_999, 1, channel_pb2.PAYOUT_METHOD_JD_BALANCE,
    )
    (way,) = quote.cancel_ways
    assert (way.fee.minor_units, way.window_seconds) == (500, 600)
    assert way.deadline.ToDatetime(UTC) == NOW + timedelta(seconds=600)
    assert quote.valid_until.ToDatetime(UTC) == NOW + timedelta(minutes=10)
    assert quote.earliest_payout_date == "2026-03-10"
    assert all(step.rule and step.text_zh and step.text_en for step in quote.steps)
    content = read(quote.token, cards.settings.key("redemption_quote"))
    assert content is not None
    assert (content.customer_id, content.channel, content.face_minor) == ("cus_1", "TRIAL", 99_999)


async def test_nothing_is_quoted_of_what_is_not_offered(cards: CardLedger) -> None:
    """No channel, a face it does not take, a way it does not pay, a schedule it does not know."""
    with pytest.raises(NotFound, match="CHANNEL_NOT_FOUND"):
        await _channels(cards).QuoteRedemption(_asked(), cards.context)
    await _propose(cards, document(limits="{face_max_minor: 99999}", payouts="[BANK_CARD]"))
    await _approve(cards, 1)

    request = _asked()
    request.face.minor_units = 100_000
    with pytest.raises(FailedPrecondition, match="FACE_OUT_OF_LIMITS"):
        await _channels(cards).QuoteRedemption(request, cards.context)
    with pytest.raises(FailedPrecondition, match="PAYOUT_METHOD"):
        await _channels(cards).QuoteRedemption(_asked(method=channel_pb2.PAYOUT_METHOD_ORIGINAL), cards.context)
    with pytest.raises(InvalidArgument, match="SCHEDULE"):
        await _channels(cards).QuoteRedemption(_asked(schedule_time=Timestamp(seconds=1)), cards.context)
