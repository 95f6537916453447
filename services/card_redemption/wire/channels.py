"""Channels as callers see them, and what channels and calendars tell."""

from services.card_redemption.domain.channels import events as of_channels
from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, Proposal
from services.card_redemption.domain.working_days import events as of_calendars
from services.card_redemption.domain.working_days.year import Exceptions
from services.card_redemption.wire.calendars import days_to_wire
from services.card_redemption.wire.policies import policy_to_wire
from services.runtime.ground.scalars import instant_field
from settlement.card_redemption.v1 import channel_events_pb2, channel_pb2


def channel(value: Channel) -> channel_pb2.Channel:
    """A channel: what is in force and what waits."""
    message = channel_pb2.Channel(channel=value.name, version_in_force=value.in_force, version=value.version)
    if value.proposal is not None:
        message.proposal.CopyFrom(_proposal(value.proposal))
    return message


def _proposal(value: Proposal) -> channel_pb2.ChannelProposal:
    return channel_pb2.ChannelProposal(
        number=value.number, policy=policy_to_wire(value.terms), proposed_by=value.proposed_by,
        propose_time=instant_field(value.proposed_at),
    )


def channel_version(value: ChannelVersion) -> channel_pb2.ChannelPolicyVersion:
    """Terms that were put in force."""
    return channel_pb2.ChannelPolicyVersion(
        policy=policy_to_wire(value.terms), proposed_by=value.proposed_by, approved_by=value.approved_by,
        approve_time=instant_field(value.since),
    )


def policy_proposed(fact: of_channels.ChannelPolicyProposed) -> channel_events_pb2.ChannelPolicyProposed:
    """Terms wait for a second person."""
    return channel_events_pb2.ChannelPolicyProposed(
        policy=policy_to_wire(fact.terms), proposal=fact.proposal, proposed_by=fact.proposed_by
    )


def policy_approved(fact: of_channels.ChannelPolicyApproved) -> channel_events_pb2.ChannelPolicyApproved:
    """Terms are in force."""
    return channel_events_pb2.ChannelPolicyApproved(
        policy=policy_to_wire(fact.terms), proposed_by=fact.proposed_by, approved_by=fact.approved_by
    )


def calendar_proposed(fact: of_calendars.CalendarProposed) -> channel_events_pb2.CalendarProposed:
    """Working days wait for a second person."""
    return channel_events_pb2.CalendarProposed(
        year=fact.year, days=days_to_wire(Exceptions(fact.holidays, fact.worked)), proposal=fact.proposal,
        proposed_by=fact.proposed_by,
    )


def calendar_approved(fact: of_calendars.CalendarApproved) -> channel_events_pb2.CalendarApproved:
    """Working days are in force."""
    return channel_events_pb2.CalendarApproved(
        year=fact.year, days=days_to_wire(Exceptions(fact.holidays, fact.worked)), number=fact.number,
        proposed_by=fact.proposed_by, approved_by=fact.approved_by,
    )
