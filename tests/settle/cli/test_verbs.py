"""The command line keeps its contract: which verbs there are, what they print where, and what they return."""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from settle.cli.app import app
from settle.local import children
from settle.local.endpoints import read_endpoints, write_endpoints

ROOT = Path(__file__).resolve().parents[3]
VERBS = ["up", "down", "status", "logs", "doctor", "demo", "test", "bench", "verify", "vectors", "sagas", "parked",
         "events"]


def test_every_verb_is_there() -> None:
    """The help names each of them."""
    said = CliRunner().invoke(app, ["--help"]).output

    assert [verb for verb in VERBS if verb not in said] == []


def test_the_command_line_imports_no_engine() -> None:
    """What a verb needs is imported when it runs: the help does not wait for gRPC, Kafka or PostgreSQL."""
    code = (
        "import sys, settle.cli.app\n"
        "print(*[name for name in ('grpc', 'aiokafka', 'asyncpg', 'google.protobuf') if name in sys.modules])"
    )

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert said.strip() == ""


def test_status_of_nothing_is_one_object_and_a_failure(tmp_path: Path) -> None:
    """Scripts read stdout; the exit status says whether it is healthy."""
    done = CliRunner().invoke(app, ["status", "--json", "--data", str(tmp_path)])

    assert json.loads(done.stdout.splitlines()[-1]) == {"healthy": False, "services": {}, "processes": {}}
    assert done.exit_code == 1


def test_doctor_prints_what_it_found_and_every_setting() -> None:
    """As one object, and nothing else on stdout."""
    done = CliRunner().invoke(app, ["doctor", "--json"])

    said = json.loads(done.stdout)
    assert {"Python", "uv", "PostgreSQL", "Java", "Maven", "broker"} <= set(said["found"])
    assert "SETTLE_DSN" in [row[0] for row in said["settings"]]


def test_down_where_nothing_runs_is_no_failure(tmp_path: Path) -> None:
    """To want it stopped and find it stopped is success."""
    done = CliRunner().invoke(app, ["down", "--data", str(tmp_path)])

    assert done.exit_code == 0
    assert "nothing runs here" in done.stderr


def test_down_ends_what_a_killed_run_left_and_nobody_else(tmp_path: Path) -> None:
    """Ids are used again: only the process that began then is ended."""
    left = children.start("left", ["sleep", "60"])
    stranger = children.start("stranger", ["sleep", "60"])
    processes = [
        {"name": "left", "pid": left.pid, "began": children.started_at(left.pid), "interrupt": 15},
        {"name": "stranger", "pid": stranger.pid, "began": "1", "interrupt": 15},
    ]
    write_endpoints(tmp_path, {"pid": 0, "began": "", "processes": processes})
    try:
        done = CliRunner().invoke(app, ["down", "--data", str(tmp_path)])

        assert done.stderr.strip() == "stopped; ended by id: left"
        assert left.process.wait(5) == -15
        assert stranger.running
    finally:
        stranger.kill()
        left.kill()


def test_up_on_data_in_use_is_refused_in_one_line(tmp_path: Path) -> None:
    """The engine that runs is left alone."""
    supervisor = os.getppid()
    write_endpoints(tmp_path, {"pid": supervisor, "began": children.started_at(supervisor), "processes": []})

    done = subprocess.run(
        [sys.executable, "-m", "settle.cli", "up", "--data", str(tmp_path)], capture_output=True, text=True,
        check=False, cwd=ROOT,
    )

    assert done.returncode == 2
    assert done.stderr == f"settle: the engine runs already (process {supervisor}); `settle down` stops it\n"
    said = read_endpoints(tmp_path)
    assert said is not None
    assert said["pid"] == supervisor


def test_logs_carry_the_name_of_their_process(tmp_path: Path) -> None:
    """The last lines of each, prefixed."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "order.log").write_text("one\ntwo\n")

    done = CliRunner().invoke(app, ["logs", "--lines", "1", "--data", str(tmp_path)])

    assert done.stdout.strip() == "order | two"
