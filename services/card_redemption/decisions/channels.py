"""Channels and calendars: what operators propose and approve, and the terms that the release came with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.card_redemption.decisions.recorded import published
from services.card_redemption.domain.channels import changing as channels
from services.card_redemption.domain.channels.channel import Channel
from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.four_eyes import ADOPT_TIMER, RefuseDocument
from services.card_redemption.domain.record.attempt import Attempt
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.working_days import changing as calendars
from services.card_redemption.domain.working_days.commands import ApproveCalendar, ProposeCalendar
from services.card_redemption.domain.working_days.year import Calendar, Exceptions, year_key
from services.kernel.decision import Decision, Done, Known, Refused, Rule, Timer, Wanted, rule, timer_rules
from services.kernel.errors import NotFound
from services.kernel.messages import Message, TimerDue


@dataclass(frozen=True, slots=True)
class Shipped:
    """What the release came with, by its key."""

    channels: Mapping[str, ChannelPolicy]
    calendars: Mapping[str, tuple[int, Exceptions]]


def propose_policy(known: Known, body: ProposeChannelPolicy, message: Message, now: datetime) -> Decision:
    """Propose terms of a channel; a name that nobody used yet is a new channel."""
    name = body.terms.channel
    return channels.propose(known.find(Channel, name) or Channel(name), body.terms, body.operator_id, now)


def refuse_document(known: Known, body: RefuseDocument, message: Message, now: datetime) -> Decision:
    """A document that cannot be read or is unsound is refused like any other proposal (RD-10, RD-31)."""
    raise body.error


def approve_policy(known: Known, body: ApproveChannelPolicy, message: Message, now: datetime) -> Decision:
    """Approve them; CHANNEL_NOT_FOUND if nobody ever proposed any."""
    channel = known.find(Channel, body.channel)
    if channel is None:
        raise NotFound("CHANNEL_NOT_FOUND", f"there is no channel {body.channel}")
    return channels.approve(channel, body.proposal, body.operator_id, now)


def propose_calendar(known: Known, body: ProposeCalendar, message: Message, now: datetime) -> Decision:
    """Propose the working days of a year."""
    calendar = known.find(Calendar, year_key(body.year)) or Calendar(body.year)
    return calendars.propose(calendar, body.exceptions, body.operator_id, now)


def approve_calendar(known: Known, body: ApproveCalendar, message: Message, now: datetime) -> Decision:
    """Approve them; CALENDAR_NOT_FOUND if nobody ever proposed any for that year."""
    calendar = known.find(Calendar, year_key(body.year))
    if calendar is None:
        raise NotFound("CALENDAR_NOT_FOUND", f"there is no calendar of {body.year}")
    return calendars.approve(calendar, body.proposal, body.operator_id, now)


def adopting(shipped: Shipped) -> Mapping[str, Rule]:
    """The rule of `ADOPT_TIMER` over what this release came with."""

    def wants(body: TimerDue, message: Message) -> Wanted:
        return ((Calendar if body.key in shipped.calendars else Channel, message.key),)

    def adopt(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        if body.key in shipped.calendars:
            year, exceptions = shipped.calendars[body.key]
            return calendars.adopt(known.find(Calendar, body.key) or Calendar(year), exceptions, now)
        if body.key in shipped.channels:
            terms = shipped.channels[body.key]
            return channels.adopt(known.find(Channel, body.key) or Channel(body.key), terms, now)
        return Decision()  # an older release set it

    return timer_rules((ADOPT_TIMER, rule(TimerDue, wants, adopt)))


def standing(shipped: Shipped, now: datetime) -> tuple[Timer, ...]:
    """The timers with which a process begins; where nothing is new they change nothing."""
    return tuple(Timer(ADOPT_TIMER, key, key, now) for key in sorted({*shipped.channels, *shipped.calendars}))


def _channel(body: object, message: Message) -> Wanted:
    return ((Channel, message.key),)


def _calendar(body: object, message: Message) -> Wanted:
    return ((Calendar, message.key),)


def _nothing(body: object, message: Message) -> Wanted:
    return ()


def _of_document(body: RefuseDocument, message: Message, outcome: Done | Refused) -> Attempt:
    return published(body.kind)(body, message, outcome)


RULES = (
    rule(RefuseDocument, _nothing, refuse_document, _of_document),
    rule(ProposeChannelPolicy, _channel, propose_policy, published("PROPOSE_CHANNEL_POLICY")),
    rule(ApproveChannelPolicy, _channel, approve_policy, published("APPROVE_CHANNEL_POLICY")),
    rule(ProposeCalendar, _calendar, propose_calendar, published("IMPORT_CALENDAR")),
    rule(ApproveCalendar, _calendar, approve_calendar, published("APPROVE_CALENDAR")),
)
