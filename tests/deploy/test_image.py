"""The image: what its Dockerfile says, and (slow) what comes of its lines when they are carried out."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from settle.local import ports
from settle.local.endpoints import serving
from settle.local.stack import LocalStack
from tests.deploy.image import DOCKERFILE, ROOT, Stage, build, instructions, sent

INSTALLERS = ("pip", "setuptools", "wheel", "ensurepip")
MODULES = {
    "gateway": "gateway cannot start: SETTLE_ORDER_TARGET is not set",
    "settle.audit": "auditor cannot start: SETTLE_AUDIT_DATA", "settle.local.topics": "SETTLE_KAFKA",
    "settle.local.acquirer": "acquirer cannot start: SETTLE_ACQUIRER_DATA",
    "settle.local.verifier": "verifier cannot start: SETTLE_VERIFIER_DATA", "services.order": "no database at",
    "services.credit_ledger": "no database at", "services.card_redemption": "no database at",
}
"""Every module that a deployment starts, and what it says where it is given nothing."""
READY_SECONDS_MAX = 60.0


def _stages() -> list[list[tuple[str, str]]]:
    stages: list[list[tuple[str, str]]] = []
    for word, said in instructions(DOCKERFILE.read_text(encoding="utf-8")):
        if word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((word, said))
    return stages


def test_the_last_stage_runs_as_a_number_and_installs_nothing() -> None:
    """A numeric user, so that a cluster can see that it is not root; a list as entry point, so that signals arrive."""
    last = _stages()[-1]

    said = dict(last)
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", said["USER"])
    assert said["ENTRYPOINT"].startswith("[")
    assert [what for word, what in last if word == "COPY" and not what.startswith("--from=")] == []
    assert all("uninstall" in what for word, what in last if word == "RUN")
    assert "-O" not in (said["ENTRYPOINT"] + said["CMD"]).split('"'), "assertions hold the laws of money"
    assert "PYTHONOPTIMIZE" not in said["ENV"]


def test_everything_is_installed_by_its_hash() -> None:
    """No package without a hash, none that has to be compiled."""
    installing = [what for stage in _stages() for word, what in stage if word == "RUN" and " install " in what]

    assert len(installing) == 1
    assert {"--require-hashes", "--only-binary=:all:"} <= set(installing[0].split())


NOT_SENT = ("tests", ".git", ".venv", "README.md", ".run", "deploy/chart", "requirements/dev.lock")


@pytest.mark.parametrize("path", NOT_SENT)
def test_the_builder_is_sent_what_it_needs(path: str) -> None:
    """Nothing else of the checkout."""
    assert not sent(path)


@pytest.fixture(scope="module")
def image() -> Iterator[Stage]:
    """The last stage, in a folder that every user may read."""
    folder = Path(tempfile.mkdtemp(prefix="settle-image-"))
    folder.chmod(0o755)
    outside = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))}
    try:
        yield build(folder, outside | {"XDG_CONFIG_HOME": str(Path("~/.config").expanduser())})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
@pytest.mark.end_to_end
@pytest.mark.timeout(900)
class TestCarriedOut:
    """The lines as they stand there."""

    def test_no_installer_is_left(self, image: Stage) -> None:
        """Neither beside the interpreter nor in the environment."""
        for python in ("/usr/local/bin/python", "/opt/settlement/venv/bin/python"):
            code = f"import importlib.util as i; print([n for n in {INSTALLERS[:3]} if i.find_spec(n)])"
            done = _run(image, [str(image.path(python)), "-c", code])
            assert (done.stdout, done.stderr) == ("[]\n", "")

    def test_a_service_runs_from_it_and_writes_nothing(self, image: Stage) -> None:
        """With the image's own environment and command, beside an engine whose own process of the service has ended."""
        folder = Path(tempfile.mkdtemp(prefix="settle-image-run-"))
        try:
            with LocalStack(folder / ".run", durable=False, supervise=False) as stack:
                seat = stack.seats["order"]
                stack.kill("order", revive=False)
                before = _files(image.root)
                listen, metrics = (f"{ports.HOST}:{port}" for port in ports.free_ports(2))
                given = {name: text for name, text in seat.environ.items() if name.startswith("SETTLE_")}
                given |= {"SETTLE_LISTEN": listen, "SETTLE_METRICS_LISTEN": metrics, "SETTLE_MIGRATIONS": "await"}
                given |= {"SETTLE_IDENTITY_JWKS": _readable(Path(given["SETTLE_IDENTITY_JWKS"]), image.root.parent)}
                with _service(image, given) as process:
                    deadline = time.monotonic() + READY_SECONDS_MAX
                    while not serving(listen):
                        assert process.poll() is None, "the service has ended"
                        assert time.monotonic() < deadline, "the service is not ready"
                        time.sleep(0.1)
                    process.terminate()
                    assert process.wait(30) == 0
                assert _files(image.root) == before
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @pytest.mark.parametrize("module", sorted(MODULES))
    def test_every_process_is_in_it(self, image: Stage, module: str) -> None:
        """What compose.yaml and the chart start; each ends with a word on what it is not given."""
        done = _run(image, ["python", "-m", module])
        assert done.returncode != 0
        assert MODULES[module] in done.stderr
        assert "Traceback" not in done.stderr


def _run(image: Stage, command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, env=image.environment(), cwd=image.path(image.workdir), capture_output=True, text=True, check=False,
        timeout=60,
    )


def _readable(keys: Path, folder: Path) -> str:
    """A copy of public keys, for another user: those of a data folder are their owner's alone."""
    copy = folder / keys.name
    shutil.copyfile(keys, copy)
    copy.chmod(0o644)
    return str(copy)


def _service(image: Stage, given: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """The image's command as its user, where this machine lets another user reach its interpreter."""
    uid, gid = map(int, image.user.split(":"))
    python = image.path("/opt/settlement/venv/bin/python").resolve()
    reachable = all(folder.stat().st_mode & 0o001 for folder in python.parents)
    other = os.getuid() == 0 and reachable
    program = image.path("/opt/settlement/venv/bin/python")
    return subprocess.Popen(
        [str(program), *image.command[1:]], env=image.environment() | dict(given), cwd=image.path(image.workdir),
        user=uid if other else None, group=gid if other else None, extra_groups=[] if other else None,
    )


def _files(root: Path) -> set[tuple[str, int, int]]:
    return {(str(f), f.lstat().st_size, f.lstat().st_mtime_ns) for f in root.rglob("*") if not f.is_dir()}


def test_the_dockerfile_names_no_path_that_is_not_there() -> None:
    """Each COPY of the checkout finds something."""
    copied = [what.split()[0] for word, what in instructions(DOCKERFILE.read_text()) if word == "COPY"]
    assert [path for path in copied if not path.startswith("--") and not (ROOT / path).exists()] == []
