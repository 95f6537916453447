"""The methods of ChannelService and CalendarService over a real database, and what decisions read of them."""

from typing import Any

import asyncpg
import pytest

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.working_days.year import WorkingYear
from services.card_redemption.rpc.calendar_service import CalendarServicer
from services.card_redemption.rpc.channel_service import ChannelServicer
from services.card_redemption.store import TABLES
from services.kernel.decision import Known
from services.kernel.effects import ToLoad
from services.kernel.errors import FailedPrecondition, NotFound, PermissionDenied
from services.runtime.ground.tables import load
from settlement.card_redemption.v1 import calendar_service_pb2, channel_pb2, channel_service_pb2
from tests.services.batches import check_saved
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.test_documents import document, year


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
