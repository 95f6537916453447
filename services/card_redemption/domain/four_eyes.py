"""What two people put in force: one proposes, another approves exactly that (四眼原则)."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.kernel.errors import FailedPrecondition, PermissionDenied, SettlementError
from services.kernel.people import is_named, same_person

SHIPPED = "shipped"
"""Who proposed and approved what came with the release; no person may bear the name."""


ADOPT_TIMER = "adopt"
"""Rings at a start, for each channel and each year of working days that the release came with."""


@dataclass(frozen=True, slots=True)
class RefuseDocument:
    """A document that says nothing to propose: its proposer hears why, and that he tried is on record."""

    kind: str
    operator_id: str
    error: SettlementError


class Proposed(Protocol):
    """What waits for a second person, who names its number: nobody approves what he did not see."""

    @property
    def number(self) -> int: ...
    @property
    def proposed_by(self) -> str: ...


P = TypeVar("P", bound=Proposed)


def check_proposer(operator_id: str) -> None:
    """Refuse a proposal of nobody (FOUR_EYES)."""
    if not is_named(operator_id) or same_person(operator_id, SHIPPED):
        raise PermissionDenied("FOUR_EYES", "whoever proposes has a name of a person")


def approved(proposed: P | None, number: int, operator_id: str) -> P:
    """What waits under this number, if this person may approve it; refused if nothing does (PROPOSAL_STALE), or if it
    is the proposer's own (FOUR_EYES)."""
    if proposed is None or proposed.number != number:
        waits = f"{proposed.number} does" if proposed else "none does"
        raise FailedPrecondition("PROPOSAL_STALE", f"proposal {number} does not wait for approval, {waits}")
    if not is_named(operator_id) or any(same_person(operator_id, name) for name in (proposed.proposed_by, SHIPPED)):
        raise PermissionDenied("FOUR_EYES", "who proposes and who approves are two people")
    return proposed
