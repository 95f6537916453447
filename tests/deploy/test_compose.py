"""compose.yaml: every process of the engine and what it needs; nothing secret in it, no process that may do more."""

import asyncio
import json
import os
import re
import runpy
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml
from cryptography import x509
from jsonschema import Draft7Validator

from services.runtime.ground import grants
from services.runtime.ground.macs import Signer, Verifier
from services.runtime.ground.migrations import migrate
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates
from services.runtime.kafka.clients import security
from settle.local import certificates
from tests.deploy import go_tools
from tests.deploy.configured import unknown
from tests.deploy.image import ROOT
from tests.deploy.test_image import MODULES
from tests.settle.audit.scratch import server

FILE = ROOT / "deploy" / "compose.yaml"
ISSUER = {"SETTLE_IDENTITY_JWKS", "SETTLE_IDENTITY_ISSUER", "SETTLE_IDENTITY_AUDIENCE"}
"""What compose.yaml is told of whoever issues tokens: no secret, and nothing that could be made here."""
SERVICES = ("order", "credit-ledger", "card-redemption")
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

    assert started == set(MODULES) | {"settle.cli"}  # which makes the certificates
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
            if re.search(r"PASSWORD|_KEYS?$|DSN", name) and name != "SETTLE_TLS_KEY":  # which names a file
                assert "${SETTLE_" in text, name
    named = set(re.findall(r"\$\{(SETTLE_\w+)", FILE.read_text()))
    demanded = set(re.findall(r"\$\{(SETTLE_\w+):\?", FILE.read_text()))
    assert named - demanded == {"SETTLE_IDENTITY_AUDIENCE"}  # it has a default that everybody may know


def test_secrets_are_made_once_and_for_nobody_else(tmp_path: Path, compose: dict[str, Any]) -> None:
    """All that compose.yaml asks for, in a file of mode 0600 that a second call leaves alone."""
    script = tmp_path / "new_secrets.py"
    script.write_bytes((ROOT / "deploy" / "compose" / "new_secrets.py").read_bytes())

    for _ in range(2):
        subprocess.run([sys.executable, str(script)], check=True, capture_output=True)

    file = tmp_path / "secrets.env"
    made = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert set(re.findall(r"\$\{(SETTLE_\w+)", FILE.read_text())) == set(made) | ISSUER
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(set(made.values())) == len(made)
    settings = Settings.from_environ(made | {"SETTLE_PROFILE": "production"}, "order")
    assert len(settings.key("quote")) == len(settings.keys("card")[1]) == 32


@pytest.fixture
def told(tmp_path: Path, compose: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What each process of ours is told, with secrets as they are made and certificates as they are made there."""
    made = runpy.run_path(str(ROOT / "deploy" / "compose" / "new_secrets.py"))["made"]()
    made |= {"SETTLE_IDENTITY_JWKS": "https://identity.test/keys", "SETTLE_IDENTITY_ISSUER": "https://identity.test"}
    command = compose["services"]["certificates"]["command"]
    hosts = [command[number + 1] for number, word in enumerate(command) if word == "--host"]
    certificates.make(tmp_path / "certificates", hosts=hosts, shared=True)

    def filled(text: str) -> str:
        text = re.sub(r"\$\{(\w+)(?::[?-]([^}]*))?\}", lambda found: made.get(found[1], found[2] or ""), text)
        return text.replace("/certificates/", f"{tmp_path}/certificates/")

    return {
        name: {key: filled(str(text)) for key, text in service["environment"].items()}
        for name, service in compose["services"].items() if name not in FOREIGN
    }


def test_each_process_can_start_in_production(told: dict[str, dict[str, str]]) -> None:
    """Nothing in clear text, keys for all that it signs and seals, callers that it can know, files that are there."""
    for name in (*SERVICES, *(f"migrate-{service}" for service in SERVICES), "topics", "gateway", "auditor"):
        service = name.removeprefix("migrate-").replace("-", "_").replace("auditor", "audit")
        settings = Settings.from_environ(told[name], service)
        settings.refuse_clear_text(database=name not in ("gateway", "topics", "auditor"), kafka=name != "gateway")
        assert Certificates.of(settings) is not None
        settings.check_identity()
        assert security(settings)["security_protocol"] == "SSL"
        if name in SERVICES:
            assert Verifier(settings)
            assert len(settings.chain_key) == len(settings.key("quote")) == 32
        if name in (*SERVICES, "auditor"):
            assert Signer(settings)
    for sandbox in ("acquirer", "verifier"):
        assert Certificates.of(Settings.from_environ(told[sandbox], sandbox)) is not None


def test_everybody_is_who_others_call(told: dict[str, dict[str, str]], compose: dict[str, Any]) -> None:
    """A certificate names the host under which others look for it; and whoever shows one may call."""
    folder = Path(told["order"]["SETTLE_TLS_CA"]).parent
    hosts = {"postgres": "postgres", **{f"kafka-{number}": "kafka" for number in range(3)}}
    for name, text in told["order"].items():
        if name.endswith("_TARGET"):
            host = text.removeprefix("dns:///").rpartition(":")[0]
            hosts[host] = Path(told[host]["SETTLE_TLS_CERTIFICATE"]).stem
    for host, name in hosts.items():
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert host in names.get_values_for_type(x509.DNSName), host
    callers = set(told["order"]["SETTLE_TLS_PEERS"].split(","))
    assert {Path(environ["SETTLE_TLS_CERTIFICATE"]).stem for name, environ in told.items() if "SETTLE_KAFKA" in environ
            } == callers
    brokers = [service["environment"] for name, service in compose["services"].items() if name.startswith("kafka-")]
    assert {(each["KAFKA_SSL_CLIENT_AUTH"], "SECURED:SSL" in each["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"])
            for each in brokers} == {("required", True)}


def test_keys_are_for_their_group_at_most(told: dict[str, dict[str, str]]) -> None:
    """And the authority's for its owner alone."""
    folder = Path(told["order"]["SETTLE_TLS_CA"]).parent
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.glob("*.key")}

    assert (modes.pop("ca.key"), set(modes.values())) == (0o600, {0o640})


@pytest.mark.end_to_end
async def test_roles_have_what_they_need_and_no_more() -> None:
    """On a real server: owners migrate, services work, the auditor reads; and nobody does anything else."""
    with server() as dsn:
        port = urlsplit(dsn).port
        passwords = {name: text for name, text in told_to_postgres().items() if name.startswith("SETTLE_")}
        environ = os.environ | passwords | {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "postgres"}
        if shutil.which("psql") is None:
            pytest.skip("there is no psql")
        script = ROOT / "deploy" / "compose" / "databases.sh"
        await asyncio.to_thread(subprocess.run, ["sh", str(script)], env=environ, check=True, timeout=60)
        owner = f"postgresql://settle_order_owner@127.0.0.1:{port}/order"
        role = f"postgresql://settle_order@127.0.0.1:{port}/order"
        await migrate(owner, [ROOT / "services" / "order" / "migrations"])
        await grants.grant(owner, "settle_order", [ROOT / "services" / "order" / "migrations"])
        own, auditor = await asyncpg.connect(role), await asyncpg.connect(owner.replace("order_owner", "auditor"))
        await own.execute("insert into runtime_facts (name, value) values ('a', 'b')")
        assert await auditor.fetchval("select value from runtime_facts where name = 'a'") == "b"
        for who, forbidden in ((own, "delete from journals"), (auditor, "delete from runtime_facts")):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await who.execute(forbidden)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(role.replace("/order", "/credit_ledger"))
        has = await auditor.fetchval("select has_database_privilege('public', 'order', 'connect')")
        await own.close()
        await auditor.close()
    assert has is False


def told_to_postgres() -> dict[str, str]:
    """The passwords that its script is given."""
    made: dict[str, str] = runpy.run_path(str(ROOT / "deploy" / "compose" / "new_secrets.py"))["made"]()
    return made


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
