"""How the verdict is said: a page for people, one object for machines."""

from dataclasses import asdict

from settle.audit import (
    accepted,
    auditor,
    chains,
    clearing,
    dispute_outcomes,
    four_eyes,
    gone,
    rail_list,
    seals,
    unreadable,
    walks,
)
from settle.audit.findings import Finding, Report
from settle.audit.folds import claims
from settle.audit.joins import walked as joins
from settle.audit.states import open_work

SAYS = {check.id: check.says for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)} | {
    **{walk.id: walk.says for walk in walks.WALKS}, **clearing.SAYS, **four_eyes.SAYS, **rail_list.SAYS,
    **gone.SAYS, **dispute_outcomes.SAYS, **chains.SAYS, **seals.SAYS, **accepted.SAYS, **joins.SAYS, **open_work.SAYS,
    claims.CLAIMED: claims.SAYS,
    **unreadable.SAYS,
    auditor.STUCK: "what is under way moves",
}


def as_text(report: Report) -> str:
    """Every promise with its verdict, then what broke it, then the notes."""
    lines = []
    for check in report.checks:
        broken = report.counts.get(check, 0)
        lines.append(f"{'FAIL' if broken else 'ok':<5} {check:<24} {SAYS[check]}" + (f": {broken}" if broken else ""))
    for finding in report.findings:
        lines += _lines_of(finding)
    lines += [f"note  {note}" for note in report.notes]
    seen = [*report.figures.items(), *((f"{of}s walked", count) for of, count in report.looked.items())]
    looked = ", ".join(f"{count:,} {name}" for name, count in seen)
    if report.since:
        lines.append(f"note  only what changed since {report.since} was walked; --full walks everything")
    verdict = "clean" if report.clean else f"{sum(report.counts.values())} violations of {len(report.counts)} promises"
    over = f" over {looked}" if looked else ""
    lines.append(f"{verdict}: {len(report.checks)} checks{over} in {report.seconds:.1f} s")
    return "\n".join(lines)


def _lines_of(finding: Finding) -> list[str]:
    """Which row, what was expected and found, since when, and why, as far as that is known."""
    since = f", since {finding.since}" if finding.since else ""
    lines = [
        f"      {finding.check} in {finding.where}: {finding.what}   [{finding.id}]",
        f"          expected {finding.expected}, found {finding.actual}{since}",
    ]
    return [*lines, f"          likely {finding.cause}"] if finding.cause else lines


def as_json(report: Report) -> dict[str, object]:
    """One object with all of it; each finding has the id by which `settle verify --explain` shows it."""
    findings = [{"id": finding.id, **asdict(finding)} for finding in report.findings]
    return {"clean": report.clean, **asdict(report), "findings": findings}
