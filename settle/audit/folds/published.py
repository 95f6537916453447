"""Channels and working days, replayed from their events by the functions that decisions call: what is in force, what
waits for a second person, every version of terms, and that two people put it there (four eyes).

What was told in events that are pruned is not known any more: then only what stays in the rows is compared.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import asyncpg
import msgspec
from google.protobuf.message import DecodeError, Message

from services.card_redemption.domain.channels import changing as channels
from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, Proposal
from services.card_redemption.domain.four_eyes import SHIPPED
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.recycling.policy import (
    Asker,
    CancelFee,
    ChannelPolicy,
    Demand,
    Kind,
    Limits,
    Settlement,
)
from services.card_redemption.domain.working_days import changing as calendars
from services.card_redemption.domain.working_days.year import Calendar, CalendarProposal, Exceptions
from services.kernel.decision import Decision
from services.kernel.errors import SettlementError
from settle.audit.findings import CARD, Finding, Walk, instant
from settle.audit.shared_reads import DROPPED, EVENTS, read_all, rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import calendar_pb2, channel_events_pb2, channel_pb2

CHANNELS, CALENDARS = "channels.history", "calendars.history"
CAUSE = "the row or an event was changed, deleted or put there past the engine"
_CHANNELS = "select id, in_force, proposals, proposal, sequence, version from channels where id = any($1::text[])"
_VERSIONS = """
select channel, number, terms, proposed_by, approved_by, since from channel_versions where channel = any($1::text[])
order by channel, number
"""
_CALENDARS = """
select id, year, number, exceptions, proposed_by, approved_by, since, proposals, proposal, sequence, version
from calendars where id = any($1::text[])
"""
R = TypeVar("R", Channel, Calendar)
_Step = Callable[[Any, Any, datetime], Decision]  # Any: the root, and the message of the event


@dataclass(frozen=True, slots=True)
class _Replayed:
    """What the events make of a root, the versions beside it, and why they do not."""

    root: Channel | Calendar
    versions: tuple[ChannelVersion, ...]
    fault: str = ""
    since: str = ""


def _terms(wire: channel_pb2.ChannelPolicy) -> ChannelPolicy:
    return ChannelPolicy(
        channel=wire.channel, kind=_named(Kind, channel_pb2.ChannelKind, wire.kind), rate_ppm=wire.rate_ppm,
        window=timedelta(seconds=wire.window_seconds) if wire.HasField("window_seconds") else None,
        fee=CancelFee(wire.fee_flat_minor, wire.fee_share_ppm), only_unverified=wire.only_unverified,
        reviewed=wire.reviewed, asked_by=_named(Asker, channel_pb2.CancelAsker, wire.asked_by),
        commission_ppm=wire.commission_ppm, review_within=timedelta(seconds=wire.review_within_seconds),
        until_settled=wire.until_settled,
        settlement=_named(Settlement, channel_pb2.SettlementTerm, wire.settlement),
        limits=Limits(
            wire.face_min_minor, wire.face_max_minor,
            wire.cancelled_daily_minor if wire.HasField("cancelled_daily_minor") else None,
        ),
        payouts=tuple(_named(PayoutMethod, channel_pb2.PayoutMethod, each) for each in wire.payouts),
        demands=tuple(_named(Demand, channel_pb2.SubmissionDemand, each) for each in wire.demands),
        sla_working_days=wire.sla_working_days if wire.HasField("sla_working_days") else None, by_hand=wire.by_hand,
        name_zh=wire.name_zh, version=wire.version,
    )


def _named(kind: Any, wire: Any, number: int) -> Any:  # Any: an enumeration, and its twin in the generated code
    """The member with the name of the number, without the prefix that all names of the twin share."""
    return kind[wire.Name(number).removeprefix(wire.Name(0).removesuffix("UNSPECIFIED"))]


def _exceptions(wire: calendar_pb2.CalendarDays) -> Exceptions:
    return Exceptions(tuple(map(date.fromisoformat, wire.holidays)), tuple(map(date.fromisoformat, wire.worked)))


def _approved(root: R, proposed_by: str, adopt: Callable[[], Decision], approve: Callable[[int], Decision]) -> Decision:
    """What was shipped is adopted; all else was proposed before, and approved by its number."""
    if proposed_by == SHIPPED:
        return adopt()
    return approve(root.proposal.number if root.proposal else 0)


_STEPS: Mapping[type[Message], _Step] = {
    channel_events_pb2.ChannelPolicyProposed: lambda root, wire, at: channels.propose(
        root, replace(_terms(wire.policy), version=0), wire.proposed_by, at
    ),
    channel_events_pb2.ChannelPolicyApproved: lambda root, wire, at: _approved(
        root, wire.proposed_by, lambda: channels.adopt(root, replace(_terms(wire.policy), version=0), at),
        lambda number: channels.approve(root, number, wire.approved_by, at),
    ),
    channel_events_pb2.CalendarProposed: lambda root, wire, at: calendars.propose(
        root, _exceptions(wire.days), wire.proposed_by, at
    ),
    channel_events_pb2.CalendarApproved: lambda root, wire, at: _approved(
        root, wire.proposed_by, lambda: calendars.adopt(root, _exceptions(wire.days), at),
        lambda number: calendars.approve(root, number, wire.approved_by, at),
    ),
}
_BY_NAME = {message.DESCRIPTOR.full_name: (message, step) for message, step in _STEPS.items()}


def _replayed(root: Channel | Calendar, events: Sequence[asyncpg.Record]) -> _Replayed:
    """Take event after event; the first that cannot have come ends it."""
    versions: list[ChannelVersion] = []
    since = ""
    for event in events:
        since = since or instant(event["at"])
        try:
            message, step = _BY_NAME[event["type"]]
            decision = step(root, message.FromString(event["payload"]), event["at"])
            root = next(row for row in decision.changes if isinstance(row, type(root)))
        except (KeyError, ValueError, StopIteration, DecodeError, SettlementError) as error:
            return _Replayed(root, tuple(versions), f"event {event['sequence']}: {error}", since)
        versions += [row for row in decision.changes if isinstance(row, ChannelVersion)]
    return _Replayed(root, tuple(versions), "", since)


async def channels_differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What these channels and the versions of their terms say that their events do not."""
    stored: dict[str, list[asyncpg.Record]] = {each: [] for each in ids}
    for row in await rows(world, CARD, _VERSIONS, ids):
        stored[row["channel"]].append(row)
    found: list[Finding] = []
    async for row, replayed in _each(world, _CHANNELS, ids, lambda row: Channel(row["id"])):
        found += _unlike(CHANNELS, f"channels {row['id']}", replayed, row, _channel)
        expected = {version.terms.version: version for version in replayed.versions}
        for version in stored[row["id"]]:
            said = expected.pop(version["number"], None)
            found += _unlike_version(version, said, replayed.since)
        found += [
            Finding(CHANNELS, CARD, f"channel_versions {version.key}", "a row, as it was told", "none")
            for version in expected.values()
        ]
    return found


async def calendars_differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What these calendars say that their events do not."""
    found: list[Finding] = []
    async for row, replayed in _each(world, _CALENDARS, ids, lambda row: Calendar(row["year"])):
        found += _unlike(CALENDARS, f"calendars {row['id']}", replayed, row, _calendar)
    return found


async def _each(
    world: World, query: str, ids: Sequence[str], fresh: Callable[[asyncpg.Record], Channel | Calendar]
) -> Any:  # Any: an iterator of rows with what their events make of them
    """Each root, replayed; one whose events are pruned is passed over."""
    events: dict[str, list[asyncpg.Record]] = {each: [] for each in ids}
    for event in await read_all(world, CARD, EVENTS, ids):
        events[event["aggregate_id"]].append(event)
    pruned = {row["aggregate_id"] for row in await rows(world, CARD, DROPPED, ids)}
    for row in await rows(world, CARD, query, ids):
        if row["id"] not in pruned:
            yield row, _replayed(fresh(row), events[row["id"]])


def _channel(row: asyncpg.Record) -> Channel:
    return Channel(
        name=row["id"], in_force=row["in_force"], proposals=row["proposals"],
        proposal=_decoded(row["proposal"], Proposal), sequence=row["sequence"], version=row["version"],
    )


def _calendar(row: asyncpg.Record) -> Calendar:
    return Calendar(
        year=row["year"], number=row["number"], exceptions=_decoded(row["exceptions"], Exceptions),
        proposed_by=row["proposed_by"], approved_by=row["approved_by"], since=row["since"],
        proposals=row["proposals"], proposal=_decoded(row["proposal"], CalendarProposal), sequence=row["sequence"],
        version=row["version"],
    )


def _decoded(text: Any, kind: Any) -> Any:  # Any: what a JSON column holds, and what it should
    return None if text is None else msgspec.json.decode(text, type=kind)


def _unlike(
    check: str, what: str, replayed: _Replayed, row: asyncpg.Record,
    read: Callable[[asyncpg.Record], Channel | Calendar],
) -> Iterator[Finding]:
    """Field by field, what of a root is not as its events make it."""
    if replayed.fault:
        yield Finding(check, CARD, what, "events that its functions allow", replayed.fault, since=replayed.since)
    try:
        stored = read(row)
    except (msgspec.MsgspecError, ValueError) as error:
        yield Finding(check, CARD, what, "what the engine wrote", str(error), since=replayed.since)
        return
    for field in fields(stored):
        expected, actual = getattr(replayed.root, field.name), getattr(stored, field.name)
        if expected != actual and not replayed.fault:
            yield Finding(check, CARD, f"{what} {field.name}", str(expected), str(actual), since=replayed.since)


def _unlike_version(row: asyncpg.Record, said: ChannelVersion | None, since: str) -> Iterator[Finding]:
    what = f"channel_versions {row['channel']}@{row['number']}"
    if said is None:
        yield Finding(CHANNELS, CARD, what, "an event that tells it", "none", since=since)
        return
    try:
        terms = msgspec.json.decode(row["terms"], type=ChannelPolicy)
    except (msgspec.MsgspecError, ValueError) as error:
        yield Finding(CHANNELS, CARD, f"{what} terms", "what the engine wrote", str(error), since=since)
        return
    stored = ChannelVersion(terms, row["proposed_by"], row["approved_by"], row["since"])
    for field in fields(stored):
        expected, actual = getattr(said, field.name), getattr(stored, field.name)
        if expected != actual:
            yield Finding(CHANNELS, CARD, f"{what} {field.name}", str(expected), str(actual), since=since)


WALKS = (
    Walk(
        CHANNELS, "a channel and the versions of its terms are what two people made of them, as its events tell", CARD,
        "channel", channels_differing, cause=CAUSE,
    ),
    Walk(
        CALENDARS, "the working days of a year are what two people made of them, as their events tell", CARD,
        "calendar", calendars_differing, cause=CAUSE,
    ),
)
"""For the list of walks."""
