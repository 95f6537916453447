"""What the card service answers: the effect of a command on a card, and the money that it moved."""

from dataclasses import dataclass
from datetime import datetime

from services.card_redemption.domain.states import CardState
from services.kernel.decision import Vector


@dataclass(frozen=True, slots=True)
class CardEffect:
    """What a command did to a card; `op` is the operation code of its journal.

    The merchant was paid `uncovered_minor` of a refund already: credit_ledger has it back from the merchant (P23).
    """

    op: str
    card_id: str
    order_id: str
    card_version: int
    amount_minor: int
    balance_minor: int
    state: CardState
    posted_at: datetime
    refund_id: str = ""
    uncovered_minor: int = 0


@dataclass(frozen=True, slots=True)
class CodeShown:
    """Which code of a card its owner may see; not the code."""

    card_id: str
    number: int
    last4: str


def moved(amount_minor: int) -> Vector:
    """The money of this service's branch of a saga, as the coordinator names it."""
    return (("GIFTCARD", amount_minor),)
