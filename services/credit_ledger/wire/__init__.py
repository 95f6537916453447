"""Protobuf stops here: what travels to and from the credit ledger, in both directions."""

from services.credit_ledger.wire.codec import CODEC

__all__ = ["CODEC"]
