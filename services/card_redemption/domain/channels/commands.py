"""What operators ask of channels."""

from dataclasses import dataclass

from services.card_redemption.domain.recycling.policy import ChannelPolicy


@dataclass(frozen=True, slots=True)
class ProposeChannelPolicy:
    """Let these terms wait for a second person."""

    terms: ChannelPolicy
    operator_id: str


@dataclass(frozen=True, slots=True)
class ApproveChannelPolicy:
    """Put the terms in force that wait under this number."""

    channel: str
    proposal: int
    operator_id: str
