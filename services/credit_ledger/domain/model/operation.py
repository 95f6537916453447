"""The log of an account: every input that changed it, in order. The account's state is the fold of this log.

A reversal replays it (P24), and the customer's list of movements reads it (MA-4). Append-only.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.credit_ledger.domain.model.before import Before
from services.kernel.chain import NONE_YET
from services.kernel.decision import Vector


class PaidOut(NamedTuple):
    """What a LIFO surplus gave back of one repayment: a fact, since the money is gone."""

    repayment_id: str
    instrument: str
    amount_minor: int


class Accrued(NamedTuple):
    """One closed late-fee segment: a fact, since a late fee is
    never recomputed (FE-5). Of a waiver: what it took off."""

    order_id: str
    no: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a replay must take as it happened instead of deciding it again. `due_by_days`: a shipment whose plan was
    scheduled when due dates were found by comparing days (`due_date_by_days`)."""

    merchant_payable_minor: int = 0
    paid_out: tuple[PaidOut, ...] = ()
    accrued: tuple[Accrued, ...] = ()
    due_by_days: bool = False


NO_FACTS = Facts()
"""An input that can be decided again from itself alone."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One input. `body` is the command, `reference` the refund, repayment or statement that
    came of it, `moved` how the account's figures changed. `before` is None where it was not kept.
    `link` holds it in the chain of the log."""

    account_id: str
    number: int
    at: datetime
    body: object
    order_id: str = ""
    reference: str = ""
    saga_id: str = ""
    facts: Facts = NO_FACTS
    moved: Vector = ()
    version: int = 1
    before: Before | None = None
    link: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        """`<account>/<number>`, in an order that is also the order of time."""
        return operation_key(self.account_id, self.number)

    @property
    def root(self) -> str:
        return self.account_id

    @property
    def kind(self) -> str:
        """The name of the command."""
        return type(self.body).__name__


def operation_key(account_id: str, number: int) -> str:
    """The key of an operation, `<account>/<number>`."""
    return f"{account_id}/{number:08d}"
