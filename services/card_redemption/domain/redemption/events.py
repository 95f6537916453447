"""What a redemption tells: one fact for each step, with the redemption as it is after it."""

from dataclasses import dataclass
from datetime import date

from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import Step


@dataclass(frozen=True, slots=True)
class RedemptionStepped:
    """A redemption took a step; the redemption is as it left it."""

    step: Step
    redemption: RedemptionOrder


@dataclass(frozen=True, slots=True)
class FreezeCaseOpened:
    """Somebody submitted a code that another redemption has (RD-20)."""

    case_id: str
    card_id: str
    redemption_id: str
    submitted_by: str
    due_on: date
