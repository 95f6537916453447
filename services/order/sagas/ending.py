"""The shape of a kind of settlement: its definition, and what its two ends do to the order."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.kernel.decision import Decision, Known
from services.kernel.saga import Definition, Participant, Run
from services.order.domain.order import Order
from services.order.domain.participation import (
    CARD_REDEMPTION,
    CREDIT_LEDGER,
    CardEffect,
    CreditEffect,
    without_wire,
)
from services.order.domain.returns import ReturnCase
from services.order.domain.tenders import TenderType

_NOTHING = Decision()
BodyOf = Callable[[Any], object]  # Any: the plan is of the type that its definition names


class Ended(NamedTuple):
    """What an end leaves behind: the order, the return case that moves with it, and all else that it causes."""

    order: Order
    case: ReturnCase | None = None
    rest: Decision = _NOTHING

    def decided(self) -> Decision:
        """All of it as one decision."""
        rows = (self.order,) if self.case is None else (self.order, self.case)
        return replace(self.rest, changes=(*rows, *self.rest.changes))


End = Callable[[Known, Order, Run, datetime], Ended]


@dataclass(frozen=True, slots=True)
class Ending:
    """A kind of settlement. `done` and `aborted` get the order as it is when the last answer comes; `earlier` are the
    definitions under which runs on record began."""

    definition: Definition
    done: End
    aborted: End
    earlier: tuple[Definition, ...] = ()


def credit_ledger(command: BodyOf) -> Participant:
    """The credit ledger's branch: involved if anything but a gift card moves."""
    return Participant(
        service=CREDIT_LEDGER,
        involved=lambda plan: plan.money.in_credit_ledger,
        key=lambda plan: plan.money.account_id,
        command=command,
        planned=lambda plan: plan.money.credit_vector(),
        result_type=CreditEffect,
        digest=without_wire,
    )


def creditor(
    command: BodyOf, involved: Callable[[Any], bool],  # Any: as in BodyOf
    confirmed: Callable[[Run], object] | None = None,
) -> Participant:
    """The credit ledger's branch of what is taken from a merchant: also involved where only a gift card moves.

    The merchant may have been paid for the card's share already (P23); then the root is not the account but the
    merchant's share.
    """
    return replace(
        credit_ledger(command), involved=involved, confirmed=confirmed,
        key=lambda plan: plan.money.account_id if plan.money.in_credit_ledger else plan.money.merchant_share,
    )


def card_redemption(command: BodyOf) -> Participant:
    """card_redemption's branch: involved if a gift card pays a share."""
    return Participant(
        service=CARD_REDEMPTION,
        involved=lambda plan: plan.money.of(TenderType.GIFTCARD) > 0,
        key=lambda plan: plan.money.card_id,
        command=command,
        planned=lambda plan: plan.money.card_vector(),
        result_type=CardEffect,
        digest=without_wire,
    )
