"""What channels tell: their terms as they are proposed and put in force."""

from dataclasses import dataclass

from services.card_redemption.domain.recycling.policy import ChannelPolicy


@dataclass(frozen=True, slots=True)
class ChannelPolicyProposed:
    """Terms of a channel wait for a second person under this number."""

    terms: ChannelPolicy
    proposal: int
    proposed_by: str


@dataclass(frozen=True, slots=True)
class ChannelPolicyApproved:
    """Terms of a channel are in force, in the version that they name."""

    terms: ChannelPolicy
    proposed_by: str
    approved_by: str
