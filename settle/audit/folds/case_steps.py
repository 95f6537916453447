"""The steps of a return case, replayed from the facts that were told of it (DOMAIN 2.2, PR-9).

Texts that no event carries (notes, the carrier, the address of a return) are taken from the row: nothing computes with
them.
"""

from dataclasses import replace
from datetime import datetime

from services.kernel.saga import Run
from services.order.domain import events, returns
from services.order.domain.returns import CUSTOMER, MERCHANT, ReturnCase, expect, stepped
from services.order.domain.states import DeductionState, ReturnState


def requested(fact: events.ReturnRequested, row: ReturnCase, now: datetime) -> ReturnCase:
    """A case that the customer asked for."""
    return returns.requested(
        return_id=fact.return_id, order_id=fact.order_id, lines=fact.lines, reason=fact.reason, note=row.note, now=now
    )


def refused(
    fact: events.ReturnRequested, sent: events.ReturnShipped, row: ReturnCase, now: datetime
) -> ReturnCase:
    """A case that a refused delivery opened."""
    opened = returns.refused(
        return_id=fact.return_id, order_id=fact.order_id, lines=fact.lines, waybill_number=sent.waybill_number,
        carrier=row.carrier, note=row.note, now=now,
    )
    return replace(opened, reason=fact.reason)


def approved(case: ReturnCase, fact: events.ReturnApproved, row: ReturnCase, now: datetime) -> ReturnCase:
    """Approved by the merchant, by support, or by time."""
    if fact.automatic:
        by_time = returns.approved_by_time(case, now)
        if by_time is None:
            expect(case)
        return by_time or case
    expect(case, ReturnState.REQUESTED, ReturnState.IN_DISPUTE)
    return stepped(
        case, now, ReturnState.APPROVED, deadline_at=returns.waybill_deadline(now), return_address=row.return_address
    )


def given_up(case: ReturnCase, fact: object, now: datetime) -> ReturnCase:
    """Rejected, withdrawn, or run out."""
    if isinstance(fact, events.ReturnRejected):
        expect(case, ReturnState.REQUESTED, ReturnState.IN_DISPUTE)
        return stepped(case, now, ReturnState.REJECTED, deadline_at=None, reject_reason=fact.reason)
    if isinstance(fact, events.ReturnWithdrawn):
        expect(case, ReturnState.REQUESTED, ReturnState.APPROVED)
        return stepped(case, now, ReturnState.WITHDRAWN, deadline_at=None)
    expect(case, ReturnState.APPROVED)
    return stepped(case, now, ReturnState.EXPIRED, deadline_at=None)


def sent(case: ReturnCase, fact: events.ReturnShipped, row: ReturnCase, now: datetime) -> ReturnCase:
    """On its way back."""
    expect(case, ReturnState.APPROVED)
    return stepped(
        case, now, ReturnState.IN_RETURN, deadline_at=None, waybill_number=fact.waybill_number, carrier=row.carrier
    )


def disputed(case: ReturnCase, fact: events.ReturnDisputed, row: ReturnCase, now: datetime) -> ReturnCase:
    """In dispute: the case, or what was deducted."""
    said = {"disputed_by": fact.disputed_by, "evidence": fact.evidence, "dispute_note": row.dispute_note}
    if fact.of_deduction:
        return stepped(case, now, case.state, deduction_state=DeductionState.DISPUTED, **said)
    expect(case, {MERCHANT: ReturnState.IN_RETURN, CUSTOMER: ReturnState.REJECTED}[fact.disputed_by])
    return stepped(case, now, ReturnState.IN_DISPUTE, **said)


def received(case: ReturnCase, fact: events.ReturnReceived, run: Run, now: datetime) -> ReturnCase:
    """The goods are there: the refund began, or was done at once."""
    expect(case, ReturnState.IN_RETURN, ReturnState.REFUND_EXCEPTION, ReturnState.IN_DISPUTE)
    return stepped(
        case, now, ReturnState.REFUNDING if not run.plan.money.empty else ReturnState.REFUNDED, accepted=fact.accepted,
        settlement_id=run.id, deductions=fact.deductions,
        deduction_state=DeductionState.TAKEN if fact.deductions else None, deducted_at=now if fact.deductions else None,
    )


def kept(case: ReturnCase, now: datetime) -> ReturnCase:
    """The merchant was right about what it deducted."""
    return stepped(case, now, case.state, deduction_state=DeductionState.CONFIRMED)


def giving_back(case: ReturnCase, run: Run, now: datetime) -> ReturnCase:
    """What was deducted goes back, or did at once."""
    state = DeductionState.GIVING_BACK if not run.plan.money.empty else DeductionState.GIVEN_BACK
    return stepped(case, now, case.state, deduction_state=state, give_back_id=run.id)
