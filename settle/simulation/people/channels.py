"""Those who decide how cards are recycled: two people put terms in force, and the switch of payouts is moved."""

from dataclasses import replace
from typing import TYPE_CHECKING

from services.card_redemption.domain.channels.channel import InForce
from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.enterprise.agreement import AgreementTerms
from services.card_redemption.domain.enterprise.commands import ApproveAgreement, ProposeAgreement
from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind, Limits, Settlement
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PausePayouts, ResumePayouts
from services.kernel.calendar import DAY
from settle.simulation.agenda import MINUTE, SECOND, START, Steps

if TYPE_CHECKING:
    from settle.simulation.world import World

BY_HAND = ChannelPolicy("BY_HAND", Kind.SELF, 900_000, by_hand=True, name_zh="人工")
LET_GO = ChannelPolicy(
    "LET_GO", Kind.THIRD_PARTY, 900_000, until_settled=True, settlement=Settlement.NEXT_WORKING_DAY,
    commission_ppm=20_000, name_zh="次日",
)
"""May be taken back after its provider has read the code, if that lets go of it (OP-7)."""
CAP_MINOR = 1_000
CHANNELS = (
    "KAQUANMAO", "SELF", "SUHUISHOU", "T_PLUS_1", "COOLING", "ESCROW", "DUIDUI", BY_HAND.channel, "MOU", "ENTERPRISE",
    "CROSSBORDER", LET_GO.channel, LET_GO.channel,
)


def terms_of(world: "World", channel: str) -> ChannelPolicy:
    """The terms of a channel that are in force."""
    found = world.stores["card_redemption"].found(InForce, [channel])[channel]
    assert isinstance(found, InForce)
    return found.terms


def opening(world: "World") -> Steps:
    """Channels that are not shipped: an operator leads every order, or a provider is asked for what it has read."""
    yield from _in_force(world, BY_HAND, 1)
    yield from _in_force(world, LET_GO, 1)


def agree(world: "World", agreement_id: str, customer_id: str) -> Steps:
    """An agreement with an enterprise, signed and qualified."""
    terms = AgreementTerms(signed_on=START.date() - DAY, document="agreement-1", qualification="licence-1")
    propose = ProposeAgreement(agreement_id, customer_id, terms, "ann")
    yield from world.desk.ask("card_redemption", agreement_id, propose)
    yield from world.desk.ask("card_redemption", agreement_id, ApproveAgreement(agreement_id, 1, "bob"))


def new_terms(world: "World") -> Steps:
    """A lower rate, a lower cap, while drafts go by the old ones."""
    track = world.tape.track("channels")
    if track.below(2):
        yield track.below(world.swarm.spread + 5 * SECOND)
        terms = terms_of(world, track.pick(("COOLING", "SUHUISHOU")))
        capped = None if terms.limits.cancelled_daily_minor is None else CAP_MINOR
        new = replace(terms, rate_ppm=900_000 + track.below(10_000), limits=Limits(cancelled_daily_minor=capped))
        yield from _in_force(world, new, 1)


def switch_story(world: "World") -> Steps:
    """Payouts are paused for a while."""
    track = world.tape.track("switch")
    if track.below(2):
        yield track.below(world.swarm.spread + 20 * SECOND)
        yield from world.desk.ask("credit_ledger", PAYOUTS, PausePayouts(PAYOUTS, "op-1", "something is wrong"))
        yield track.below(5 * MINUTE)
        yield from world.desk.ask("credit_ledger", PAYOUTS, ResumePayouts(PAYOUTS, "op-1", "it is not"))


def _in_force(world: "World", terms: ChannelPolicy, proposal: int) -> Steps:
    yield from world.desk.ask("card_redemption", terms.channel, ProposeChannelPolicy(terms, "ann"))
    yield from world.desk.ask(
        "card_redemption", terms.channel, ApproveChannelPolicy(terms.channel, proposal, "bob")
    )
