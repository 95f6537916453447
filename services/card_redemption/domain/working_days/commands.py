"""What operators ask of calendars."""

from dataclasses import dataclass

from services.card_redemption.domain.working_days.year import Exceptions


@dataclass(frozen=True, slots=True)
class ProposeCalendar:
    """Let these working days wait for a second person."""

    year: int
    exceptions: Exceptions
    operator_id: str


@dataclass(frozen=True, slots=True)
class ApproveCalendar:
    """Put the calendar in force that waits under this number."""

    year: int
    proposal: int
    operator_id: str
