"""compose.yaml: every process of the engine and what it needs; nothing secret in it, no process that may do more."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from services.runtime.ground.settings import Settings
from tests.deploy import go_tools
from tests.deploy.configured import unknown
from tests.deploy.image import ROOT
from tests.deploy.test_image import MODULES

FILE = ROOT / "deploy" / "compose.yaml"
FOREIGN = {"postgres", "kafka-0", "kafka-1", "kafka-2", "prometheus", "grafana"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:  # Any: the values of a YAML file
    """What the file says, its anchors and merges resolved."""
    said: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return said


def test_every_process_of_the_engine_is_there(compose: dict[str, Any]) -> None:
    """By its module, from the one image, and three brokers of which two have to have each record."""
    started = {service["command"][1] for name, service in compose["services"].items() if name not in FOREIGN}
    brokers = [service for name, service in compose["services"].items() if name.startswith("kafka-")]

    assert started == set(MODULES)
    assert len({broker["environment"]["KAFKA_NODE_ID"] for broker in brokers}) == 3
    assert {broker["environment"]["KAFKA_MIN_INSYNC_REPLICAS"] for broker in brokers} == {"2"}


def test_no_process_may_write_or_do_more(compose: dict[str, Any]) -> None:
    """Read-only, without capabilities; only what people look at is open, and only to this machine."""
    ours = {name: service for name, service in compose["services"].items() if name not in FOREIGN}

    assert {(s["read_only"], *s["cap_drop"], *s["security_opt"]) for s in ours.values()} == {
        (True, "ALL", "no-new-privileges:true")
    }
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_who_waits_for_whom(compose: dict[str, Any]) -> None:
    """What runs on is healthy, what runs once has ended well, before whoever needs it starts."""
    for name, service in compose["services"].items():
        for needed, how in service.get("depends_on", {}).items():
            once = compose["services"][needed].get("restart") == "no"
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert how == {"condition": wanted}, f"{name} needs {needed}"
            assert once or "healthcheck" in compose["services"][needed], needed


def test_settings_are_those_that_processes_read(compose: dict[str, Any]) -> None:
    """A misspelt one would be ignored; a value that is refused would stop the start."""
    for name, service in compose["services"].items():
        if name in FOREIGN:
            continue
        environ = {key: re.sub(r"\$\{[^}]*\}", "0" * 64, str(text)) for key, text in service["environment"].items()}
        assert unknown(environ) == []
        keys = environ.get("SETTLE_CARD_KEYS")
        settings = Settings.from_environ(environ | ({"SETTLE_CARD_KEYS": f"1:{keys}"} if keys else {}), "order")
        assert keys is None or settings.profile == "production"


def test_no_secret_stands_in_it(compose: dict[str, Any]) -> None:
    """Passwords and keys come from the environment, and compose refuses to start without them."""
    for service in compose["services"].values():
        for name, text in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD|_KEYS?$|DSN", name):
                assert "${SETTLE_" in text, name
    named = set(re.findall(r"\$\{(SETTLE_\w+)", FILE.read_text()))
    demanded = set(re.findall(r"\$\{(SETTLE_\w+):\?", FILE.read_text()))
    assert named == demanded


def test_secrets_are_made_once_and_for_nobody_else(tmp_path: Path, compose: dict[str, Any]) -> None:
    """All that compose.yaml asks for, in a file of mode 0600 that a second call leaves alone."""
    script = tmp_path / "new_secrets.py"
    script.write_bytes((ROOT / "deploy" / "compose" / "new_secrets.py").read_bytes())

    for _ in range(2):
        subprocess.run([sys.executable, str(script)], check=True, capture_output=True)

    file = tmp_path / "secrets.env"
    made = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert set(re.findall(r"\$\{(SETTLE_\w+)", FILE.read_text())) == set(made)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(made.values())) == len(made)
    settings = Settings.from_environ(made | {"SETTLE_PROFILE": "production"}, "order")
    assert len(settings.key("quote")) == len(settings.keys("card")[1]) == 32


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_what_it_mounts_is_there(compose: dict[str, Any], name: str) -> None:
    """Files and folders of the checkout."""
    for volume in compose["services"][name]["volumes"]:
        source = volume.split(":")[0]
        assert not source.startswith(".") or (FILE.parent / source).exists(), source


@pytest.mark.long
def test_compose_itself_takes_it(compose: dict[str, Any]) -> None:
    """By the schema of the compose specification, which comes with its Go module."""
    schema = json.loads((go_tools.module(go_tools.COMPOSE) / "schema" / "compose-spec.json").read_text())

    errors = [f"{list(error.path)}: {error.message}" for error in Draft7Validator(schema).iter_errors(compose)]

    assert errors == []
