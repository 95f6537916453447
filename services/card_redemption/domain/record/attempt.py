"""An attempt (操作记录): who tried what, through which channel, and what became of it; it stays for ever (RD-31)."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from services.kernel.decision import Done, Refused

_FAULT = "INTERNAL"
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class EntryChannel(StrEnum):
    """Where somebody tried it."""

    APP = "APP"
    WEB = "WEB"
    SUPPORT = "SUPPORT"
    """At the support desk, or an operator."""
    ENGINE = "ENGINE"
    """The engine itself: a timer, or a participant's answer."""


class AttemptOutcome(StrEnum):
    """What became of it."""

    DONE = "DONE"
    DRAFTED = "DRAFTED"
    """Prepared, and not confirmed yet."""
    DENIED = "DENIED"
    FAILED = "FAILED"
    """Neither done nor denied: something of ours or of a provider failed."""
    ABANDONED = "ABANDONED"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `kind` is what was tried, in the words of the method (ISSUE_CARD); `request_id` is its idempotency
    key, empty for what nobody asked; `reason` is that of a denial. Nothing secret is in it."""

    kind: str
    actor: str
    channel: EntryChannel
    outcome: AttemptOutcome
    reason: str = ""
    card_id: str = ""
    order_id: str = ""
    request_id: str = ""


def kind_named(name: str) -> str:
    """A method, or the command that it is, as the record names it: OpenDispute as OPEN_DISPUTE."""
    return _WORD.sub("_", name).upper()


def ended(attempt: Attempt, outcome: Done | Refused) -> Attempt:
    """The attempt with what became of it: as it says where it was done; else DENIED, or FAILED where a defect of ours
    stopped it, with the reason."""
    if isinstance(outcome, Done):
        return attempt
    failed = outcome.status == _FAULT
    became = AttemptOutcome.FAILED if failed else AttemptOutcome.DENIED
    return replace(attempt, outcome=became, reason=outcome.reason)
