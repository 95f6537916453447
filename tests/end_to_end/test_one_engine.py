"""Two starts in one folder, for real: one runs, the other says so, and nothing of the first is touched (F8, F9)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]


@pytest.fixture
def data() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach; whatever runs there is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="settle-one-"))
    folder.chmod(0o755)
    yield folder
    ran(folder, "down")
    shutil.rmtree(folder, ignore_errors=True)


def began(data: Path, *verb: str) -> "subprocess.Popen[str]":
    """The verb as a process."""
    command = [sys.executable, "-P", "-m", "settle.cli", *verb, "--data", str(data)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]", seconds: float = 200.0) -> tuple[str, int]:
    """What it says on stderr until its end, and its exit status."""
    return process.communicate(timeout=seconds)[1], process.returncode


def ran(data: Path, *verb: str) -> tuple[str, int]:
    """The verb, at most a minute."""
    return ended(began(data, *verb), 60.0)


def test_two_starts_at_once_and_one_more_later(data: Path) -> None:
    """Both failed after 140 s; a later one in the background emptied the log of the one that ran. A killed engine's
    folder is free at once, and the next start ends what was left."""
    both = [began(data, "up", "--detach", "--broker", "embedded") for _ in range(2)]
    winner, loser = sorted((ended(process) for process in both), key=lambda end: end[1])
    running = json.loads((data / "endpoints.json").read_text())
    log = (data / "up.log").read_text()
    refusal = (f"settle: the engine runs already (process {running['pid']}); `settle down` stops it\n", 2)
    assert winner[1] == 0, winner
    assert loser == refusal

    for options in (("--detach",), ()):
        assert ended(began(data, "up", *options), 10.0) == refusal
    assert (data / "up.log").read_text().startswith(log)
    assert json.loads((data / "endpoints.json").read_text()) == running
    assert ran(data, "status") == ("", 0)

    os.kill(running["pid"], signal.SIGKILL)
    again = ended(began(data, "up", "--detach", "--broker", "embedded"))
    assert again[1] == 0, again
    assert "left behind by a killed run" in (data / "up.log").read_text()
    assert ran(data, "down") == ("stopped\n", 0)
    assert ran(data, "sagas", "list") == (f"settle: no engine runs in {data}; `settle up` starts it\n", 2)
