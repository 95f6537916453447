"""A journal: one balanced set of lines in one unit of one book. It refuses to exist unbalanced (DOMAIN BK-1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from services.kernel.errors import Defect


class Unit(StrEnum):
    """What the amounts of a journal count: money, or the memo ledger of credit limits (fen both)."""

    CNY = "CNY"
    LIMIT = "LIMIT"


class Line(NamedTuple):
    """One line: account code ("A.LOAN.FEE"), its sub-account (user, order, card …) and fen, debit positive."""

    account: str
    sub: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Journal:
    """Lines that sum to zero; `op` is the operation code of DOMAIN 3.2, `order_id` what it was for ("" if nothing)."""

    op: str
    unit: Unit
    lines: tuple[Line, ...]
    order_id: str = ""

    def __post_init__(self) -> None:
        if sum([line.amount_minor for line in self.lines]):
            raise Defect(f"unbalanced journal {self.op}: {self.lines}")


class Posting(NamedTuple):
    """What may be posted under one operation code in one unit: the accounts that it debits, and those that it
    credits."""

    op: str
    unit: Unit
    debited: frozenset[str]
    credited: frozenset[str]

    @classmethod
    def of(cls, op: str, unit: Unit, debited: Iterable[str], credited: Iterable[str]) -> "Posting":
        """The posting of these accounts."""
        return cls(op, unit, frozenset(debited), frozenset(credited))

    def allows(self, account: str, amount_minor: int) -> bool:
        """Whether it may have a line of this account on this side."""
        return account in (self.debited if amount_minor > 0 else self.credited)


def post(op: str, unit: Unit, lines: Iterable[tuple[str, str, int]], order_id: str = "") -> tuple[Journal, ...]:
    """The journal of these lines, lines of 0 left out; no journal where no line is left (PR-6)."""
    kept = tuple([Line._make(line) for line in lines if line[2]])
    return (Journal(op, unit, kept, order_id),) if kept else ()
