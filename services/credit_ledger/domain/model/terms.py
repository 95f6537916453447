"""The terms of a credit tender, frozen at authorization: never read from the product again (DOMAIN 2.4)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from services.kernel.errors import InvalidArgument
from services.kernel.money import AMOUNT_MAX_MINOR, PPM

NEVER_FREE = -1
"""`free_days` of a plan without a free period."""

MONTHS_MAX = 120
"""No plan has more payments than this, nor is one billed later."""


class PlanKind(StrEnum):
    """One payment a month, n times (分期); or one payment, later (延期还款)."""

    INSTALMENT = "INSTALMENT"
    DEFERRED = "DEFERRED"


class Strategy(StrEnum):
    """How a partial refund lowers the instalments that are not overdue (PR-2)."""

    PROPORTIONAL = "PROPORTIONAL"
    EQUAL = "EQUAL"
    LAST_FIRST = "LAST_FIRST"
    NEXT_FIRST = "NEXT_FIRST"


class Route(StrEnum):
    """How the credit share of a refund travels; FLASH (白条闪付) waits for the network (PM-1)."""

    DIRECT = "DIRECT"
    FLASH = "FLASH"


class SurplusPolicy(StrEnum):
    """Where the rest of a surplus goes: the credit balance, or
    back to the repayment instruments, latest first (RA-5)."""

    KEEP = "KEEP"
    LIFO = "LIFO"


@dataclass(frozen=True, slots=True)
class CreditTerms:
    """Plan, fees and refund rules of one credit tender."""

    plan: PlanKind = PlanKind.INSTALMENT
    instalment_count: int = 1
    fee_ppm: int = 0
    defer_months: int = 1
    flat_fee_minor: int = 0
    term_days: int = 1
    free_days: int = NEVER_FREE
    strategy: Strategy = Strategy.PROPORTIONAL
    route: Route = Route.DIRECT

    @property
    def deferred(self) -> bool:
        """Whether this is a deferral."""
        return self.plan is PlanKind.DEFERRED

    def checked(self) -> Self:
        """Itself, if it can be carried out; INVALID_ARGUMENT otherwise."""
        if not 1 <= self.instalment_count <= MONTHS_MAX or not 1 <= self.defer_months <= MONTHS_MAX:
            raise InvalidArgument("INVALID_ARGUMENT", f"a plan has 1 to {MONTHS_MAX} months")
        if not 0 <= self.fee_ppm <= PPM or not 0 <= self.flat_fee_minor <= AMOUNT_MAX_MINOR:
            raise InvalidArgument("INVALID_AMOUNT", f"a fee is at least 0, at most {PPM} ppm or {AMOUNT_MAX_MINOR} fen")
        if self.term_days < 1 or self.free_days < NEVER_FREE:
            raise InvalidArgument("INVALID_ARGUMENT", "a term has at least one day")
        return self
