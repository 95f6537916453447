"""The broker for one machine: an external one, real Apache Kafka from Maven artifacts, or the embedded stand-in."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from settle.local import children, jars, ports, topics
from settle.local.jars import KAFKA_VERSION
from settle.local.refusals import NoBroker
from settle.local.secured import Secured

START_SECONDS_MAX = 120.0
PORTS_TRIED_MAX = 5
PID_FILE = "broker.pid"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name={protocol}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,{protocol}:{protocol}
log.dirs=logs
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=6000
auto.create.topics.enable=false
unclean.leader.election.enable=false
min.insync.replicas=1
message.max.bytes=278528
log.segment.bytes=16777216
log.cleaner.dedupe.buffer.size=8388608
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""
_PORTS = re.compile(r"^listeners=(?:PLAINTEXT|SSL)://127\.0\.0\.1:(\d+),CONTROLLER://127\.0\.0\.1:(\d+)$", re.MULTILINE)


@dataclass(slots=True)
class Broker:
    """A broker to use; `child` if we started it, `why` it and not the one before it."""

    kind: str
    version: str
    bootstrap: str
    why: str = ""
    folder: Path | None = None
    jars: Path | None = None
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
        return self.wanted and self.folder is not None and not (self.child and self.child.running)

    def start(self) -> None:
        """Start it where it was, create the topics that are missing. Kafka's port is kept from the first success on."""
        with self.starting:
            self.wanted = True  # not sooner: the supervisor would take the pause before a start for a crash
            for _ in range(PORTS_TRIED_MAX):
                try:
                    self._launch()
                    topics.create(
                        self.bootstrap, START_SECONDS_MAX, self.kind != "embedded", self.child,
                        how=self.secured.of_kafka() if self.secured else {},
                    )
                except NoBroker:
                    taken = self.wanted and not self.placed and self.kind == "kafka" and self.crashed
                    self._end()
                    if not taken or self.folder is None:
                        raise
                    # somebody took a port between choosing and listening, or the data are of no use
                    _place(self.folder, self.secured)
                    self.bootstrap = f"{ports.HOST}:{_port_of(self.folder)}"
                else:
                    self.placed = True
                    return
        raise NoBroker(f"Kafka did not start; see {self.folder and self.folder / 'kafka.log'}")

    def stop(self) -> None:
        """Stop it, if it is ours."""
        self.wanted = False  # first, so that nobody takes the end for a crash
        self._end()

    def _end(self) -> None:
        child, self.child = self.child, None
        if child is not None:
            child.stop()

    def wipe(self) -> None:
        """Lose everything: stop at once, delete all data, start anew as another cluster (Kafka: on the same port)."""
        if self.folder is None:
            raise NoBroker("only a broker that we started can be wiped")
        self.wanted = False
        if child := self.child:
            child.kill()  # a start that is under way sees it and gives up
        with self.starting:
            self._end()
            shutil.rmtree(self.folder / "logs", ignore_errors=True)
        self.start()

    def _launch(self) -> None:
        if self.child and self.child.running:
            return
        if self.kind == "kafka" and self.folder and self.jars:
            self._launch_kafka(self.folder, self.jars)
        elif self.kind == "embedded" and self.folder:
            self._launch_embedded(self.folder)
        if self.child and self.folder:
            children.remember(self.child, self.folder / PID_FILE)

    def _launch_kafka(self, folder: Path, libraries: Path) -> None:
        properties = "server.properties"
        with open(folder / "kafka.log", "ab") as log:
            if not (folder / "logs" / "meta.properties").exists():
                cluster = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
                told = ("format", "--standalone", f"--cluster-id={cluster}", "-c", properties)
                format_data = jars.java(libraries, "kafka.tools.StorageTool", *told)
                done = subprocess.run(format_data, cwd=folder, check=False, stdout=log, stderr=log)
                if done.returncode:
                    raise NoBroker(f"Kafka's data could not be made; see {folder / 'kafka.log'}")
            command = jars.java(libraries, "kafka.Kafka", properties)
            self.child = children.start("kafka", command, log=log, folder=folder)

    def _launch_embedded(self, folder: Path) -> None:
        told = json.dumps({"topics": topics.topics(), "partitions": topics.partitions()})
        said = folder / "embedded.json"
        said.unlink(missing_ok=True)
        with open(folder / "embedded.log", "ab") as log:
            command = [sys.executable, "-P", "-m", "settle.local.embedded", str(said), told]
            child = self.child = children.start("broker", command, log=log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not said.exists():
            if time.monotonic() > deadline or not child.running:
                raise NoBroker(f"the embedded broker did not start; see {folder / 'embedded.log'}")
            time.sleep(0.02)
        self.bootstrap = json.loads(said.read_text())["bootstrap"]


def check(choice: str) -> None:
    """Before anything starts: the broker that was given answers, or what the choice needs is here."""
    if given := _given(choice):
        topics.check(given)
        return
    why = "" if choice == "embedded" else jars.why_not_kafka()
    if choice == "kafka" and why:
        raise NoBroker(why)
    if (why or choice == "embedded") and (lacking := extra_missing()):
        raise NoBroker("; ".join(filter(None, (why, lacking))))


def _given(choice: str) -> str:
    return os.environ.get("SETTLE_KAFKA", "") if choice == "auto" else ""


def make(choice: str, data: Path, secured: Secured | None = None) -> Broker:
    """The broker of this machine by the choice auto, kafka or embedded; not started yet. The embedded one speaks no
    TLS, one that was given what its settings say."""
    if given := _given(choice):
        return Broker("external", "", given)
    folder = data / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    children.end_remembered(folder / PID_FILE)
    why = ""
    if choice in ("auto", "kafka"):
        why = jars.why_not_kafka()
        if not why:
            try:
                return _kafka(folder, secured)
            except (NoBroker, OSError) as error:
                why = str(error)
        if choice == "kafka":
            raise NoBroker(why)
    if lacking := extra_missing():
        raise NoBroker("; ".join(filter(None, (why, lacking))))
    return Broker("embedded", f"librdkafka mock of confluent-kafka {version('confluent-kafka')}", "", why, folder)


def extra_missing() -> str:
    """Why librdkafka (the stand-in, the bench's subscriber) cannot be used here; empty if it can."""
    found = find_spec("confluent_kafka")  # found, not imported: other processes load it
    return "" if found else "confluent-kafka is missing: install this package with its extra `local`"


def _kafka(folder: Path, secured: Secured | None) -> Broker:
    """Kafka on the data of the last run if its ports are free, for the quorum's address is part of the data."""
    libraries = jars.libraries()
    before = _ports_of(folder)
    if before and all(ports.free(port) for port in before):
        _configure(folder, *before, secured)
    else:
        _place(folder, secured)
    bootstrap = f"{ports.HOST}:{_port_of(folder)}"
    return Broker("kafka", KAFKA_VERSION, bootstrap, folder=folder, jars=libraries, secured=secured)


def _place(folder: Path, secured: Secured | None) -> None:
    """New ports, and so new data: PostgreSQL is the truth, Kafka only the courier."""
    shutil.rmtree(folder / "logs", ignore_errors=True)
    port, controller = ports.free_ports(2)
    _configure(folder, port, controller, secured)


def _configure(folder: Path, port: int, controller: int, secured: Secured | None) -> None:
    protocol = "SSL" if secured else "PLAINTEXT"
    said = _PROPERTIES.format(port=port, controller=controller, protocol=protocol)
    said += secured.kafka(folder) if secured else ""
    (folder / "server.properties").write_text(said, encoding="ascii")


def _port_of(folder: Path) -> int:
    found = _ports_of(folder)
    assert found is not None
    return found[0]


def _ports_of(folder: Path) -> tuple[int, int] | None:
    try:
        found = _PORTS.search((folder / "server.properties").read_text(encoding="ascii"))
    except OSError:
        return None
    return (int(found[1]), int(found[2])) if found else None
