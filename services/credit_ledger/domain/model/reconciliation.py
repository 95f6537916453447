"""The rail's own list of payments beside our legs (PM-7): how far the daily comparison is, and what differed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.credit_ledger.domain.model.commands import LegReport
from services.credit_ledger.domain.model.leg import SendLeg
from services.kernel.chain import NONE_YET

ACQUIRER = "reconciliation/acquirer"
"""The key of the one comparison that there is: with the acquirer, which carries both rails."""


class ReconciliationState(StrEnum):
    """RUNNING from the first page to the last."""

    IDLE = "IDLE"
    RUNNING = "RUNNING"


class DifferenceKind(StrEnum):
    """What differs. Nobody would ask about any of these: what is asked about anyway is no difference."""

    UNKNOWN_LEG = "UNKNOWN_LEG"
    OTHER_CONTENT = "OTHER_CONTENT"
    PAID_NOT_BOOKED = "PAID_NOT_BOOKED"
    BOOKED_NOT_PAID = "BOOKED_NOT_PAID"
    NOT_LISTED = "NOT_LISTED"


class Listed(NamedTuple):
    """A payment in the rail's list."""

    key: str
    reference: str
    amount_minor: int
    report: LegReport
    detail: str = ""


class Difference(NamedTuple):
    """A payment on which the rail and the legs do not agree; 0 where one of them does not know it."""

    key: str
    kind: DifferenceKind
    account_id: str
    reference: str
    leg_minor: int
    rail_minor: int
    detail: str = ""


class Place(NamedTuple):
    """How far a comparison has come: behind this key, in the page that the rail gives for this cursor."""

    cursor: str = ""
    after: str = ""


BEGINNING = Place()


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A daily comparison: page after page, each an action of its own, so that it goes on where it stood.
    `events_head` is the head of the chain of its events, which no rule reads."""

    id: str
    state: ReconciliationState = ReconciliationState.IDLE
    run: int = 0
    place: Place = BEGINNING
    compared: int = 0
    found: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    sequence: int = 0
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        """Its id."""
        return self.id

    @property
    def root(self) -> str:
        """Its id."""
        return self.id


@dataclass(frozen=True, slots=True)
class RailDifference:
    """An open exception, or one that was: since when, and until when."""

    reconciliation_id: str
    difference: Difference
    opened_at: datetime
    seen_at: datetime
    resolved_at: datetime | None = None
    version: int = 1

    @property
    def key(self) -> str:
        """The key at the rail: the leg's id."""
        return self.difference.key

    @property
    def root(self) -> str:
        """The comparison that found it."""
        return self.reconciliation_id


@dataclass(frozen=True, slots=True)
class CompareRail:
    """An action: compare one page of the rail's list; what it comes to is reported as `RailCompared`."""

    reconciliation_id: str
    run: int
    place: Place
    started_at: datetime


@dataclass(frozen=True, slots=True)
class RailCompared:
    """One page: what differs, which open differences do not any more, which legs the rail should be asked about, and
    where it goes on (None: that was the last page)."""

    reconciliation_id: str
    run: int
    place: Place
    compared: int
    differences: tuple[Difference, ...]
    agreed: tuple[str, ...]
    ask: tuple[SendLeg, ...]
    following: Place | None


@dataclass(frozen=True, slots=True)
class StartReconciliation:
    """Compare now, without waiting for the night."""

    reconciliation_id: str


@dataclass(frozen=True, slots=True)
class RailDifferenceFound:
    """The rail and the legs do not agree on a payment."""

    reconciliation_id: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class RailDifferenceResolved:
    """The rail's list and the leg agree again."""

    reconciliation_id: str
    key: str
    kind: DifferenceKind
