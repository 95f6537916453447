"""Dashboards and alerts: every metric that they use exists, every alert has its runbook and its seeded fault."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY, generate_latest

import services.runtime.ground.metrics  # noqa: F401  # it fills the registry
from settle.audit import gauges
from tests.deploy import go_tools
from tests.deploy.image import ROOT

FOLDER = ROOT / "deploy" / "chart" / "observability"
ALERTS, PLAYED = FOLDER / "alerts.yaml", FOLDER / "alerts_test.yaml"
DASHBOARDS = sorted((FOLDER / "dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs" / "runbooks"
SEVERITIES = {"page", "ticket"}


def rules() -> list[dict[str, Any]]:  # Any: the values of a YAML file
    """All alerts."""
    [group] = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def _known() -> dict[str, set[str]]:
    """All series of the services, the gateway and the auditor, and the labels that each may have."""
    known: dict[str, set[str]] = {"up": set()}
    for registry in (REGISTRY, gauges.REGISTRY):
        for collector in registry._collector_to_names:
            labels = set(getattr(collector, "_labelnames", ()))
            for name in registry._collector_to_names[collector]:
                known[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return known


def _expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(_expressions()), ids=lambda given: str(given)[:40])
def test_every_metric_that_is_used_exists(where: str, expression: str) -> None:
    """With the labels by which it is told apart; `component` and `instance` are the scraper's."""
    known = _known()
    used = set(re.findall(r"\b(settle_\w+|up)\b", expression))
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    labels |= {name for names in re.findall(r"by \(([^)]*)\)", expression) for name in re.split(r",\s*", names)}

    assert used, where
    assert used - known.keys() == set()
    allowed = set.union(*(known[name] for name in used)) | {"component", "instance"}
    assert labels <= allowed, where


def test_every_metric_is_used_or_said_to_be_for_a_look() -> None:
    """A dashboard has each of them, so that nobody counts for nobody."""
    text = " ".join(expression for _, expression in _expressions())
    ours = {name for name in _declared() if not re.search(rf"\b{name}(_total|_bucket|_sum|_count)?\b", text)}

    assert ours == {"settle_audit_checks", "settle_audit_slices", "settle_audit_aggregates", "settle_audit_rounds",
                    "settle_audit_work_seconds", "settle_audit_faults"}


def test_the_metrics_stand_in_one_file() -> None:
    """The runtime's and the gateway's; a metric that is made elsewhere would be missed by whoever reads that file."""
    making = re.compile(r"\b(Counter|Gauge|Histogram|Summary)\(\s*\"")
    files = [*(ROOT / "services").rglob("*.py"), *(ROOT / "gateway").rglob("*.py"), *(ROOT / "settle").rglob("*.py")]
    makers = {str(file.relative_to(ROOT)) for file in files if making.search(file.read_text(encoding="utf-8"))}

    assert makers == {"services/runtime/ground/metrics.py", "settle/audit/gauges.py"}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """Which says what it means, what to look at and what to do."""
    names = {rule["alert"] for rule in rules()}

    assert {file.stem for file in RUNBOOKS.glob("*.md")} == names
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
        assert rule["labels"]["severity"] in SEVERITIES
        text = (RUNBOOKS / f"{rule['alert']}.md").read_text(encoding="utf-8")
        assert re.fullmatch(rf"# {rule['alert']}\n\n.+?\n\n## Look at\n\n.+\n\n## Do\n\n.+", text, re.DOTALL)


@pytest.mark.parametrize("file", sorted(RUNBOOKS.glob("*.md")), ids=lambda file: file.stem)
def test_what_a_runbook_names_is_there(file: Path) -> None:
    """Runbooks, metrics, settings, and verbs of the command."""
    text = file.read_text(encoding="utf-8")

    assert [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (file.parent / link).exists()] == []
    assert {name for name in re.findall(r"\b(settle_\w+)\b", text) if name not in _known()} == set()


def test_each_alert_is_played_in_a_fault() -> None:
    """`alerts_test.yaml` has for each of them a fault that lasts, and what it says then."""
    cases = yaml.safe_load(PLAYED.read_text(encoding="utf-8"))["tests"]
    firing = {
        test["alertname"] for case in cases for test in case["alert_rule_test"] if test.get("exp_alerts")
    }

    assert firing == {rule["alert"] for rule in rules()}


@pytest.mark.long
@pytest.mark.timeout(1800)
class TestByPromtool:
    """Prometheus' own judgement; the first test builds promtool."""

    def test_the_rules_are_rules(self) -> None:
        """Their syntax and their templates."""
        assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS))

    def test_the_faults_ring(self) -> None:
        """And nothing rings where all is well."""
        promtool("test", "rules", str(PLAYED))

    def test_names_are_as_prometheus_wants_them(self) -> None:
        """`promtool check metrics` on what a process shows."""
        shown = b"".join(generate_latest(registry) for registry in (REGISTRY, gauges.REGISTRY))
        ours = b"".join(line for line in shown.splitlines(keepends=True) if b"settle_" in line)
        command = [go_tools.tool(go_tools.PROMTOOL), "check", "metrics"]
        done = subprocess.run(command, input=ours, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def _declared() -> set[str]:
    collectors = {c for registry in (REGISTRY, gauges.REGISTRY) for c in registry._collector_to_names}
    names = {str(getattr(collector, "_name", "")) for collector in collectors}
    return {name for name in names if name.startswith("settle_")}


def promtool(*arguments: str) -> str:
    """What it says; a test is skipped where it cannot be built."""
    done = subprocess.run([go_tools.tool(go_tools.PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
