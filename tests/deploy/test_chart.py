"""The chart: what a template may not get wrong, and (slow) what Helm makes of it, held to Kubernetes' schemas."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.runtime.ground.settings import Settings
from services.runtime.rpc.server import CUT_OFF_SECONDS_MAX, HARD_EXIT_MARGIN_SECONDS
from tests.deploy import go_tools
from tests.deploy.configured import unknown
from tests.deploy.image import ROOT
from tests.deploy.test_image import MODULES

CHART = ROOT / "deploy" / "chart"
TEMPLATES = sorted((CHART / "templates").iterdir())
SPARE_SECONDS = 10
STAGES = ("dev", "staging", "production")
PARTS = (CHART / "templates" / "_parts.tpl").read_text(encoding="utf-8")
VERSION = "1.30"
"""Of Kubernetes, the newest whose schemas kubectl-validate has; a Helm built from its module knows an old one."""
PINNED = ["--set", "image.digest=sha256:" + "a" * 64, "--kube-version", VERSION]


def _values(name: str = "") -> dict[str, Any]:  # Any: the values of a YAML file
    said: dict[str, Any] = yaml.safe_load((CHART / f"values{name}.yaml").read_text(encoding="utf-8"))
    return said


def _paths(values: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield before
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _paths(value, (*before, name))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_sets_only_what_there_is(stage: str) -> None:
    """A misspelt value would be ignored."""
    known = set(_paths(_values()))

    assert [path for path in _paths(_values(f"-{stage}")) if path not in known] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: file.name)
def test_templates_ask_for_values_that_there_are(template: Path) -> None:
    """By their whole path, so far as it is written out."""
    known = set(_paths(_values()))
    text = template.read_text(encoding="utf-8")

    asked = {tuple(path.split(".")) for path in re.findall(r"\.Values\.([\w.]+)", text)}

    assert [path for path in asked if path not in known] == []
    assert unknown(re.findall(r"\bSETTLE_[A-Z_]+[A-Z]\b", text)) == []


def test_modules_and_secrets() -> None:
    """Each service is a module that the image has, and its secret a name, never a value."""
    services = _values()["services"]

    assert {service["module"] for service in services.values()} < set(MODULES)
    assert all(re.fullmatch(r"settlement-[a-z-]+", service["secret"]) for service in services.values())
    assert not re.search(r"kind: Secret\b", "".join(file.read_text() for file in TEMPLATES))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_speaks_as_its_profile_demands(stage: str) -> None:
    """In production nothing goes in clear text: what the chart says of TLS and Kafka is what a process starts with."""
    values = _values() | _values(f"-{stage}")
    tls, kafka = ({**_values()[part], **values[part]} for part in ("tls", "kafka"))
    environ = {"SETTLE_PROFILE": values["profile"], "SETTLE_KAFKA_SECURITY": kafka["security"]}
    environ |= {"SETTLE_KAFKA_MECHANISM": kafka["mechanism"]}
    if tls["enabled"]:
        environ |= dict(re.findall(r"name: (SETTLE_TLS_(?:CA|CERTIFICATE|KEY)), value: (\S+)}", PARTS))
    environ |= {"SETTLE_DSN": "postgresql://settle_order@postgres/order?sslmode=verify-full"}

    settings = Settings.from_environ(environ, "order")

    settings.refuse_clear_text()
    assert (settings.profile == "production") == (stage != "dev")
    assert (len({settings.tls_ca, settings.tls_certificate, settings.tls_key}) == 3) == tls["enabled"]


def test_every_process_has_its_certificate_and_nobody_asks_it_for_one_that_has_none() -> None:
    """Settings, mount and volume stand in each template of pods; the kubelet probes by HTTP, or only connects."""
    for template in TEMPLATES:
        text = template.read_text(encoding="utf-8")
        if "containers:" in text:
            assert re.search(r'include "(shared|certified)"', text), template.name
            assert text.count('include "mounts"') == text.count('include "volumes"') == text.count("containers:")
            assert "grpc: {port" not in text, template.name


def test_a_pod_has_the_time_of_its_process() -> None:
    """What the chart adds to the time of draining is the sleep before it, and what a process that hangs takes to end
    itself, with some to spare; where nothing is said, the drain is the setting's own default."""
    [sleep] = re.findall(r"preStop: {sleep: {seconds: (\d+)}}", PARTS)
    [(default, more)] = re.findall(r'"SETTLE_DRAIN_SECONDS" \| default "(\d+)" \| float64 \| ceil \| add (\d+)', PARTS)

    assert int(default) == Settings("order").drain_seconds
    assert int(more) == int(sleep) + HARD_EXIT_MARGIN_SECONDS + SPARE_SECONDS
    assert HARD_EXIT_MARGIN_SECONDS > CUT_OFF_SECONDS_MAX
    assert sum('include "grace"' in file.read_text(encoding="utf-8") for file in TEMPLATES) == 2


@pytest.fixture(scope="module", params=STAGES)
def rendered(request: pytest.FixtureRequest) -> str:
    """What Helm makes of the chart with the values of a stage."""
    return _helm("template", "settlement", str(CHART), "--values", str(CHART / f"values-{request.param}.yaml"), *PINNED)


@pytest.mark.long
@pytest.mark.timeout(1800)
class TestRendered:
    """By Helm and kubectl-validate themselves; the first test builds them."""

    def test_helm_finds_nothing_wrong(self) -> None:
        """`helm lint --strict`."""
        for stage in STAGES:
            _helm("lint", "--strict", str(CHART), "--values", str(CHART / f"values-{stage}.yaml"), *PINNED)

    def test_kubernetes_would_take_it(self, rendered: str, tmp_path: Path) -> None:
        """Every object, by the schemas of its version and by KEDA's own definitions."""
        file = tmp_path / "rendered.yaml"
        file.write_text(rendered)
        definitions = go_tools.module(go_tools.KEDA) / "config" / "crd" / "bases"

        command = [go_tools.tool(go_tools.KUBECTL_VALIDATE), str(file), "--version", VERSION]
        command += ["--local-crds", str(definitions)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr

    def test_kubernetes_would_not_take_what_is_wrong(self, rendered: str, tmp_path: Path) -> None:
        """So that the test above can fail: one field misspelt."""
        file = tmp_path / "wrong.yaml"
        file.write_text(rendered.replace("readinessProbe:", "readynessProbe:"))
        definitions = go_tools.module(go_tools.KEDA) / "config" / "crd" / "bases"
        command = [go_tools.tool(go_tools.KUBECTL_VALIDATE), str(file), "--version", VERSION]
        command += ["--local-crds", str(definitions)]

        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert done.returncode != 0
        assert "readynessProbe" in done.stdout + done.stderr

    def test_grace_follows_the_drain(self) -> None:
        """Of all, or of one part alone."""
        said = ["--set-string", "env.SETTLE_DRAIN_SECONDS=45", "--set-string", "gateway.env.SETTLE_DRAIN_SECONDS=1.5"]
        rendered = _helm("template", "s", str(CHART), "--values", str(CHART / "values-staging.yaml"), *PINNED, *said)
        pods = {
            each["metadata"]["name"]: each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            for each in yaml.safe_load_all(rendered)
            if each["kind"] == "Deployment" and "lifecycle" in each["spec"]["template"]["spec"]["containers"][0]
        }

        assert {pods[name] for name in ("s-order", "s-credit-ledger", "s-card-redemption")} == {65}
        assert pods["s-gateway"] == 22

    def test_no_pod_may_do_more(self, rendered: str) -> None:
        """A numeric user, no capability, a read-only file system, no token, a bound of memory, and none of CPU."""
        pods = list(_pods(rendered))

        assert len(pods) >= 8
        for pod in pods:
            assert pod["securityContext"]["runAsNonRoot"]
            assert pod["securityContext"]["runAsUser"] >= 10_000
            assert pod["automountServiceAccountToken"] is False
            for container in pod["containers"]:
                confined = container["securityContext"]
                assert (confined["readOnlyRootFilesystem"], confined["capabilities"]) == (True, {"drop": ["ALL"]})
                assert "memory" in container["resources"]["limits"]
                assert "cpu" not in container["resources"]["limits"]
                assert container["image"].endswith("sha256:" + "a" * 64)

    def test_only_migrations_and_topics_come_first(self, rendered: str) -> None:
        """As hooks, which need nothing that the chart itself makes."""
        jobs = [each for each in yaml.safe_load_all(rendered) if each["kind"] == "Job"]

        assert len(jobs) == 4
        assert {job["metadata"]["annotations"]["helm.sh/hook"] for job in jobs} == {"pre-install,pre-upgrade"}
        assert {job["spec"]["template"]["spec"]["serviceAccountName"] for job in jobs} == {"default"}

    def test_scaling_asks_for_a_metric_that_there_is(self, rendered: str) -> None:
        """And its label is the part's name, which deployments have too."""
        objects = list(yaml.safe_load_all(rendered))
        names = {each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"}
        scaled = [each for each in objects if each["kind"] in ("ScaledObject", "HorizontalPodAutoscaler")]

        assert all(each["spec"]["scaleTargetRef"]["name"] in names for each in scaled)
        for each in scaled:
            if each["kind"] == "ScaledObject":
                query = each["spec"]["triggers"][0]["metadata"]["query"]
                part = each["metadata"]["name"].removeprefix("settlement-")
                assert query == f'sum(settle_kafka_lag_records{{component="{part}"}})'


def _helm(*arguments: str) -> str:
    done = subprocess.run([go_tools.tool(go_tools.HELM), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _pods(rendered: str) -> Iterator[dict[str, Any]]:
    for each in yaml.safe_load_all(rendered):
        if each["kind"] in ("Deployment", "Job"):
            yield each["spec"]["template"]["spec"]
