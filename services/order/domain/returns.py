"""The return case: request, approval, waybill, receipt (DOMAIN 2.2, CR-4 to CR-7). A child of its order."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from services.kernel.calendar import TICK, business_date, start_of
from services.kernel.errors import FailedPrecondition, InvalidArgument, NotFound
from services.kernel.people import papers
from services.order.domain.deductions import Deduction
from services.order.domain.lines import LineQuantity
from services.order.domain.states import DeductionState, RefundState, ReturnState

AUTO_APPROVE = "auto_approve"
"""Timer of a case that the merchant has not answered yet."""

WAYBILL_EXPIRY = "waybill_expiry"
"""Timer of an approved case without a waybill."""

REVIEW_HOURS = 48
"""The merchant answers within 48 hours; after them the case is approved by time (A13)."""

WAYBILL_DAYS = 7
"""A waybill is registered within 7 days; the day of the approval is not counted (CV-10)."""

DISPUTE_HOURS = 24
"""A rejection may be disputed without evidence within 24 hours, the last instant included (2.10)."""

EVIDENCE_HOURS = 72
"""With evidence it may be disputed within 72 hours, the last instant included (2.10)."""

MERCHANT, CUSTOMER = "MERCHANT", "CUSTOMER"
"""Who disputes."""

REFUSED = "REFUSED"
"""The reason of a case that a refused delivery opened."""

RETURN_STATES = {
    RefundState.CREDIT_DONE: ReturnState.REFUNDED,
    RefundState.SUCCEEDED: ReturnState.REFUNDED,
    RefundState.SUCCEEDED_MANUAL: ReturnState.REFUNDED,
    RefundState.PENDING_CHANNEL: ReturnState.REFUNDING,
    RefundState.EXCEPTION: ReturnState.REFUND_EXCEPTION,
}
"""Where a return case stands by how far its refund is (DOMAIN 2.2)."""


@dataclass(frozen=True, slots=True)
class ReturnCase:
    """A return of some units. `deadline_at` is the instant from which time has decided: the merchant's answer, or the
    waybill.

    `deductions` were taken at `deducted_at`; where they stand is told beside the state of the case, which is at its end
    with the refund. `give_back_id` is the settlement that gives them back.
    """

    id: str
    order_id: str
    state: ReturnState
    lines: tuple[LineQuantity, ...]
    requested_at: datetime
    updated_at: datetime
    deadline_at: datetime | None = None
    accepted: tuple[LineQuantity, ...] = ()
    reason: str = ""
    note: str = ""
    waybill_number: str = ""
    carrier: str = ""
    return_address: str = ""
    reject_reason: str = ""
    disputed_by: str = ""
    evidence: tuple[str, ...] = ()
    dispute_note: str = ""
    settlement_id: str = ""
    version: int = 1
    deductions: tuple[Deduction, ...] = ()
    deduction_state: DeductionState | None = None
    deducted_at: datetime | None = None
    give_back_id: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.order_id


def requested(
    return_id: str, order_id: str, lines: tuple[LineQuantity, ...], reason: str, note: str, now: datetime
) -> ReturnCase:
    """A new case; the merchant has 48 hours, the last instant included."""
    return ReturnCase(
        id=return_id, order_id=order_id, state=ReturnState.REQUESTED, lines=lines, requested_at=now, updated_at=now,
        deadline_at=now + timedelta(hours=REVIEW_HOURS) + TICK, reason=reason, note=note,
    )


def refused(
    return_id: str, order_id: str, lines: tuple[LineQuantity, ...], waybill_number: str, carrier: str, note: str,
    now: datetime,
) -> ReturnCase:
    """A parcel that was refused at the door: nobody has to approve it, and it is on its way back."""
    return ReturnCase(
        id=return_id, order_id=order_id, state=ReturnState.IN_RETURN, lines=lines, requested_at=now, updated_at=now,
        reason=REFUSED, note=note, waybill_number=waybill_number, carrier=carrier,
    )


def case_of(case: ReturnCase | None, return_id: str, order_id: str) -> ReturnCase:
    """The case, if it exists and belongs to this order."""
    if case is None or case.order_id != order_id:
        raise NotFound("RETURN_NOT_FOUND", f"there is no return {return_id} of {order_id}")
    return case


def approved_by_time(case: ReturnCase, now: datetime) -> ReturnCase | None:
    """The case as approved after 48 hours without an answer (A13), or None where the merchant still has time."""
    if case.state is not ReturnState.REQUESTED or case.deadline_at is None or now < case.deadline_at:
        return None
    return stepped(case, now, ReturnState.APPROVED, deadline_at=waybill_deadline(case.deadline_at))


def ran_out(case: ReturnCase, now: datetime) -> bool:
    """Whether an approved case has waited too long for its waybill, so that a late timer changes nothing."""
    return case.state is ReturnState.APPROVED and case.deadline_at is not None and now >= case.deadline_at


def waybill_deadline(approved_at: datetime) -> datetime:
    """The midnight after the 7th day."""
    return start_of(business_date(approved_at) + timedelta(days=WAYBILL_DAYS + 1))


def contestable_until(decided_at: datetime) -> datetime:
    """The instant from which a rejection, or a deduction, stands for good."""
    return decided_at + timedelta(hours=EVIDENCE_HOURS) + TICK


def disputable(case: ReturnCase, decided_at: datetime, evidence: tuple[str, ...], now: datetime) -> None:
    """Refuse a customer's dispute of what the merchant decided then if it comes too late, or late without evidence."""
    if now >= contestable_until(decided_at):
        decided = "rejected" if case.state is ReturnState.REJECTED else "received"
        raise FailedPrecondition("DISPUTE_WINDOW_CLOSED", f"{case.id} was {decided} at {decided_at}")
    if now > decided_at + timedelta(hours=DISPUTE_HOURS) and not papers(evidence):
        needed = f"after {DISPUTE_HOURS} hours a dispute needs evidence"
        raise InvalidArgument("EVIDENCE_REQUIRED", needed, {"field": "evidence"})


def stepped(
    case: ReturnCase, now: datetime, state: ReturnState, **changes: Any  # Any: each value has the type of its field
) -> ReturnCase:
    """The case one version later."""
    return replace(case, state=state, updated_at=now, version=case.version + 1, **changes)


def expect(case: ReturnCase, *states: ReturnState) -> None:
    """Refuse what the case's state forbids."""
    if case.state not in states:
        raise FailedPrecondition("RETURN_STATE", f"{case.id} is {case.state}")


def without_waybill(case: ReturnCase) -> None:
    """Refuse once the goods are on their way."""
    if case.waybill_number:
        raise FailedPrecondition("WAYBILL_STATE", f"{case.id} has the waybill {case.waybill_number}")


def arrived(case: ReturnCase) -> None:
    """Refuse a receipt of goods that were never sent: a waybill comes first (CR-6)."""
    if not case.waybill_number:
        raise FailedPrecondition("WAYBILL_STATE", f"{case.id} has no waybill")


def accepted_units(case: ReturnCase, asked: tuple[LineQuantity, ...]) -> tuple[LineQuantity, ...]:
    """What the merchant accepts, never more than was requested; nothing named means all of it."""
    units = dict(case.lines)
    if len(dict(asked)) != len(asked):
        raise InvalidArgument("INVALID_ARGUMENT", "a line is named twice")
    for line_id, quantity in asked:
        if line_id not in units:
            raise InvalidArgument("UNKNOWN_LINE", f"{case.id} is not about {line_id}")
        if not 0 < quantity <= units[line_id]:
            detail = f"{units[line_id]} units of {line_id} were to be returned"
            raise FailedPrecondition("QUANTITY_EXCEEDS_BOUGHT", detail)
    return asked or case.lines
