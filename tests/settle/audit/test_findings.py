"""A finding names its row, keeps its id, and is told once."""

from dataclasses import replace

from settle.audit import telling
from settle.audit.findings import CARD, CREDIT, EXAMPLES_MAX, Finding, Report

SEEN = Finding("accounts.log", CREDIT, "credit_accounts acc_1", "3", "2", "2026-01-02T02:00:00Z", "a row was deleted")


def test_a_finding_keeps_its_id() -> None:
    """It hangs on the check, the database and the row, not on what is found there at the time."""
    assert replace(SEEN, actual="1", since="", cause="").id == SEEN.id
    assert replace(SEEN, what="credit_accounts acc_2").id != SEEN.id
    assert replace(SEEN, where=CARD).id != SEEN.id


def test_what_is_found_twice_is_counted_once() -> None:
    """Slices overlap, and a walk may be asked again about the same account."""
    report = Report()

    report.add(SEEN.check, [SEEN])
    report.add(SEEN.check, [replace(SEEN, actual="1"), replace(SEEN, what="credit_accounts acc_2")])

    assert report.counts == {SEEN.check: 2}
    assert [finding.what for finding in report.findings] == ["credit_accounts acc_1", "credit_accounts acc_2"]


def test_many_findings_are_counted_and_a_few_kept() -> None:
    """Memory stays flat where everything is broken."""
    report = Report()

    for first in range(0, 1_000, 100):
        report.add(SEEN.check, [replace(SEEN, what=f"credit_accounts acc_{first + n}") for n in range(100)])

    assert len(report.findings) == EXAMPLES_MAX
    assert report.counts[SEEN.check] >= 1_000


def test_the_last_line_says_over_what() -> None:
    """Where anything was looked at."""
    of_nothing, of_some = Report(checks=[SEEN.check]), Report(checks=[SEEN.check], figures={"settlements": 1_000})

    assert telling.as_text(of_nothing).endswith("\nclean: 1 checks in 0.0 s")
    assert telling.as_text(of_some).endswith("\nclean: 1 checks over 1,000 settlements in 0.0 s")


def test_text_and_json_say_all_of_a_finding() -> None:
    """Which row, what was expected, what is there, since when, why, and under which id more is told."""
    report = Report()
    report.add(SEEN.check, [SEEN])

    text, said = telling.as_text(report), telling.as_json(report)

    for word in (SEEN.what, "expected 3, found 2", SEEN.since, SEEN.cause, SEEN.id):
        assert word in text
    assert said["findings"] == [{
        "id": SEEN.id, "check": SEEN.check, "where": CREDIT, "what": SEEN.what, "expected": "3", "actual": "2",
        "since": SEEN.since, "cause": SEEN.cause,
    }]
