"""Protobuf stops here: what travels to and from the order service, in both directions."""

from services.order.wire.codec import CODEC

__all__ = ["CODEC"]
