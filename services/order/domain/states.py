"""The states that orders, refunds and return cases can be in (DOMAIN 2.1, 2.2, 2.7)."""

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands. With partial shipments it is the summary of its lines."""

    PLACING = "PLACING"
    AWAITING_SHIPMENT = "AWAITING_SHIPMENT"
    REJECTED = "REJECTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    CAPTURING = "CAPTURING"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    FULLY_REFUNDED = "FULLY_REFUNDED"
    COMPLETED = "COMPLETED"
    PAYMENT_EXPIRED = "PAYMENT_EXPIRED"


class RefundState(StrEnum):
    """How far a refund is. CREDIT_DONE: the network confirmed, another tender has not yet."""

    ACCEPTED = "ACCEPTED"
    PENDING_CHANNEL = "PENDING_CHANNEL"
    CREDIT_DONE = "CREDIT_DONE"
    EXCEPTION = "EXCEPTION"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_MANUAL = "SUCCEEDED_MANUAL"
    REVERSED = "REVERSED"


class ReturnState(StrEnum):
    """Where a return case stands."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    IN_RETURN = "IN_RETURN"
    EXPIRED = "EXPIRED"
    IN_DISPUTE = "IN_DISPUTE"
    REFUNDING = "REFUNDING"
    REFUNDED = "REFUNDED"
    REFUND_EXCEPTION = "REFUND_EXCEPTION"


class DeductionState(StrEnum):
    """Where the deductions of a received return stand (PR-9). Only one that is TAKEN can be disputed."""

    TAKEN = "TAKEN"
    DISPUTED = "DISPUTED"
    CONFIRMED = "CONFIRMED"
    GIVING_BACK = "GIVING_BACK"
    GIVEN_BACK = "GIVEN_BACK"


class Kind(StrEnum):
    """The kinds of settlements that the order service coordinates; the value is the name of the saga."""

    PLACEMENT = "placement"
    CAPTURE = "capture"
    CANCELLATION = "cancellation"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    DEPOSIT_RETURN = "deposit_return"


EFFECTIVE_REFUNDS = frozenset({RefundState.SUCCEEDED, RefundState.SUCCEEDED_MANUAL})
"""A refund in one of these has reached every book (I-1); in PENDING_CHANNEL its credit share has not."""

WAITING_REFUNDS = frozenset({RefundState.PENDING_CHANNEL, RefundState.EXCEPTION})
"""A refund in one of these waits for the flash network, or for two people."""
