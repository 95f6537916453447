"""The engine as a whole: start, watch, break and stop it. The command line, the tests and the bench use this one class.

    with LocalStack(folder, clock="manual") as stack:
        target = stack.endpoints["services"]["order"]["target"]
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.local import children, kafka, ports, postgres
from services.local.prefixed import Pipe

SERVICES = ("credit_ledger", "card_redemption", "order")
ACQUIRER = "acquirer"
READY_SECONDS_MAX = 60.0
WATCH_SECONDS = 0.2
RESTARTS_FAST = 5
"""So many crashes in a row are answered at once; then a little later each time, up to RESTART_SECONDS_MAX."""
RESTART_SECONDS_MAX = 10.0


class AlreadyRunning(Exception):
    """Another supervisor runs the engine on this data; stop it first."""


@dataclass(slots=True)
class Seat:
    """One process of the engine: how to start it, what runs on it now, and whether it should."""

    name: str
    module: str
    environ: Mapping[str, str]
    target: str
    metrics: str = ""
    child: children.Child | None = None
    wanted: bool = True
    crashes: int = 0
    started_at: float = 0.0
    due_at: float = 0.0


class LocalStack:
    """PostgreSQL, a broker, the acquirer and the services on loopback, their data below `data`.

    `instances` gives a service more than one process; `supervise=False` leaves a dead process dead; `durable=False`
    switches fsync off (demo and tests only); `environ` is added to every process. Lines for people go to `say`.
    """

    def __init__(
        self, data: Path, broker: str = "auto", clock: str = "system", durable: bool = True,
        instances: Mapping[str, int] | None = None, supervise: bool = True, environ: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True), echo: bool = False,
    ) -> None:
        self.data = data.resolve()
        self.clock = clock
        self._broker_choice = broker
        self._durable = durable
        self._instances = dict(instances or {})
        self._supervise = supervise
        self._environ = dict(environ or {})
        self._say = say
        self._echo = echo
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._pipes = ExitStack()
        self.seats: dict[str, Seat] = {}
        self.postgres: postgres.Postgres
        self.broker: kafka.Broker

    # life ------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """From nothing, or from what a killed run left, to ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._end_stale()
        try:
            self._start_servers()
            self._seat_all()
            for seat in self.seats.values():
                self._launch(seat)
            self._write_endpoints()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Services first, then the broker, then PostgreSQL; the endpoints file says afterwards that nothing runs."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join(5)
        running = [seat.child for seat in self.seats.values() if seat.child is not None]
        for child in running:
            child.send(signal.SIGCONT)
            child.send(child.interrupt)
        for child in running:
            child.stop()
        for server in ("broker", "postgres"):
            if hasattr(self, server):
                getattr(self, server).stop()
        self._pipes.close()
        file = self.data / "endpoints.json"
        if file.exists() and hasattr(self, "postgres"):
            said = json.loads(file.read_text())
            file.write_text(json.dumps(said | {"pid": 0, "processes": []}, indent=2))

    def _start_servers(self) -> None:
        self.postgres = postgres.make(self.data, self._durable)
        self.postgres.start()
        how = "SETTLE_PG_DSN or SETTLE_PG_BIN chooses otherwise"
        self._say(f"PostgreSQL {self.postgres.version} ({self.postgres.kind}) on port {self.postgres.port or '-'}; {how}")
        starting = threading.Thread(target=self._create_databases)
        starting.start()
        self.broker = kafka.make(self._broker_choice, self.data)
        self.broker.start()
        starting.join()
        name = {"kafka": "Apache Kafka", "external": "external Kafka", "embedded": "embedded broker, not Kafka:"}[self.broker.kind]
        why = f" ({self.broker.why})" if self.broker.why else ""
        self._say(f"{name} {self.broker.version} at {self.broker.bootstrap}{why}; --broker or SETTLE_KAFKA chooses otherwise")

    def _create_databases(self) -> None:
        import asyncio

        async def create() -> None:
            connection = await asyncpg.connect(self.postgres.dsn)
            try:
                known = {row[0] for row in await connection.fetch("select datname from pg_database")}
                for name in postgres.DATABASES.values():
                    if name not in known:
                        await connection.execute(f"create database {name}")
            finally:
                await connection.close()

        asyncio.run(create())

    # processes -------------------------------------------------------------------------------------------------------

    def _seat_all(self) -> None:
        names = [(service, number) for service in SERVICES for number in range(self._instances.get(service, 1))]
        free = iter(ports.free_ports(2 * len(names) + 1))
        acquirer = f"{ports.HOST}:{next(free)}"
        seats = [(service, number, f"{ports.HOST}:{next(free)}", f"{ports.HOST}:{next(free)}") for service, number in names]
        targets = {f"SETTLE_{service.upper()}_TARGET": target for service, number, target, _ in seats if number == 0}
        shared = os.environ | {
            "SETTLE_KAFKA": self.broker.bootstrap, "SETTLE_CLOCK": self.clock, "SETTLE_PROFILE": "local",
            "SETTLE_PARTITIONS": str(kafka.partitions()), "SETTLE_ACQUIRER_TARGET": acquirer, "GRPC_ENABLE_FORK_SUPPORT": "0",
            "SETTLE_BROKER": "embedded" if self.broker.kind == "embedded" else "kafka",
            "no_proxy": ports.HOST, "PYTHONUNBUFFERED": "1",
        } | targets | self._environ
        confirm = "manual" if self.clock == "manual" else "auto"
        sandbox = {"SETTLE_LISTEN": acquirer, "SETTLE_ACQUIRER_DATA": str(self.data / "acquirer.sqlite"), "SETTLE_ACQUIRER_CONFIRM": confirm}
        self.seats = {ACQUIRER: Seat(ACQUIRER, "services.local.acquirer", shared | sandbox, acquirer)}
        for service, number, target, metrics in seats:
            name = service if number == 0 else f"{service}-{number + 1}"
            own = {"SETTLE_LISTEN": target, "SETTLE_METRICS_LISTEN": metrics, "SETTLE_DSN": self.postgres.database(service)}
            self.seats[name] = Seat(name, f"services.{service}", shared | own, target, metrics)

    def _launch(self, seat: Seat) -> None:
        pipe = self._pipes.enter_context(Pipe(seat.name, self.data / "logs" / f"{seat.name}.log", self._echo))
        command = [sys.executable, "-m", seat.module]
        seat.child = children.start(seat.name, command, seat.environ, pipe.writer)
        pipe.started()
        seat.wanted, seat.started_at = True, time.monotonic()

    def wait_ready(self, seconds: float = READY_SECONDS_MAX) -> None:
        """Until every process that should run says SERVING."""
        deadline = time.monotonic() + seconds
        for seat in self.seats.values():
            while seat.wanted and not serving(seat.target):
                if time.monotonic() > deadline or (not self._supervise and seat.child and not seat.child.running):
                    raise TimeoutError(f"{seat.name} is not ready; see {self.data / 'logs' / seat.name}.log")
                if seat.child and not seat.child.running and self._watcher is None:
                    raise RuntimeError(f"{seat.name} ended at its start; see {self.data / 'logs' / seat.name}.log")
                time.sleep(0.05)

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            with self._lock:
                for seat in self.seats.values():
                    if self._supervise and seat.wanted and seat.child is not None and not seat.child.running:
                        self._revive(seat)

    def _revive(self, seat: Seat) -> None:
        """A crashed process comes back within 2 s; one that crashes again and again, a little later each time."""
        now = time.monotonic()
        if not seat.due_at:
            assert seat.child is not None
            seat.crashes = seat.crashes + 1 if now - seat.started_at < 30 else 1
            wait = min(max(0, seat.crashes - RESTARTS_FAST), RESTART_SECONDS_MAX)
            seat.due_at = now + wait
            self._say(f"{seat.name} ended with status {seat.child.process.returncode}; starts again in {wait:.0f} s")
        if now >= seat.due_at:
            seat.due_at = 0.0
            self._launch(seat)
            self._write_endpoints()

    # breaking it -----------------------------------------------------------------------------------------------------

    def kill(self, name: str, number: int = signal.SIGKILL, revive: bool = True) -> None:
        """Send a process a signal; with `revive=False` it stays dead until `restart`."""
        with self._lock:
            seat = self.seats[name]
            seat.wanted = revive
            if seat.child is not None:
                seat.child.send(number)
                if number == signal.SIGKILL:
                    seat.child.process.wait(children.STOP_SECONDS)

    def restart(self, name: str) -> None:
        """Start a process that does not run, or start it anew."""
        with self._lock:
            seat = self.seats[name]
            if seat.child is not None and seat.child.running:
                seat.child.stop()
            self._launch(seat)
            self._write_endpoints()

    def pause(self, name: str) -> None:
        """SIGSTOP: it neither works nor ends."""
        self.kill(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.kill(name, signal.SIGCONT)

    def stop_postgres(self, immediate: bool = False) -> None:
        """Stop the database server, as a crash would if `immediate`."""
        self.postgres.stop(immediate)

    def start_postgres(self) -> None:
        """Start it again on the same data and port."""
        self.postgres.start()
        self._write_endpoints()

    def wipe_kafka(self) -> None:
        """Delete all Kafka data; the broker comes back empty, as another cluster, on the same port."""
        self.broker.wipe()
        self._write_endpoints()

    # telling ---------------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> dict[str, Any]:
        """Where everything is; the content of `endpoints.json`."""
        services = {
            seat.name: {
                "target": seat.target, "metrics": seat.metrics, "dsn": seat.environ.get("SETTLE_DSN", ""),
                "pid": seat.child.pid if seat.child else 0,
            }
            for seat in self.seats.values() if seat.name != ACQUIRER
        }
        acquirer = self.seats[ACQUIRER]
        return {
            "pid": os.getpid(), "began": children.started_at(os.getpid()), "clock": self.clock, "data": str(self.data),
            "broker": {
                "kind": self.broker.kind, "version": self.broker.version, "bootstrap": self.broker.bootstrap,
                "pid": self.broker.child.pid if self.broker.child else 0,
            },
            "postgres": {
                "kind": self.postgres.kind, "version": self.postgres.version, "dsn": self.postgres.dsn,
                "pid": self.postgres.child.pid if self.postgres.child else 0,
            },
            "services": services,
            "acquirer": {"target": acquirer.target, "pid": acquirer.child.pid if acquirer.child else 0},
            "processes": [
                {"name": child.name, "pid": child.pid, "began": children.started_at(child.pid)} for child in self._children()
            ],
        }

    def _children(self) -> list[children.Child]:
        found = [seat.child for seat in self.seats.values()] + [self.broker.child, self.postgres.child]
        return [child for child in found if child is not None]

    def _write_endpoints(self) -> None:
        part = self.data / "endpoints.part"
        part.write_text(json.dumps(self.endpoints, indent=2))
        part.replace(self.data / "endpoints.json")

    def _end_stale(self) -> None:
        """What a killed run left: its processes end, its data stays (and PostgreSQL recovers it)."""
        said = read_endpoints(self.data)
        if said is None:
            return
        if said["pid"] != os.getpid() and children.alive(said["pid"], said.get("began", "")):
            raise AlreadyRunning(f"the engine runs already (process {said['pid']}); `settle down` stops it")
        for left in reversed(said.get("processes", [])):
            if children.end_stale(left["pid"], left["began"]):
                self._say(f"ended {left['name']} ({left['pid']}), left behind by a killed run")


def read_endpoints(data: Path) -> dict[str, Any] | None:
    """What the last run wrote, or None; its `pid` is 0 after an orderly end."""
    try:
        said: dict[str, Any] = json.loads((data / "endpoints.json").read_text())
    except (OSError, ValueError):
        return None
    return said


def serving(target: str, seconds: float = 1.0) -> bool:
    """Whether the gRPC health service there says SERVING."""
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
