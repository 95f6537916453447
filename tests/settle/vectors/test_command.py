"""`settle vectors run` as a contract: what it prints, and its exit status. Cases without an engine."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli.vectors import app
from settle.client.engine import Engine
from settle.vectors.runner import run
from settle.vectors.scenario import Json, Scenario

GOOD: Json = {
    "id": "S1", "kind": "schedule", "given": {"principal": 100, "n": 3, "fee_ppm": 0}, "when": [],
    "then": {"principal": [33, 33, 34]},
}  # fmt: skip


def written(folder: Path, *cases: Json, form: str = "settlement-scenarios/1") -> str:
    """A scenario file with these cases."""
    file = folder / f"cases-{len(cases)}.json"
    file.write_text(json.dumps({"meta": {"format": form}, "policies": {}, "cases": cases}))
    return str(file)


def test_everything_passes(tmp_path: Path) -> None:
    """Only the closing line, status 0."""
    said = CliRunner().invoke(app, ["run", written(tmp_path, GOOD)])

    assert (said.stdout, said.exit_code) == ("1 passed, 0 failed\n", 0)


def test_failures_are_told_in_the_page_s_words(tmp_path: Path) -> None:
    """One line for each failing case, over all files together; what is not built fails."""
    wrong = {**GOOD, "id": "S2", "then": {"fee": [0, 0, 0], "principal": [33, 34, 33]}}
    unknown = {**GOOD, "id": "S3", "kind": "teleport"}
    misshapen = {**GOOD, "id": "S4", "given": {"n": 1}}

    said = CliRunner().invoke(app, ["run", written(tmp_path, GOOD), written(tmp_path, wrong, unknown, misshapen)])

    assert said.stdout.splitlines() == [
        "FAIL S2 principal[1]: expected 34, actual 33",
        "FAIL S3 error: teleport is not built",
        "FAIL S4 error: KeyError 'principal'",
        "1 passed, 3 failed",
    ]
    assert said.exit_code == 1


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"cases": []}', '{"meta": {"format": "other/1"}, "cases": []}', '{"meta": {}}']
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: str) -> None:
    """Its cases do not exist, the others are played, the status says so."""
    bad = tmp_path / "bad.json"
    bad.write_text(content)

    said = CliRunner().invoke(app, ["run", str(bad), str(tmp_path / "none.json"), written(tmp_path, GOOD)])

    assert (said.stdout, said.exit_code) == ("1 passed, 0 failed\n", 1)
    assert "bad.json" in said.stderr
    assert "none.json" in said.stderr


@pytest.mark.parametrize(("file", "why"), [
    ("none.json", "No such file or directory"), (".", "Is a directory"), ("bad.json", "is no JSON"),
    ("deep.json", "is no JSON"),
])
def test_no_file_to_play_at_all(tmp_path: Path, file: str, why: str) -> None:
    """Nothing was measured, so it is one line and status 2, as for everything that cannot run; it was 1."""
    (tmp_path / "bad.json").write_text("root:x:0")
    (tmp_path / "deep.json").write_text("[" * 100_000)

    said = CliRunner().invoke(app, ["run", str(tmp_path / file)])
    in_json = CliRunner().invoke(app, ["run", "--json", str(tmp_path / file)])

    assert (said.stdout, said.exit_code, said.stderr.count("\n")) == ("", 2, 1)
    assert why in said.stderr
    assert "Errno" not in said.stderr
    assert in_json.exit_code == 2
    assert len(json.loads(in_json.stdout)["unreadable"]) == 1


def test_json(tmp_path: Path) -> None:
    """One object, nothing else."""
    said = CliRunner().invoke(app, ["run", "--json", written(tmp_path, {**GOOD, "kind": "teleport"})])

    failures = [{"id": "S1", "failure": "error: teleport is not built"}]
    assert json.loads(said.stdout) == {"passed": 0, "failed": 1, "failures": failures, "unreadable": []}


async def test_an_unknown_event_fails_its_case_alone() -> None:
    """Nothing is skipped, and nothing else suffers."""
    engine = Engine(dict.fromkeys(("order", "credit_ledger", "card_redemption"), "127.0.0.1:9"))
    flow = {"limit": 1, "orders": []}
    cases = [
        Scenario(id=name, kind=kind, given=given, when=when, then=then, policies={})
        for name, kind, given, when, then in (
            ("C1", "credit_flow", flow, ({"type": "TELEPORT", "at": "2026-03-10T09:00:00Z"},), {}),
            ("C2", "credit_flow", flow, ({"type": "REPAY", "amount": 1},), {}),
            ("S1", "schedule", GOOD["given"], (), GOOD["then"]),
        )
    ]

    verdicts = await run(cases, engine)
    await engine.close()

    assert [verdict.failure for verdict in verdicts] == [
        "error: event TELEPORT is not built",
        "error: event 0 says no instant",
        "",
    ]
