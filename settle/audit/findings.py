"""What the auditor says: checks that were made, violations that were found, notes worth reading."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # snapshots are told what was found
    from settle.audit.snapshots import World

EXAMPLES_MAX = 20
"""How many violations of one check in one database are shown; all are counted."""
ID_DIGITS = 12

ORDER, CREDIT, CARD = "order", "credit_ledger", "card_redemption"
SERVICES = (ORDER, CREDIT, CARD)
BOOKS = (CREDIT, CARD)
COORDINATORS = (ORDER, CARD)
"""The services that settlements belong to: those of orders, and those of redemptions."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise that one query can test: `sql` answers the rows that break it, as (key, expected, actual) texts.
    `cause` is what most likely happened where it is broken."""

    id: str
    says: str
    where: tuple[str, ...]
    sql: str
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation: which check, in which database, of what, and what was expected instead; since when it is so, as
    an RFC 3339 instant, and which cause is likely, where that can be said."""

    check: str
    where: str
    what: str
    expected: str
    actual: str
    since: str = ""
    cause: str = ""

    @property
    def id(self) -> str:
        """The same for the same violation, however often and by whomever it is found; `--explain` is asked with it."""
        return sha256(f"{self.check}\n{self.where}\n{self.what}".encode()).hexdigest()[:ID_DIGITS]


@dataclass(frozen=True, slots=True)
class Walk:
    """One promise about each aggregate `of` a kind in a `service`: `find` answers what breaks it among these ids.
    `cause` is what most likely happened where it is broken, unless a finding knows better."""

    id: str
    says: str
    service: str
    of: str
    find: "Callable[[World, Sequence[str]], Awaitable[list[Finding]]]"
    cause: str = ""


def instant(at: datetime | None) -> str:
    """Since when something is so, as a finding says it: empty where nobody knows."""
    return at.isoformat() if at is not None else ""


@dataclass(slots=True)
class Report:
    """The verdict. `counts` has the number of violations by check; `findings` shows the first of each."""

    checks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    looked: dict[str, int] = field(default_factory=dict)
    """How many aggregates of each kind were walked."""
    since: str = ""
    """The mark since which changes were looked for; empty if everything was looked at."""

    @property
    def clean(self) -> bool:
        """Whether every promise holds."""
        return not self.counts

    def add(self, check: str, findings: list[Finding], total: int | None = None) -> None:
        """Take the outcome of a check; `total` counts what was found, `findings` may be only its first part. What is
        known already is not counted again."""
        if check not in self.checks:
            self.checks.append(check)
        known = {finding.id for finding in self.findings if finding.check == check} if check in self.counts else set()
        fresh = list({finding.id: finding for finding in findings if finding.id not in known}.values())
        if found := len(fresh) if total is None else total:
            self.counts[check] = self.counts.get(check, 0) + found
            shown = Counter(finding.where for finding in self.findings if finding.check == check)
            for finding in fresh:
                shown[finding.where] += 1
                if shown[finding.where] <= EXAMPLES_MAX:
                    self.findings.append(finding)

    def look(self, of: str, count: int) -> None:
        """Note that so many aggregates of a kind were walked."""
        self.looked[of] = self.looked.get(of, 0) + count

    def take(self, part: "Report") -> None:
        """Add what was found and looked at in a part of the whole."""
        for check in part.checks:
            found = [finding for finding in part.findings if finding.check == check]
            self.add(check, found, part.counts.get(check, 0))
        for of, count in part.looked.items():
            self.look(of, count)
