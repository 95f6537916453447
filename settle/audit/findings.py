"""What the auditor says: checks that were made, violations that were found, notes worth reading."""

from dataclasses import dataclass, field

EXAMPLES_MAX = 20
"""How many violations of one check are shown; all are counted."""

ORDER, CREDIT, CARD = "order", "credit_ledger", "card_redemption"
SERVICES = (ORDER, CREDIT, CARD)
BOOKS = (CREDIT, CARD)


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


@dataclass(slots=True)
class Report:
    """The verdict. `counts` has the number of violations by check; `findings` shows the first of each."""

    checks: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether every promise holds."""
        return not self.counts

    def add(self, check: str, findings: list[Finding], total: int | None = None) -> None:
        """Take the outcome of a check; `total` counts what was found, `findings` may be only its first part."""
        if check not in self.checks:
            self.checks.append(check)
        found = len(findings) if total is None else total
        if found:
            self.counts[check] = self.counts.get(check, 0) + found
            self.findings.extend(findings[:EXAMPLES_MAX])
