"""The operators' switch of payouts: while it is off, no redemption is sent to the bank or paid into a wallet."""

from dataclasses import dataclass, field
from datetime import datetime

from services.kernel.chain import NONE_YET

PAYOUTS = "payouts"
"""The id of the one switch there is."""


@dataclass(frozen=True, slots=True)
class PayoutSwitch:
    """A switch, a root; who moved it last, why and when. `events_head` is the head of the chain of its events, which no
    rule reads."""

    id: str
    paused: bool = False
    operator_id: str = ""
    reason: str = ""
    changed_at: datetime | None = None
    sequence: int = 0
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class PausePayouts:
    """Hold every payout that is not sent yet."""

    switch_id: str
    operator_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResumePayouts:
    """Let payouts go on."""

    switch_id: str
    operator_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class WakePayouts:
    """An action: find the payouts that wait behind this id, a page of them; they come back as `PayoutsFound`."""

    switch_id: str
    after: str = ""


@dataclass(frozen=True, slots=True)
class PayoutsFound:
    """A page of payouts that wait, each with its account; `following` is the id behind which the next page begins,
    None on the last one."""

    switch_id: str
    payouts: tuple[tuple[str, str], ...]
    following: str | None = None
