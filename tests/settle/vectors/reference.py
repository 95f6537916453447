"""The oracle's words: exact arithmetic, an instalment, an order, the strategies (the page's sections 3.1, 9.3, 9.5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

Json = dict[str, Any]  # a piece of a scenario file, as json.load gives it
Lines = list[tuple[str, int]]
CHINA = timezone(timedelta(hours=8))
OTHERS = {"WALLET": "L.CUST.WALLET", "GIFTCARD": "L.GIFTCARD", "BANKCARD": "L.REFUND.TRANSIT.CARD"}
DEPOSITS = {"WALLET": "L.CUST.WALLET", "GIFTCARD": "L.GIFTCARD", "BANKCARD": "A.CH.CARD"}


def half_up(numerator: int, denominator: int) -> int:
    """The nearest integer, a tie goes up."""
    return (2 * numerator + denominator) // (2 * denominator)


def split(total: int, weights: Sequence[int], ties: str) -> list[int]:
    """Largest remainder; of equal fractions the first or the last index wins."""
    whole = sum(weights)
    if total == 0 or whole == 0:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    fractions = [total * weight % whole for weight in weights]
    sign = 1 if ties == "first" else -1
    ranked = sorted(range(len(weights)), key=lambda i: (-fractions[i], sign * i))
    for i in ranked[: total - sum(parts)]:
        parts[i] += 1
    return parts


def day_of(instant: str) -> date:
    """The business date of an instant."""
    return datetime.fromisoformat(instant).astimezone(CHINA).date()


def later(start: date, months: int) -> date:
    """The same day some months later (days of bills exist in every month)."""
    index = start.year * 12 + start.month - 1 + months
    return date(index // 12, index % 12 + 1, start.day)


@dataclass
class Instalment:
    """One row of a plan."""

    no: int
    principal: int
    fee: int
    fee0: int
    bill_date: date
    due_date: date
    fee_account: str
    shipped: int
    deferred: bool
    paid: int = 0
    refunded: int = 0
    fee_paid: int = 0
    late: int = 0
    billed: bool = False
    accrued: date | None = None

    @property
    def u(self) -> int:
        """Outstanding principal."""
        return self.principal - self.paid - self.refunded

    @property
    def fee_due(self) -> int:
        """What is due of the fee; nothing before it is billed."""
        return self.fee - self.fee_paid if self.billed else 0

    @property
    def book(self) -> str:
        """The account that holds its principal."""
        return "A.LOAN.P.BILLED" if self.billed else "A.LOAN.P.UNBILLED"


@dataclass
class Order:
    """One order of the case and what has been given back of it."""

    given: Json
    state: str = ""
    payables: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    returned: dict[str, int] = field(default_factory=dict)
    given_worth: dict[str, int] = field(default_factory=dict)
    reduced: dict[str, int] = field(default_factory=dict)
    done: int = 0
    credit_back: int = 0
    weighted_days: int = 0
    captured: date = date.min
    pending: Json | None = None
    undo: Callable[[], None] | None = None

    @property
    def tenders(self) -> list[Json]:
        """Its tenders, in order."""
        return list(self.given["tenders"])

    @property
    def credit(self) -> int:
        """P, the amount of the CREDIT tender."""
        return sum(t["amount"] for t in self.tenders if t["type"] == "CREDIT")

    @property
    def plan(self) -> Json:
        """Terms of the credit."""
        return dict(self.given.get("plan", {}))


def payables_of(order: Json) -> list[int]:
    """What each line costs after all promotions."""
    amounts = [line["qty"] * line["unit_price"] for line in order["lines"]]
    for promo in order.get("promos", []):
        indexes = promo.get("lines", range(len(amounts)))
        for i, part in zip(indexes, split(promo["amount"], [amounts[i] for i in indexes], "first"), strict=True):
            amounts[i] -= part
    return amounts


def reduction(strategy: str, amount: int, outstanding: Sequence[int]) -> list[int]:
    """How a strategy spreads an amount over what is outstanding (9.5)."""
    taken = [0] * len(outstanding)
    if strategy == "PROPORTIONAL":
        return split(amount, outstanding, "last")
    if strategy in ("NEXT_FIRST", "LAST_FIRST"):
        indexes = list(range(len(outstanding)))
        for i in indexes if strategy == "NEXT_FIRST" else reversed(indexes):
            taken[i] = min(amount, outstanding[i])
            amount -= taken[i]
        return taken
    while amount > 0:
        open_ones = [i for i in range(len(outstanding)) if outstanding[i] > taken[i]]
        share, to_offer, rest = half_up(amount, len(open_ones)), amount, 0
        for i in open_ones:
            offer = to_offer if i == open_ones[-1] else min(share, to_offer)
            to_offer -= offer
            accepted = min(offer, outstanding[i] - taken[i])
            taken[i] += accepted
            rest += offer - accepted
        amount = rest
    return taken


class Refusal(Exception):
    """An event was rejected; its text is the reason."""
