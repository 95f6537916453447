"""The command line keeps its contract: which verbs there are, what they print where, and what they return."""

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from settle.cli.app import app
from settle.local import children, folder
from settle.local.endpoints import read_endpoints, write_endpoints

ROOT = Path(__file__).resolve().parents[3]
READ = re.compile(r"""environ(?:\.get\(|\[)"(SETTLE_[A-Z_]+)"|\$\{(SETTLE_[A-Z_]+)""")
VERBS = [
    "up", "down", "status", "logs", "doctor", "demo", "test", "bench", "verify", "vectors", "sagas", "parked", "events"
]


def test_every_verb_is_there() -> None:
    """The help names each of them."""
    said = CliRunner().invoke(app, ["--help"]).output

    assert [verb for verb in VERBS if verb not in said] == []


def test_what_a_verb_does_is_one_line() -> None:
    """The help shows the first paragraph of its docstring, broken where the source was: exit statuses come below it."""
    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    verbs = [command.callback for group in groups if group for command in group.registered_commands]

    said = {verb.__name__: (inspect.getdoc(verb) or "").partition("\n\n")[0] for verb in verbs if verb}

    assert len(said) > len(VERBS) - 3
    assert [name for name, text in said.items() if "\n" in text] == []


def _shown() -> list[str]:
    """Every call of `settle` in what the pages show as lines for a shell."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)]
    calls = [call for block in blocks for line in block.splitlines() for call in line.partition("#")[0].split("&&")]
    return [call.strip() for call in calls if call.strip().startswith("./bin/settle ")]


@pytest.mark.parametrize("line", _shown())
def test_a_line_of_the_pages_is_a_call(line: str) -> None:
    """All that it needs is given, and nothing that there is not: who has nothing but the page types it as it stands."""
    words, command = shlex.split(line)[1:], get_command(app)
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]

    assert command.make_context(command.name, words).params


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


def test_an_engine_that_nobody_watches_is_not_healthy(tmp_path: Path) -> None:
    """Its services serve, but `settle up` was killed, and nobody would bring back what crashes: it was "healthy".

    Whoever holds the folder watches it, also a process that cannot be seen from here, as in another container.
    """
    server = grpc.server(ThreadPoolExecutor(1))
    answering = HealthServicer()
    answering.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(answering, server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    mine = {"pid": os.getpid(), "began": children.started_at(os.getpid())}
    engine = {"services": {"order": {"target": target, "dsn": ""}}, "processes": [{"name": "order", **mine}]}
    answers = []
    try:
        for watcher in (mine, {"pid": mine["pid"], "began": "1"}):
            write_endpoints(tmp_path, watcher | engine)
            answers.append(CliRunner().invoke(app, ["status", "--json", "--data", str(tmp_path)]))
        held = folder.claim(tmp_path)
        answers.append(CliRunner().invoke(app, ["status", "--json", "--data", str(tmp_path)]))
        held.release()
    finally:
        server.stop(None).wait()

    healthy = [(json.loads(done.stdout)["healthy"], done.exit_code) for done in answers]
    assert healthy == [(True, 0), (False, 1), (True, 0)]
    assert answers[0].stderr == answers[2].stderr == ""
    assert "nobody watches the engine" in answers[1].stderr
    assert "`settle down`" in answers[1].stderr


def test_doctor_prints_what_it_found_and_every_setting() -> None:
    """As one object, and nothing else on stdout."""
    done = CliRunner().invoke(app, ["doctor", "--json"])

    said = json.loads(done.stdout)
    assert {"Python", "uv", "PostgreSQL", "Java", "Maven", "broker"} <= set(said["found"])
    assert "SETTLE_DSN" in [row[0] for row in said["settings"]]


def test_doctor_lists_all_that_the_command_line_reads() -> None:
    """What the verbs set for their own processes is not the user's to set."""
    decided = {"SETTLE_LISTEN", "SETTLE_ACQUIRER_DATA", "SETTLE_ACQUIRER_CONFIRM", "SETTLE_PROFILE_MODULE",
               "SETTLE_AUDIT_DATA", "SETTLE_VERIFIER_DATA"}
    sources = [*(ROOT / "settle").rglob("*.py"), ROOT / "bin" / "bootstrap.py", ROOT / "bin" / "settle"]
    read = {name for path in sources for found in READ.findall(path.read_text()) for name in found if name}

    listed = {row[0] for row in json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)["settings"]}

    assert {"SETTLE_PG_BIN", "SETTLE_VENV", "SETTLE_PYTHON"} <= read
    assert read - decided <= listed


@pytest.mark.parametrize("dsn", [
    "postgresql://me:hunter2@db.example:5432/x", "postgresql://db.example/x?user=me&password=hunter2&sslmode=require",
])
def test_doctor_shows_no_password(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    """People paste what it prints."""
    monkeypatch.setenv("SETTLE_DSN", dsn)

    said = CliRunner().invoke(app, ["doctor"]).stdout

    assert "db.example" in said
    assert "hunter2" not in said


def test_down_where_nothing_runs_is_no_failure(tmp_path: Path) -> None:
    """To want it stopped and find it stopped is success."""
    done = CliRunner().invoke(app, ["down", "--data", str(tmp_path)])

    assert done.exit_code == 0
    assert "nothing runs here" in done.stderr


def test_down_after_a_killed_run_whose_processes_have_ended(tmp_path: Path) -> None:
    """It said "stopped" each time, though nothing was left to stop; neither is there anything that nobody watches."""
    gone = {"pid": 2**22 + 1, "began": "1"}
    write_endpoints(tmp_path, gone | {"services": {}, "processes": [{"name": "order", **gone}]})

    down, status = (CliRunner().invoke(app, [verb, "--data", str(tmp_path)]) for verb in ("down", "status"))

    assert (down.exit_code, down.stderr) == (0, f"nothing runs here: the engine in {tmp_path} is stopped\n")
    assert (status.exit_code, status.stderr) == (1, "")


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
