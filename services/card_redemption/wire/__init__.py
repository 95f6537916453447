"""Protobuf stops here: what travels to and from the card service, in both directions."""

from services.card_redemption.wire.codec import CODEC

__all__ = ["CODEC"]
