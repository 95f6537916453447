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
    """How far a refund is (DOMAIN 2.7). CREDIT_DONE: in every book, but a tender is not confirmed yet; EXCEPTION:
    one was refused, or not confirmed in time."""

    ACCEPTED = "ACCEPTED"
    PENDING_CHANNEL = "PENDING_CHANNEL"
    CREDIT_DONE = "CREDIT_DONE"
    EXCEPTION = "EXCEPTION"
    SUCCEEDED = "SUCCEEDED"
    SUCCEEDED_MANUAL = "SUCCEEDED_MANUAL"
    REVERSED = "REVERSED"
    FAILED = "FAILED"


class BankStep(StrEnum):
    """What happened to a bank-card share on its way back. SETTLED and REROUTED end it well; PAID_ANYWAY: the bank
    paid what had ended otherwise, CAME_BACK: and took it back; COUNTED: what it paid counts for a later refund (PM-3,
    PM-7, PM-8)."""

    WAITING = "WAITING"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    EXCEPTION = "EXCEPTION"
    RECALLED = "RECALLED"
    BOUNCED = "BOUNCED"
    PAID_ANYWAY = "PAID_ANYWAY"
    COUNTED = "COUNTED"
    KEPT = "KEPT"
    CAME_BACK = "CAME_BACK"
    SETTLED = "SETTLED"
    SETTLED_BY_HAND = "SETTLED_BY_HAND"
    REROUTED = "REROUTED"


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
