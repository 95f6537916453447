"""Who redeems (回收用户): what is counted for one customer, whatever the card (OP-5, RD-23, A17, RD-25)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.card_redemption.domain.recycling.caps import FIRST_CAP_MINOR, CancelledToday, cancelled_more, first_fits
from services.kernel.errors import FailedPrecondition
from services.kernel.participant import Pending

NEVER = CancelledToday(date.min)
REFUSALS: Mapping[str, str] = {
    "FIRST_REDEMPTION_CAP": f"the first redemption is of {FIRST_CAP_MINOR} fen at most: redeem a smaller card first",
    "REDEEMER_RESTRICTED": "a card of this customer had been spent: he may redeem again once its case is decided",
    "CANCEL_DAILY_CAP": "with it more would be cancelled for a fee today than its channel lets one customer cancel",
}
"""What the root of a customer refuses of his redemptions, and why, for who waited for its answer."""


@dataclass(frozen=True, slots=True)
class Redeemer:
    """The root of a customer: completed redemptions, faces cancelled for a fee on a business date, and why he may not
    redeem ("": he may). `cases` are the redemptions for which he is restricted: each has to be lifted."""

    id: str
    completed: int = 0
    cancelled: CancelledToday = NEVER
    restricted: str = ""
    cases: tuple[str, ...] = ()
    pending: Pending | None = None
    version: int = 0

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class RedeemerStanding:
    """What of a customer is read without a lock, by whoever decides about a redemption that is there already: how many
    are complete, and why he may redeem nothing. `version` is that of his root."""

    id: str
    completed: int = 0
    restricted: str = ""
    version: int = 0

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


def must_be_admitted(redeemer: Redeemer | RedeemerStanding, face_minor: int) -> None:
    """He may submit a card of this face: not while restricted, and the first one is a small one (RD-23)."""
    if redeemer.restricted:
        raise FailedPrecondition("REDEEMER_RESTRICTED", redeemer.restricted)
    if not first_fits(face_minor, redeemer.completed, FIRST_CAP_MINOR):
        raise FailedPrecondition("FIRST_REDEMPTION_CAP", REFUSALS["FIRST_REDEMPTION_CAP"])


def cancelled(redeemer: Redeemer, face_minor: int, most_minor: int, at: datetime) -> Redeemer:
    """One more paid cancellation today, if the faces of the day stay within the cap; what is refused does not count."""
    today = cancelled_more(redeemer.cancelled, at, face_minor, most_minor)
    if today is None:
        raise FailedPrecondition("CANCEL_DAILY_CAP", f"{most_minor} fen a day may be cancelled")
    return replace(redeemer, cancelled=today, version=redeemer.version + 1)


def completed(redeemer: Redeemer) -> Redeemer:
    """One more redemption is complete."""
    return replace(redeemer, completed=redeemer.completed + 1, version=redeemer.version + 1)


def restricted(redeemer: Redeemer, redemption_id: str, why: str) -> Redeemer:
    """Until a person looks at his case he redeems nothing (RD-25)."""
    cases = tuple(dict.fromkeys((*redeemer.cases, redemption_id)))
    return replace(redeemer, restricted=redeemer.restricted or why, cases=cases, version=redeemer.version + 1)


def lifted(redeemer: Redeemer, redemption_id: str) -> Redeemer:
    """One case is over; where no other is left, he may redeem again."""
    cases = tuple(case for case in redeemer.cases if case != redemption_id)
    return replace(
        redeemer, restricted=redeemer.restricted if cases else "", cases=cases, version=redeemer.version + 1
    )
