"""The engine as a whole: start, watch, break and stop it. The command line, the tests and the bench use this one class.

    with LocalStack(folder, clock="manual") as stack:
        target = stack.endpoints["services"]["order"]["target"]
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from settle.local import children, environs, folder, identity, kafka, ports, postgres, roles, topics
from settle.local.endpoints import joined, read_endpoints, write_endpoints
from settle.local.folder import Holder
from settle.local.secured import Secured
from settle.local.supervisor import Seat, Supervisor

SERVICES = ("credit_ledger", "card_redemption", "order")
ACQUIRER, VERIFIER = "acquirer", "verifier"
AUDITOR = "auditor"
GATEWAY = "gateway"
READY_SECONDS_MAX = 120.0
TYPICAL = "latency_ppm=1000000"
"""The sandbox verifier takes as long as the source says of its like (RD-5)."""
_BROKERS = {"kafka": "Apache Kafka", "external": "external Kafka", "embedded": "embedded broker, not Kafka:"}

def say_to_stderr(line: str) -> None:
    """One line for the person who started it."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()

class LocalStack:
    """PostgreSQL, a broker, the sandboxes and the services on loopback, their data below `data`.

    Of each service there are as many `processes` (`order`, `order-2`, ...), which share its work; `supervise=False`
    leaves a dead process dead; `durable=False` switches fsync off (demo and tests only); `environ` is added to every
    process. Lines for people go to `say`; with `echo` the processes' own lines are shown too. With `audited` an auditor
    runs beside them, with `gateway` they are reached over HTTP too. With `tls` nothing goes over the wire in clear text
    but metrics, and what the embedded broker carries.
    """

    def __init__(
        self, data: Path, broker: str = "auto", clock: str = "system", durable: bool = True,
        processes: int = 1, supervise: bool = True, environ: Mapping[str, str] | None = None,
        say: Callable[[str], None] = say_to_stderr, echo: bool = False, audited: bool = False,
        gateway: bool = False, tls: bool = False,
    ) -> None:
        self.data = folder.resolved(data)
        self.clock = clock
        self._broker_choice = broker
        self._durable = durable
        self._processes = processes
        self._environ = dict(environ or {})
        self._say = say
        self._audited = audited
        self._gateway = gateway
        self._tls = tls
        self.secured: Secured | None = None
        self._supervisor = Supervisor(
            self.data / "logs", say=say, changed=self._changed, echo=echo, revive=supervise
        )
        self._claim: folder.Claim | None = None
        self.postgres: postgres.Postgres
        self.broker: kafka.Broker

    @property
    def seats(self) -> dict[str, Seat]:
        """The processes by name."""
        return self._supervisor.seats

    # life ------------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """From nothing, or from what a killed run left, to ready; raises `CannotRun`."""
        if self._claim is None:
            self.prepare()
        try:
            self._end_stale()
            self.secured = Secured.of(self.data) if self._tls else None
            self._identity = identity.identity_of(self.data)
            self._start_servers()
            self._seat_all()
            self._write_endpoints()
            for seat in self.seats.values():
                self._supervisor.launch(seat)
            self._write_endpoints()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        self._supervisor.watch({"PostgreSQL": self.postgres, "the broker": self.broker})

    def prepare(self) -> None:
        """Hold the folder; raises `CannotRun`, within seconds, where something that was given is of no use. Nothing is
        started yet, and an engine that runs on the folder does not notice."""
        environs.check(os.environ | self._environ)
        self._refuse_running()
        self._claim = folder.claim(self.data)
        try:
            _both(postgres.check, lambda: kafka.check(self._broker_choice))
        except BaseException:
            self._release()
            raise

    def stop(self) -> None:
        """Services first, then the broker, then PostgreSQL; the endpoints file says afterwards that nothing runs."""
        self._supervisor.stop()
        for server in ("broker", "postgres"):
            if hasattr(self, server):
                getattr(self, server).stop()
        said = read_endpoints(self.data)
        if said is not None:
            write_endpoints(self.data, said | {"pid": 0, "processes": []})
        self._release()

    def _release(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    def wait_failed(self) -> str:
        """Until a process is given up, for ever if none is; answers which, and what it said."""
        return self._supervisor.wait_failed()

    def wait_ready(self, seconds: float = READY_SECONDS_MAX) -> None:
        """Until every process that should run says SERVING."""
        self._supervisor.wait_ready(seconds)

    def _start_servers(self) -> None:
        """Both at once: the slower of them, Kafka, is what a start waits for."""
        _both(self._start_postgres, self._start_broker)

    def _start_postgres(self) -> None:
        self.postgres = postgres.make(self.data, self._durable, self.secured)
        self.postgres.start()
        self.postgres.create_databases()
        if self.postgres.data is not None:  # on a server that was given, roles are its administrators'
            self.postgres.do(roles.create)
            for service in SERVICES:
                self.postgres.do(partial(roles.hand_over, service=service), service)
        self._partitions = topics.partitions_of(self.postgres, SERVICES[0]) or topics.partitions()
        where = f" on port {self.postgres.port}" if self.postgres.port else ""
        how = "SETTLE_PG_DSN or SETTLE_PG_BIN chooses otherwise"
        self._say(f"PostgreSQL {self.postgres.version} ({self.postgres.kind}){where}; {how}")

    def _start_broker(self) -> None:
        self.broker = kafka.make(self._broker_choice, self.data, self.secured)
        self.broker.start()
        self._say(broker_line(self.broker))

    # processes -------------------------------------------------------------------------------------------------------

    def _seat_all(self) -> None:
        names = [(service, number) for service in SERVICES for number in range(self._processes)]
        free = iter([f"{ports.HOST}:{port}" for port in ports.free_ports(2 * len(names) + 6)])
        acquirer, verifier, auditor, auditor_metrics = next(free), next(free), next(free), next(free)
        gateway, gateway_metrics = next(free), next(free)
        seats = [(service, number, next(free), next(free)) for service, number in names]
        shared = environs.without_shadows(os.environ) | {
            "SETTLE_KAFKA": self.broker.bootstrap, "SETTLE_CLOCK": self.clock, "SETTLE_PROFILE": "local",
            "SETTLE_PARTITIONS": str(self._partitions), "SETTLE_ACQUIRER_TARGET": acquirer,
            "SETTLE_VERIFIER_TARGET": verifier,
            "GRPC_ENABLE_FORK_SUPPORT": "0",
            **self._identity.environ,
            "SETTLE_MAC_REQUIRED": os.environ.get("SETTLE_MAC_REQUIRED", "true"),
            "SETTLE_BROKER": "embedded" if self.broker.kind == "embedded" else "kafka",
            "no_proxy": ports.HOST, "PYTHONUNBUFFERED": "1",
        } | _all_targets(seats) | self._environ
        self._seat_sandboxes(shared, acquirer, verifier)
        for service, number, target, metrics in seats:
            name = service if number == 0 else f"{service}-{number + 1}"
            own = {"SETTLE_LISTEN": target, "SETTLE_METRICS_LISTEN": metrics} | self._logins(service)
            own |= {**self._identity.of_service.get(service, {}), **self._certified(service)}
            self.seats[name] = Seat(name, f"services.{service}", shared | own, target, metrics)
        if self._audited and environs.audited(shared):
            logins = {service: self.postgres.database_as(postgres.AUDITOR, service) for service in SERVICES}
            read = {f"SETTLE_{service.upper()}_DSN": login for service, login in logins.items()}
            own = {"SETTLE_LISTEN": auditor, "SETTLE_METRICS_LISTEN": auditor_metrics}
            environ = shared | own | self._certified(AUDITOR) | read | {"SETTLE_AUDIT_DATA": str(self.data)}
            self.seats[AUDITOR] = Seat(AUDITOR, "settle.audit", environ, auditor, auditor_metrics, vital=False)
        if self._gateway:
            own = {"SETTLE_LISTEN": gateway, "SETTLE_METRICS_LISTEN": gateway_metrics} | self._certified(GATEWAY)
            environ, scheme = shared | own, "https" if self.secured else "http"
            self.seats[GATEWAY] = Seat(GATEWAY, "gateway", environ, f"{scheme}://{gateway}", gateway_metrics)

    def _certified(self, name: str) -> dict[str, str]:
        """By which certificate a process is known; nothing without TLS. For a broker that was given, settings are."""
        if self.secured is None:
            return {}
        told = self.secured.environ(name, kafka=self.broker.kind == "kafka")
        return {key: said for key, said in told.items() if self.broker.kind != "external" or "KAFKA" not in key}

    def _logins(self, service: str) -> dict[str, str]:
        """How a service comes into its database: to work there, and for its migrations."""
        if self.postgres.data is None:
            return {"SETTLE_DSN": self.postgres.database(service)}
        return {
            "SETTLE_DSN": self.postgres.database_as(roles.role_of(service), service),
            "SETTLE_OWNER_DSN": self.postgres.database_as(roles.owner_of(service), service),
        }

    def _seat_sandboxes(self, shared: Mapping[str, str], acquirer: str, verifier: str) -> None:
        """Where time is turned by hand the acquirer waits to be told, and verifying takes none; else what is typical,
        unless the environment says how long."""
        manual = self.clock == "manual"
        bank = {
            "SETTLE_LISTEN": acquirer, "SETTLE_ACQUIRER_DATA": str(self.data / "acquirer.sqlite"),
            "SETTLE_ACQUIRER_CONFIRM": "manual" if manual else "auto",
        }
        faults = shared.get("SETTLE_VERIFIER_FAULTS", "" if manual else TYPICAL)
        provider = {
            "SETTLE_LISTEN": verifier, "SETTLE_VERIFIER_DATA": str(self.data / "verifier.sqlite"),
            "SETTLE_VERIFIER_FAULTS": faults,
        }
        for name, own, target in ((ACQUIRER, bank, acquirer), (VERIFIER, provider, verifier)):
            environ = dict(shared) | own | self._certified(name)
            self.seats[name] = Seat(name, f"settle.local.{name}", environ, target)

    # breaking it -----------------------------------------------------------------------------------------------------

    def kill(self, name: str, number: int = signal.SIGKILL, revive: bool = True) -> None:
        """Send a process a signal; with `revive=False` it stays dead until `restart`."""
        with self._supervisor.lock:
            seat = self.seats[name]
            seat.wanted = revive
            if seat.child is not None:
                seat.child.send(number)
                if number == signal.SIGKILL:
                    seat.child.process.wait(children.STOP_SECONDS)

    def restart(self, name: str) -> None:
        """Start a process that does not run, or start it anew."""
        with self._supervisor.lock:
            seat = self.seats[name]
            if seat.child is not None and seat.child.running:
                seat.child.stop()
            self._supervisor.launch(seat)
            self._write_endpoints()

    def pause(self, name: str) -> None:
        """SIGSTOP: it neither works nor ends."""
        self.kill(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused process go on (SIGCONT)."""
        self.kill(name, signal.SIGCONT)

    def stop_postgres(self, immediate: bool = False) -> None:
        """Stop the database server, as a crash would if `immediate`; it stays away until `start_postgres`."""
        self.postgres.stop(immediate)

    def start_postgres(self) -> None:
        """Start it again on the same data and port."""
        self.postgres.start()
        self._write_endpoints()

    def wipe_kafka(self) -> None:
        """Delete all data of the broker; it comes back empty, as another cluster. Kafka keeps its port."""
        self.broker.wipe()
        self._changed()

    # telling ---------------------------------------------------------------------------------------------------------

    @property
    def endpoints(self) -> dict[str, Any]:  # Any: what a JSON file holds
        """Where everything is; the content of `endpoints.json`."""
        services = {
            seat.name: {
                "target": seat.target, "metrics": seat.metrics,
                "dsn": self.postgres.database(seat.name.partition("-")[0]),
                "pid": seat.child.pid if seat.child else 0,
            }
            for seat in self.seats.values() if seat.name.partition("-")[0] in SERVICES
        }
        broker, server = self.broker, self.postgres
        auditor, gateway = self.seats.get(AUDITOR), self.seats.get(GATEWAY)
        return {
            "pid": os.getpid(), "began": children.started_at(os.getpid()), "clock": self.clock, "data": str(self.data),
            "broker": {
                "kind": broker.kind, "version": broker.version, "bootstrap": broker.bootstrap,
                "pid": broker.child.pid if broker.child else 0,
            },
            "postgres": {
                "kind": server.kind, "version": server.version, "dsn": server.dsn,
                "pid": server.child.pid if server.child else 0,
            },
            "identity": dict(self._identity.said),
            "tls": self.secured.said if self.secured else {},
            "services": services,
            **{name: _sandbox(self.seats[name]) for name in (ACQUIRER, VERIFIER)},
            "auditor": {"target": auditor.target, "metrics": auditor.metrics} if auditor else {},
            "gateway": {"url": gateway.target, "metrics": gateway.metrics} if gateway else {},
            "processes": [
                {
                    "name": child.name, "pid": child.pid, "began": children.started_at(child.pid),
                    "interrupt": int(child.interrupt),
                }
                for child in (*(seat.child for seat in self.seats.values()), broker.child, server.child)
                if child is not None
            ],
        }

    def _write_endpoints(self) -> None:
        write_endpoints(self.data, self.endpoints)

    def _changed(self) -> None:
        """Something came back. The embedded broker comes back elsewhere: then everybody must be told by a new start."""
        for seat in self.seats.values():
            if self.broker.kind == "embedded" and seat.environ["SETTLE_KAFKA"] != self.broker.bootstrap:
                seat.environ = dict(seat.environ) | {"SETTLE_KAFKA": self.broker.bootstrap}
                if seat.wanted:
                    self.restart(seat.name)
        self._write_endpoints()

    def _refuse_running(self) -> None:
        """An engine that holds no lock, for it was started before there was one, is known by what it wrote."""
        said = read_endpoints(self.data)
        if said and said["pid"] != os.getpid() and children.alive(said["pid"], said.get("began", "")):
            raise Holder(folder.ENGINE, said["pid"], said["began"]).refusal(self.data)

    def _end_stale(self) -> None:
        """What a killed run left: its processes end, its data stays (and PostgreSQL recovers it)."""
        for left in (read_endpoints(self.data) or {}).get("processes", []):
            if children.end_stale(left["pid"], left["began"], left.get("interrupt", signal.SIGTERM)):
                self._say(f"ended {left['name']} ({left['pid']}), left behind by a killed run")


def _all_targets(seats: Iterable[tuple[str, int, str, str]]) -> dict[str, str]:
    """The address of each service with all of its processes, for whoever calls them by turns."""
    of: dict[str, list[str]] = {}
    for service, _, target, _ in seats:
        of.setdefault(service, []).append(target)
    return {f"SETTLE_{service.upper()}_TARGET": joined(*targets) for service, targets in of.items()}


def _sandbox(seat: Seat) -> dict[str, Any]:  # Any: what a JSON file holds
    return {"target": seat.target, "pid": seat.child.pid if seat.child else 0}


def _both(one: Callable[[], None], other: Callable[[], None]) -> None:
    with ThreadPoolExecutor(2) as both:
        jobs = [both.submit(one), both.submit(other)]
    for job in jobs:
        job.result()


def broker_line(broker: kafka.Broker) -> str:
    """Which broker it is, why not the one before it, and how to choose otherwise."""
    why = f" ({broker.why})" if broker.why else ""
    name = f"{_BROKERS[broker.kind]} {broker.version}".strip()
    return f"{name} at {broker.bootstrap}{why}; --broker or SETTLE_KAFKA chooses otherwise"
