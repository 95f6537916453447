"""The shape of a redemption's saga: its definition, and what its two ends do to order and card."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.participation import CARD_REDEMPTION, CREDIT_LEDGER
from services.card_redemption.domain.redemption.stepping import Stepped
from services.kernel.decision import Vector
from services.kernel.saga import Definition, Participant, Run

End = Callable[[RedemptionOrder, GiftCard, Run, datetime], Stepped]
BodyOf = Callable[[Any], object]  # Any: the plan is of the type that its definition names


@dataclass(frozen=True, slots=True)
class Ending:
    """A kind of saga. `done` and `aborted` get order and card as they are when the last answer comes."""

    definition: Definition
    done: End
    aborted: End


def credit_ledger(
    command: BodyOf, result_type: type, planned: Callable[[Any], Vector] = lambda plan: plan.vector,  # Any: as above
    involved: Callable[[Any], bool] = lambda plan: True,  # Any: as above
    key: Callable[[Any], str] = lambda plan: plan.party.account_id,  # Any: as above
) -> Participant:
    """The credit ledger's branch."""
    return Participant(
        service=CREDIT_LEDGER, involved=involved, key=key, command=command, planned=planned, result_type=result_type,
        digest=lambda answer: answer,
    )


def redeemer(
    command: BodyOf, involved: Callable[[Any], bool] = lambda plan: True,  # Any: as above
) -> Participant:
    """The branch of the customer's own root, in this service (OP-5)."""
    return Participant(
        service=CARD_REDEMPTION, involved=involved, key=lambda plan: plan.party.customer_id, command=command,
        planned=lambda plan: (),
    )


def answer(run: Run) -> Any:  # Any: of the result type that the definition names
    """What the credit ledger answered."""
    branch = run.branch(CREDIT_LEDGER)
    return branch.result if branch is not None else None
