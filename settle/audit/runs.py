"""One run after the other on an engine's data: what the last clean one looked at is spared, what was found is kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from settle.audit import auditor, mark, walks
from settle.audit.auditor import Asked
from settle.audit.changed import Place
from settle.audit.findings import Finding, Report
from settle.audit.mark import FOLDER, Mark, NoMark

FOUND = "findings.json"
ONLINE = "findings-online.json"


async def verify(data: Path, dsns: Mapping[str, str], asked: Asked, full: bool = False) -> Report:
    """Audit what changed since the last clean run on this data, or everything if it is `full`, or if what changed
    cannot be told; nothing that it saw may be gone. A clean run leaves its mark, each one its findings."""
    last: Mark | None = None
    note = ""
    try:
        last = mark.read(data, promises())
    except NoMark as why:
        note = f"everything was looked at, for {why}"
    spared = {} if full or last is None else last.places
    held = last.places if last else {}
    report, places = await auditor.audit_since(dsns, replace(asked, since=spared, held=held, placed=True))
    if note and not full:
        report.notes.append(note)
    if report.clean:
        at = datetime.now(UTC).isoformat()
        mark.write(data, Mark(places, promises(), last.full_at if last and report.since else at))
    keep(data / FOLDER / FOUND, report.findings)
    return report


def held(data: Path) -> Mapping[str, Place]:
    """Where the databases stood when they were clean last; nothing where nobody can say."""
    try:
        return mark.read(data, promises()).places
    except NoMark:
        return {}


def leave_mark(data: Path, places: Mapping[str, Place], began_at: datetime) -> None:
    """The mark of a clean round of the auditor that runs with the engine, unless a later one lies there."""
    try:
        if any(last.xmin > places[service].xmin for service, last in mark.read(data, promises()).places.items()):
            return
    except NoMark:
        pass  # whatever lies there is of no use to anybody
    mark.write(data, Mark(places, promises(), began_at.isoformat()))


def promises() -> str:
    """What is promised, in a few letters."""
    checks = [f"{check.id} {check.sql}" for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)]
    return mark.digest_of([*checks, *auditor.CROSS_CHECKS, *(walk.id for walk in walks.WALKS)])


def keep(file: Path, findings: list[Finding]) -> None:
    """Keep what was found, for `settle verify --explain`."""
    mark.write_own(file, json.dumps([asdict(finding) for finding in findings]))


def kept(data: Path, id_: str) -> Finding | None:
    """What was found under this id by the last run, or by the auditor that runs with the engine."""
    for name in (FOUND, ONLINE):
        try:
            said = json.loads((data / FOLDER / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        for finding in (Finding(**one) for one in said):
            if finding.id == id_:
                return finding
    return None
