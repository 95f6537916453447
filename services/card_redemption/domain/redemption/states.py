"""Where a redemption and its payouts stand, and the steps by which they come there (DOMAIN 2.8)."""

from enum import StrEnum


class RedemptionState(StrEnum):
    """Where a redemption stands. SUBMITTING, CANCELLING, VERIFYING and REVOKING wait for somebody's answer; of FROZEN
    the order says from where it came."""

    SUBMITTING = "SUBMITTING"
    SCHEDULED = "SCHEDULED"
    ACCEPTED = "ACCEPTED"
    CANCEL_REVIEW = "CANCEL_REVIEW"
    CANCELLING = "CANCELLING"
    VERIFYING = "VERIFYING"
    VERIFIED = "VERIFIED"
    REVOKING = "REVOKING"
    ESCROWED = "ESCROWED"
    SETTLED = "SETTLED"
    PAYOUT_RETRY = "PAYOUT_RETRY"
    COMPLETED = "COMPLETED"
    FROZEN = "FROZEN"
    CANCELLED = "CANCELLED"
    REVOKED = "REVOKED"
    FAILED = "FAILED"
    FAILED_CONSUMED = "FAILED_CONSUMED"
    FAILED_RETRYABLE = "FAILED_RETRYABLE"
    CLOSED_FRAUD = "CLOSED_FRAUD"
    FAULT_REVERSED = "FAULT_REVERSED"


_S = RedemptionState
UNSETTLED = frozenset({
    _S.SCHEDULED, _S.ACCEPTED, _S.CANCEL_REVIEW, _S.CANCELLING, _S.VERIFYING, _S.VERIFIED, _S.REVOKING,
})
"""Accepted, and no money is decided yet."""
UNVERIFIED = frozenset({_S.SUBMITTING, _S.SCHEDULED, _S.ACCEPTED, _S.CANCEL_REVIEW, _S.CANCELLING})
"""The code was not read yet (RD-1)."""
PAYABLE = frozenset({_S.SETTLED, _S.PAYOUT_RETRY, _S.COMPLETED})
"""Settled: the customer is owed the payout, or has it."""
OWING = PAYABLE | {_S.CLOSED_FRAUD, _S.FAULT_REVERSED}
"""What is decided to be paid is asked for here. Of a redemption that was taken back whole that is what had been claimed
of a payout before it could be stopped: its customer owes nothing any more (P34, OP-8)."""
ENDED_WITHOUT_PAYOUT = frozenset({
    _S.CANCELLED, _S.REVOKED, _S.FAILED, _S.FAILED_CONSUMED, _S.FAILED_RETRYABLE, _S.CLOSED_FRAUD, _S.FAULT_REVERSED,
})
"""The code has no claim on it any more, and nothing is paid for its value."""
FREEZABLE = (UNSETTLED | {_S.ESCROWED, _S.SETTLED, _S.PAYOUT_RETRY}) - {_S.CANCELLING}
"""A fraud report stops it here (RD-22): ACCEPTED to SETTLED, and not while a cancellation is being paid for."""


class PayoutState(StrEnum):
    """How far a payout is. DUE: decided, nobody was asked to pay it yet; SENT: the credit ledger has it."""

    DUE = "DUE"
    SENT = "SENT"
    PAID = "PAID"
    STOPPED = "STOPPED"


class Step(StrEnum):
    """What happened to a redemption: the word of its event, from which the auditor reckons it again."""

    SUBMITTED = "SUBMITTED"
    SUBMISSION_FAILED = "SUBMISSION_FAILED"
    ACCEPTED = "ACCEPTED"
    SCHEDULE_EDITED = "SCHEDULE_EDITED"
    SCHEDULE_REACHED = "SCHEDULE_REACHED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCEL_BEGUN = "CANCEL_BEGUN"
    CANCEL_REJECTED = "CANCEL_REJECTED"
    CANCEL_REFUSED = "CANCEL_REFUSED"
    CANCELLED = "CANCELLED"
    VERIFICATION_STARTED = "VERIFICATION_STARTED"
    VERIFIED = "VERIFIED"
    REPRICED = "REPRICED"
    CODE_INVALID = "CODE_INVALID"
    CODE_CONSUMED = "CODE_CONSUMED"
    ESCROWED = "ESCROWED"
    CONDITION_MET = "CONDITION_MET"
    SETTLED = "SETTLED"
    ESCROW_RELEASED = "ESCROW_RELEASED"
    RELEASE_ASKED = "RELEASE_ASKED"
    RELEASE_REFUSED = "RELEASE_REFUSED"
    REVOKED = "REVOKED"
    ESCROW_REVOKED = "ESCROW_REVOKED"
    PAYOUT_BEGUN = "PAYOUT_BEGUN"
    PAYOUT_DELAYED = "PAYOUT_DELAYED"
    PAYOUT_SENT = "PAYOUT_SENT"
    PAYOUT_STOPPING = "PAYOUT_STOPPING"
    PAYOUT_NOT_STOPPED = "PAYOUT_NOT_STOPPED"
    PAYOUT_HELD = "PAYOUT_HELD"
    PAID = "PAID"
    CLAIM_BEGUN = "CLAIM_BEGUN"
    CLAIM_REFUSED = "CLAIM_REFUSED"
    FACE_TOPPED_UP = "FACE_TOPPED_UP"
    FACE_CLAWED_BACK = "FACE_CLAWED_BACK"
    FAULT_REVERSED = "FAULT_REVERSED"
    OVERDUE = "OVERDUE"
    FROZEN = "FROZEN"
    UNFROZEN = "UNFROZEN"
    FRAUD_CONFIRMED = "FRAUD_CONFIRMED"
    CLOSED_FRAUD = "CLOSED_FRAUD"
    VOUCHER_ISSUED = "VOUCHER_ISSUED"
    VOUCHER_USING = "VOUCHER_USING"
    VOUCHER_USED = "VOUCHER_USED"
    VOUCHER_REFUSED = "VOUCHER_REFUSED"
    CHANNEL_FEE = "CHANNEL_FEE"
    REMITTING = "REMITTING"
    REMITTED = "REMITTED"
    REMITTANCE_REFUSED = "REMITTANCE_REFUSED"
    ADJUSTING = "ADJUSTING"
    ADJUSTED = "ADJUSTED"
    ADJUSTMENT_REFUSED = "ADJUSTMENT_REFUSED"
