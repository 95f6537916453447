"""A throw-away PostgreSQL for tests that need a real one: no durability, gone with the test session."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS_MAX = 120.0
_FAST = ("fsync=off", "synchronous_commit=on", "full_page_writes=off", "shared_buffers=64MB", "max_connections=60")


def binaries() -> Path:
    """Where `initdb` and `postgres` are: SETTLE_PG_BIN, or the newest of the system's."""
    given = os.environ.get("SETTLE_PG_BIN")
    found = [Path(given)] if given else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise FileNotFoundError("no PostgreSQL server binaries; set SETTLE_PG_BIN")


@contextmanager
def server() -> Iterator[str]:
    """A running server; yields its DSN without a database name."""
    folder = Path(tempfile.mkdtemp(prefix="settle-pg-"))
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
        as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    data, quiet = folder / "data", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    initdb = [
        str(binaries() / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8",
        "--no-sync",
    ]
    subprocess.run(initdb, check=True, **quiet, **as_user)  # type: ignore[call-overload]  # a mapping of options
    port = _free_port()
    options = [word for option in (*_FAST, "listen_addresses=127.0.0.1") for word in ("-c", option)]
    command = [str(binaries() / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder), *options]
    process = subprocess.Popen(command, **quiet, **as_user)  # type: ignore[call-overload]  # a mapping of options
    try:
        _wait_for(port, process)
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    ready = [str(binaries() / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    while subprocess.run(ready, check=False).returncode:
        if time.monotonic() > deadline or process.poll() is not None:
            raise TimeoutError("PostgreSQL did not start")
