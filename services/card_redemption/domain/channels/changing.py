"""How the terms of a channel change: one person proposes them, another puts them in force, and both are told."""

from dataclasses import replace
from datetime import datetime

from services.card_redemption.domain.channels.channel import Channel, ChannelVersion, Proposal
from services.card_redemption.domain.channels.events import ChannelPolicyApproved, ChannelPolicyProposed
from services.card_redemption.domain.four_eyes import SHIPPED, approved, check_proposer
from services.card_redemption.domain.recycling.policy import ChannelPolicy
from services.card_redemption.domain.recycling.soundness import check_terms
from services.kernel.decision import Decision, Done, Event


def propose(channel: Channel, terms: ChannelPolicy, operator_id: str, now: datetime) -> Decision:
    """Let terms wait for a second person; those that waited before are replaced."""
    check_proposer(operator_id)
    check_terms(terms)
    proposal = Proposal(channel.proposals + 1, replace(terms, version=0), operator_id, now)
    proposed = _stepped(replace(channel, proposals=proposal.number, proposal=proposal))
    told = ChannelPolicyProposed(proposal.terms, proposal.number, operator_id)
    return Decision(outcome=Done(proposed), changes=(proposed,), events=(_event(proposed, told),))


def approve(channel: Channel, number: int, operator_id: str, now: datetime) -> Decision:
    """Put the terms in force that wait under this number; from this commit on they are what every process reads."""
    proposal = approved(channel.proposal, number, operator_id)
    return _put_in_force(channel, proposal.terms, (proposal.proposed_by, operator_id), now)


def adopt(channel: Channel, terms: ChannelPolicy, now: datetime) -> Decision:
    """Put the terms in force that the release came with, where the channel is new; who changed one keeps it."""
    if channel.version:
        return Decision()
    check_terms(terms)
    return _put_in_force(channel, terms, (SHIPPED, SHIPPED), now)


def _put_in_force(channel: Channel, terms: ChannelPolicy, people: tuple[str, str], now: datetime) -> Decision:
    check_terms(terms)
    new = ChannelVersion(replace(terms, version=channel.in_force + 1), *people, now)
    changed = _stepped(replace(channel, in_force=new.terms.version, proposal=None))
    told = ChannelPolicyApproved(new.terms, *people)
    return Decision(outcome=Done(new), changes=(changed, new), events=(_event(changed, told),))


def _stepped(channel: Channel) -> Channel:
    return replace(channel, sequence=channel.sequence + 1, version=channel.version + 1)


def _event(channel: Channel, told: object) -> Event:
    return Event(channel.name, channel.sequence, told)
