"""Every verb in every broken place: one clear line on stderr, exit status 2, at once, nothing changed (F12).

Before, these were tracebacks, a minute of silence, or exit status 0. No engine is started here.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from settle.cli.app import app
from settle.local import folder as folders
from settle.local import ports
from settle.local.endpoints import write_endpoints
from settle.local.postgres import DATABASES

ROOT = Path(__file__).resolve().parents[3]
HANGS_SECONDS = 60.0
"""A verb that takes so long hangs: a limit for the run, and no measure of the verb, which shares the machine."""
pytestmark = pytest.mark.timeout(HANGS_SECONDS)
WHO = ("--operator", "alice", "--reason", "why")
STARTING = [("up",), ("up", "--detach")]
ASKING = [
    ("verify",), ("logs",), ("sagas", "list"), ("sagas", "show", "order", "saga_1"),
    ("sagas", "retry", "order", "saga_1", *WHO), ("sagas", "abort", "order", "saga_1", *WHO),
    ("parked", "list"), ("parked", "retry", "order", "1", *WHO), ("parked", "discard", "order", "1", *WHO),
]
"""What needs an engine, or its data."""
ON_DATA = [*STARTING, *ASKING, ("status",), ("status", "--json"), ("down",)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb answered."""

    status: int
    stdout: str
    stderr: str

    @property
    def one_line(self) -> str:
        """The only line on stderr; asserts what holds of every refusal."""
        assert self.stderr.endswith("\n")
        assert self.stderr.count("\n") == 1, self.stderr
        assert self.stderr.startswith("settle: ")
        return self.stderr.removeprefix("settle: ").strip()


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the user's own environment; signal handlers that `up` sets are put back."""
    for name in [name for name in os.environ if name.startswith("SETTLE_")]:
        monkeypatch.delenv(name)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def ask(*arguments: str) -> Answer:
    """Run a verb, in this process: a second of imports for each would be too dear."""
    done = CliRunner().invoke(app, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Answer(done.exit_code, done.stdout, done.stderr)


def run(*arguments: str) -> Answer:
    """Run a verb as a process: what libraries print themselves counts too."""
    command = [sys.executable, "-P", "-m", "settle.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, stdin=subprocess.DEVNULL)
    return Answer(done.returncode, done.stdout, done.stderr)


def content(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# folders --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ON_DATA, ids=" ".join)
@pytest.mark.parametrize("where", ["file", "file/below", "circle"])
def test_a_place_that_is_no_folder(tmp_path: Path, verb: Sequence[str], where: str) -> None:
    """A file, below a file, a link to itself."""
    (tmp_path / "file").write_text("kept")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")

    answer = run(
        *verb, "--data", str(tmp_path / where)
    ) if "--detach" in verb else ask(*verb, "--data", str(tmp_path / where))

    assert (answer.status, str(tmp_path) in answer.one_line) == (2, True)
    assert answer.stdout == ""
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("verb", ASKING, ids=" ".join)
@pytest.mark.parametrize(
    "state", ["absent", "empty", "foreign", "nested", "[]", '{"pid": 1}', '{"pid": "x", "services": 1}', "{"]
)
def test_no_engine_ever_ran_there(tmp_path: Path, verb: Sequence[str], state: str) -> None:
    """Nothing there, other things there, or an endpoints file that is not ours: lists were empty,
    with exit status 0."""
    data = tmp_path / "data"
    if state != "absent":
        data.mkdir()
        name = {"empty": "", "foreign": "notes.txt"}.get(state, "endpoints.json")
        if name:
            (data / name).write_text("[" * 100_000 if state == "nested" else state)
    before = content(tmp_path)

    answer = ask(*verb, "--data", str(data))

    assert (answer.status, answer.stdout) == (2, "")
    assert "`settle up` starts one" in answer.one_line
    assert content(tmp_path) == before


@pytest.mark.parametrize("verb", [verb for verb in ASKING if verb[0] in ("sagas", "parked")], ids=" ".join)
@pytest.mark.parametrize("pid", [0, 2**22 + 1])
def test_the_engine_there_does_not_run(tmp_path: Path, verb: Sequence[str], pid: int) -> None:
    """It was stopped, or killed: whoever listens on its ports by now is somebody else."""
    service = {"target": "127.0.0.1:1", "dsn": "postgresql://127.0.0.1:1/x"}
    gone = [{"name": "order", "pid": 2**22 + 1, "began": "1"}] if pid else []
    write_endpoints(
        tmp_path, {"pid": pid, "began": "1", "services": dict.fromkeys(DATABASES, service), "processes": gone}
    )

    answer = ask(*verb, "--data", str(tmp_path))

    assert (answer.status, answer.one_line) == (2, f"no engine runs in {tmp_path}; `settle up` starts it")


def test_status_and_down_where_nothing_runs(tmp_path: Path) -> None:
    """Status measures, and says no; down finds done what was wanted."""
    status, down = (ask(verb, "--data", str(tmp_path / "absent")) for verb in ("status", "down"))

    assert (status.status, status.stdout) == (1, "not running\n")
    assert "`settle up` starts one" in status.one_line
    assert (down.status, down.stderr) == (0, f"nothing runs here: {tmp_path / 'absent'} holds no engine\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", STARTING, ids=" ".join)
def test_a_folder_with_other_things_in_it(tmp_path: Path, verb: Sequence[str]) -> None:
    """The engine's files beside somebody's are a slip of the hand; a folder `postgres` there was deleted."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "configure").write_text("somebody's")

    answer = run(*verb, "--data", str(tmp_path))

    assert answer.status == 2
    assert "holds other things (postgres) and no engine's data" in answer.one_line
    assert content(tmp_path) == {"postgres/configure": b"somebody's"}


@pytest.mark.parametrize("verb", [*STARTING, ("verify",), ("down",)], ids=" ".join)
def test_a_folder_that_somebody_holds(tmp_path: Path, verb: Sequence[str]) -> None:
    """Said at once, and the holder does not notice: its log was emptied,
    its database was ended as a left-over (F8, F9)."""
    service = {"target": "127.0.0.1:1", "dsn": "postgresql://127.0.0.1:1/x"}
    (tmp_path / "up.log").write_text("of the one that runs")
    write_endpoints(tmp_path, {"pid": 0, "services": dict.fromkeys(DATABASES, service)})
    claim = folders.claim(tmp_path, "`settle verify`")
    before = content(tmp_path)
    try:
        answer = run(*verb, "--data", str(tmp_path))
    finally:
        claim.release()

    assert answer.status == 2
    holder = f"`settle verify` uses {tmp_path} now (process {os.getpid()})"
    assert answer.one_line == f"{holder}; try again when it has ended"
    before["engine.lock"] = b""
    assert content(tmp_path) == before


# settings -------------------------------------------------------------------------------------------------------------

BAD_SETTINGS = [
    ("SETTLE_LANES", "many"), ("SETTLE_LANES", "0"), ("SETTLE_LANES", "33"), ("SETTLE_LANES", ""),
    ("SETTLE_ORDER_LANES", "-1"),
    ("SETTLE_REFLECTION", "perhaps"), ("SETTLE_LOG_LEVEL", "loud"), ("SETTLE_KAFKA_COMPRESSION", "zip"),
    ("SETTLE_BATCH_MESSAGES_MAX", "1e9"), ("SETTLE_GATHER_MS_MAX", "-1"), ("SETTLE_QUEUE_MESSAGES_MAX", "0"),
    ("SETTLE_RPC_CONCURRENT_MAX", "9" * 5_000), ("SETTLE_RPC_MESSAGE_BYTES_MAX", "1"),
    ("SETTLE_DEADLINE_SECONDS_MAX", "nan"), ("SETTLE_AUDIT_PERCENT", "some"), ("SETTLE_AUDIT_PERCENT", "101"),
    ("SETTLE_STREAM_SECONDS_MAX", "inf"), ("SETTLE_POOL_CONNECTIONS_MAX", "0"), ("SETTLE_POOL_WAITING_MAX", "-1"),
    ("SETTLE_POOL_SECONDS_MAX", "soon"), ("SETTLE_PG_STATEMENT_CACHE", "-1"), ("SETTLE_STATEMENT_SECONDS_MAX", "1e300"),
    ("SETTLE_IDLE_SESSION_TIMEOUT_SECONDS", "0"), ("SETTLE_PRODUCER_STALL_SECONDS", "-5"),
    ("SETTLE_READER_STALL_SECONDS", "0"),
    ("SETTLE_DRAIN_SECONDS", "-1"), ("SETTLE_QUOTE_KEY", "zz"), ("SETTLE_ORDER_QUOTE_KEY", "ab"),
    ("SETTLE_ACQUIRER_FAULTS", "nonsense"), ("SETTLE_ACQUIRER_FAULTS", "timeout_done_ppm=2000000"),
    ("SETTLE_VERIFIER_FAULTS", "latency_ppm=1000001"),
]


@pytest.mark.parametrize(("name", "value"), BAD_SETTINGS)
def test_a_setting_that_makes_no_sense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """It is named before anything starts: services died of it one after the other, with a traceback in a log."""
    monkeypatch.setenv(name, value)

    answers = [ask("up", "--data", str(tmp_path / "data")), ask("demo"), ask("doctor")]

    assert [answer.status for answer in answers] == [2, 2, 2]
    assert all(name in answer.one_line for answer in answers)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["PG_BIN", "PG_DSN", "KAFKA"])
def test_a_server_that_is_given_is_named_in_its_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whichever verb needs it."""
    monkeypatch.setenv(f"SETTLE_{name}", "nonsense:nonsense")
    scenario = str(ROOT / "tests" / "settle" / "vectors" / "golden" / "cases.json")

    answers = [
        ask("up", "--data", str(tmp_path)), ask("demo"),
        ask("vectors", "run", scenario, "--data", str(tmp_path)),
    ]

    assert [answer.status for answer in answers] == [2, 2, 2]
    assert all(f"SETTLE_{name}" in answer.one_line for answer in answers)


# servers --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def silent() -> Iterator[int]:
    """A port where somebody listens who never says a word."""
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(("dsn", "why"), [
    ("nonsense", "not of the form"), ("mysql://root@127.0.0.1/x", "not of the form"),
    ("postgresql://u@h:port/x", "not host:port"),
    ("postgresql://u@h:99999/x", "not host:port"), ("postgresql://u:secret@127.0.0.1:1/x", "Connect call failed"),
    ("postgresql://u:secret@no-such-host.invalid/x", "no-such-host.invalid"),
    ("postgresql://u:secret@127.0.0.1:{silent}/x", "no answer within 5 s"),
    ("postgresql://u:secret@/x?host=/no/such/folder", "No such file"),
])
def test_a_database_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: int, dsn: str, why: str
) -> None:
    """Also where packets vanish; the password is nowhere in the line."""
    monkeypatch.setenv("SETTLE_PG_DSN", dsn.format(silent=silent))

    answer = ask("up", "--data", str(tmp_path))

    assert answer.status == 2
    assert answer.one_line.startswith("SETTLE_PG_DSN: PostgreSQL at ")
    assert why in answer.one_line
    assert "secret" not in answer.one_line
    assert set(content(tmp_path)) == {"engine.lock"}


def test_a_start_in_the_background_says_itself_why_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to look into a log, and the log of the last run stays."""
    monkeypatch.setenv("SETTLE_PG_DSN", "postgresql://127.0.0.1:1/x")
    (tmp_path / "up.log").write_text("of the last run")

    answer = run("up", "--detach", "--data", str(tmp_path))

    assert (answer.status, "Connect call failed" in answer.one_line) == (2, True)
    assert (tmp_path / "up.log").read_text() == "of the last run"


@pytest.mark.parametrize(("address", "why"), [
    ("host:port", "not host:port"), (":9092", "not host:port"), ("127.0.0.1:1,", "not host:port"),
    ("127.0.0.1:0", "not host:port"),
    ("127.0.0.1:1", "Unable to bootstrap"), ("no-such-host.invalid:9092", "no-such-host.invalid"),
    ("127.0.0.1:{silent}", "no answer within 5 s"),
])
def test_a_broker_that_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: int, address: str, why: str
) -> None:
    """It was two minutes of silence."""
    monkeypatch.setenv("SETTLE_KAFKA", address.format(silent=silent))

    answer = run("up", "--data", str(tmp_path))

    assert answer.status == 2
    assert answer.one_line.startswith("SETTLE_KAFKA: no broker at ")
    assert why in answer.one_line
    assert set(content(tmp_path)) == {"engine.lock"}


@pytest.mark.parametrize("verb", [("up",), ("demo",), ("bench",), ("vectors", "run")], ids=" ".join)
def test_who_asks_for_kafka_without_java_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Sequence[str]
) -> None:
    """The demo and the vectors ended in a traceback."""
    monkeypatch.setenv("PATH", str(tmp_path))
    scenario = [str(ROOT / "tests" / "settle" / "vectors" / "golden" / "cases.json")] if verb[0] == "vectors" else []
    data = ["--data", str(tmp_path / "data")] if verb[0] in ("up", "vectors") else []

    answer = ask(*verb, *scenario, "--broker", "kafka", *data)

    assert (answer.status, answer.one_line) == (2, "java and mvn not found")


@pytest.mark.parametrize(("programs", "why"), [
    ({}, "does not hold the programs initdb and postgres"),
    ({"initdb": "exit 1", "postgres": "exit 3"}, "does not run"),
    ({"initdb": "exit 1", "postgres": "echo nonsense"}, "does not run"),
])
def test_programs_of_postgresql_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], why: str
) -> None:
    """A folder that was asked for was replaced silently, or its programs ended in a traceback."""
    for name, does in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("SETTLE_PG_BIN", str(tmp_path))

    answer = ask("up", "--data", str(tmp_path / "data"))

    assert (answer.status, why in answer.one_line) == (2, True)


# options --------------------------------------------------------------------------------------------------------------

ODD = [
    ("nonsense",), ("--nonsense",), ("up", "--nonsense"), ("up", "--broker", "pigeon"), ("up", "--clock", "sundial"),
    ("up", "--data"),
    ("up", "more"), ("verify", "--wait", "nan"), ("verify", "--wait", "-1"), ("verify", "--wait", "inf"),
    ("logs", "--lines", "-1"),
    ("logs", "../../etc/passwd"), ("logs", "*"), ("bench", "--seconds", "nan"), ("bench", "--seconds", "-1"),
    ("bench", "--seconds", "0"), ("bench", "--rate", "-1"), ("bench", "--rate", "inf"), ("bench", "--batch", "-1"),
    ("bench", "--stored", "-1"), ("bench", "--statements", "-1"), ("bench", "--profile", "nobody"),
    ("bench", "--mix", "x"),
    ("test", "nonsense"), ("vectors", "nonsense"), ("vectors", "run"), ("sagas", "list", "--phase", "NONSENSE"),
    ("sagas", "show", "order"), ("sagas", "show", "order", ""), ("sagas", "show", "order", "\udcff"),
    ("sagas", "retry", "order", "saga_1"), ("sagas", "abort", "order", "saga_1"),
    ("parked", "retry", "order", "x", *WHO), ("parked", "retry", "order", "-1", *WHO),
    ("parked", "discard", "order", "9" * 30, *WHO),
    ("parked", "discard", "order", "1", "--operator", " ", "--reason", "x"),
    ("parked", "discard", "order", "1", "--operator", "a\x1b[2J", "--reason", "x"),
]


@pytest.mark.parametrize("arguments", ODD, ids=lambda odd: " ".join(odd)[:40])
def test_odd_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]) -> None:
    """Numbers that are none, names that nobody has, characters that cannot be sent."""
    (tmp_path / ".run" / "logs").mkdir(parents=True)
    (tmp_path / ".run" / "logs" / "order.log").write_text("one\n")
    monkeypatch.chdir(tmp_path)

    answer = ask(*arguments)

    assert (answer.status, answer.stdout) == (2, "")
    assert answer.one_line


def test_no_arguments_are_no_fault() -> None:
    """They ask for the help."""
    for arguments in ((), ("sagas",), ("parked",), ("vectors",)):
        assert "Usage: settle" in CliRunner().invoke(app, arguments).output


def test_zero_lines_of_a_log_are_none(tmp_path: Path) -> None:
    """They were all."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "order.log").write_text("one\n")

    assert ask("logs", "--lines", "0", "--data", str(tmp_path)).stdout == ""


def test_an_unknown_process_of_the_logs_is_named(tmp_path: Path) -> None:
    """With those that there are."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "order.log").write_text("one\n")

    answer = ask("logs", "ordre", "--data", str(tmp_path))

    assert answer.one_line == f"no process 'ordre' has written logs in {tmp_path}; there are order"


def test_status_in_json_says_the_line_too(tmp_path: Path) -> None:
    """The object on stdout, the line on stderr."""
    answer = ask("status", "--json", "--data", str(tmp_path))

    assert json.loads(answer.stdout)["healthy"] is False
    assert answer.one_line.startswith(f"there is no engine in {tmp_path}")
