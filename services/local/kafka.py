"""The broker for one machine: an external one, real Apache Kafka from Maven artifacts, or the embedded stand-in."""

import asyncio
import base64
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from services.local import children, ports

KAFKA_VERSION = "4.1.1"
START_SECONDS_MAX = 60.0
TOPICS_FILE = Path(__file__).resolve().parents[2] / "deploy" / "topics.yaml"
_EXISTS = 36
_ARTIFACTS = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    ("org.apache.logging.log4j", "log4j-core", "2.24.3"),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
)
_JVM = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:MaxDirectMemorySize=64m")
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={logs}
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
auto.create.topics.enable=false
unclean.leader.election.enable=false
message.max.bytes=278528
log.segment.bytes=16777216
log.cleaner.dedupe.buffer.size=8388608
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class NoBroker(Exception):
    """The broker that was asked for cannot be had; the message says why."""


@dataclass(slots=True)
class Broker:
    """A broker to use; `child` if we started it, `why` it and not the one before it."""

    kind: str
    version: str
    bootstrap: str
    why: str = ""
    folder: Path | None = None
    jars: Path | None = None
    child: children.Child | None = None

    def start(self) -> None:
        """Start it where it was, create the topics that are missing."""
        if self.kind == "kafka" and not (self.child and self.child.running):
            self._start_kafka()
        elif self.kind == "embedded" and not (self.child and self.child.running):
            self._start_embedded()
        asyncio.run(create_topics(self.bootstrap, START_SECONDS_MAX, self.kind != "embedded", self.child))

    def stop(self) -> None:
        """Stop it, if it is ours."""
        if self.child is not None:
            self.child.stop()
            self.child = None

    def wipe(self) -> None:
        """Lose everything: stop at once, delete all data, start anew as another cluster on the same port."""
        if self.child is None:
            raise NoBroker("only a broker that we started can be wiped")
        self.child.kill()
        self.child = None
        if self.folder is not None:
            shutil.rmtree(self.folder / "logs", ignore_errors=True)
        self.start()

    def _start_kafka(self) -> None:
        assert self.folder is not None
        properties = self.folder / "server.properties"
        if not (self.folder / "logs" / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
            form = self._java("kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster}", "-c", str(properties))
            subprocess.run(form, check=True, stdout=subprocess.DEVNULL)
        with open(self.folder / "kafka.log", "ab") as log:
            self.child = children.start("kafka", self._java("kafka.Kafka", str(properties)), log=log, folder=self.folder)

    def _java(self, *arguments: str) -> list[str]:
        return ["java", *_JVM, "-cp", f"{self.jars}/*", *arguments]

    def _start_embedded(self) -> None:
        assert self.folder is not None
        port = self.bootstrap.rpartition(":")[2]
        plan = json.dumps({"topics": topics(), "partitions": partitions(), "port": port})
        said = self.folder / "embedded.json"
        said.unlink(missing_ok=True)
        with open(self.folder / "embedded.log", "ab") as log:
            self.child = children.start("broker", [sys.executable, "-m", "services.local.embedded", str(said), plan], log=log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not said.exists():
            if time.monotonic() > deadline or not self.child.running:
                raise NoBroker(f"the embedded broker did not start; see {self.folder / 'embedded.log'}")
            time.sleep(0.02)
        self.bootstrap = json.loads(said.read_text())["bootstrap"]


def topics() -> list[str]:
    """The names of all topics."""
    names: list[str] = yaml.safe_load(TOPICS_FILE.read_text())["topics"]
    return names


def partitions() -> int:
    """How many partitions each topic has."""
    return int(yaml.safe_load(TOPICS_FILE.read_text())["partitions"])


def make(choice: str, data: Path) -> Broker:
    """The broker of this machine by the choice auto, kafka or embedded; not started yet."""
    if choice == "auto" and (given := os.environ.get("SETTLE_KAFKA")):
        return Broker("external", "", given)
    folder = data / "broker"
    folder.mkdir(parents=True, exist_ok=True)
    why = ""
    if choice in ("auto", "kafka"):
        why = why_not_kafka()
        if not why:
            try:
                return _kafka(folder)
            except (NoBroker, OSError) as error:
                why = str(error)
        if choice == "kafka":
            raise NoBroker(why)
    return Broker("embedded", _embedded_version(), "", why, folder)


def why_not_kafka() -> str:
    """Why Apache Kafka cannot be started here; empty if it can."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing and not (missing == ["mvn"] and _cached()):
        return f"{' and '.join(missing)} not found"
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    major = answer.partition('"')[2].partition(".")[0].partition('"')[0]
    return "" if major.isdigit() and int(major) >= 17 else f"Java 17 or newer is needed, found {major or 'none'}"


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "settle" / f"kafka-{KAFKA_VERSION}"


def _cached() -> bool:
    return (_cache() / "complete").exists()


def _kafka(folder: Path) -> Broker:
    cache = _cache()
    if not _cached():
        _fetch(cache)
    port, controller = ports.free_ports(2)
    properties = _PROPERTIES.format(port=port, controller=controller, logs=folder / "logs")
    (folder / "server.properties").write_text(properties)
    if (folder / "logs").exists():
        shutil.rmtree(folder / "logs")  # the quorum's address is part of the data, and Kafka is only the courier
    return Broker("kafka", KAFKA_VERSION, f"{ports.HOST}:{port}", "", folder, cache / "libs")


def _fetch(cache: Path) -> None:
    """The broker's jars by Maven, from wherever its own settings say."""
    cache.mkdir(parents=True, exist_ok=True)
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        for group, name, version in _ARTIFACTS
    )
    head = "<modelVersion>4.0.0</modelVersion><groupId>settle</groupId><artifactId>broker</artifactId><version>1</version>"
    (cache / "pom.xml").write_text(f"<project>{head}<dependencies>{wanted}</dependencies></project>")
    command = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs"]
    done = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoBroker(f"Maven could not fetch Kafka {KAFKA_VERSION}: {done.stdout.strip()[-300:]}")
    (cache / "complete").touch()


def _embedded_version() -> str:
    from importlib.metadata import version

    return f"librdkafka mock of confluent-kafka {version('confluent-kafka')}"


async def create_topics(bootstrap: str, seconds: float, admin: bool, child: children.Child | None) -> None:
    """Wait until the broker answers, then create what is missing (the embedded one has its topics from its start)."""
    deadline = time.monotonic() + seconds
    port = int(bootstrap.rpartition(":")[2])
    while child is not None and child.running and not ports.listening(port) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    while True:
        client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await client.start()
            if admin:
                config = yaml.safe_load(TOPICS_FILE.read_text())["config"]
                made = await client.create_topics([NewTopic(n, partitions(), 1, topic_configs=config) for n in topics()])
                wrong = [error for error in made.topic_errors if error[1] not in (0, _EXISTS)]
                if wrong:
                    raise NoBroker(f"topics were refused: {wrong}")
            return
        except (KafkaError, OSError) as error:
            if time.monotonic() > deadline or (child is not None and not child.running):
                raise NoBroker(f"no broker answers at {bootstrap}: {error!r}") from error
            await asyncio.sleep(0.1)
        finally:
            await client.close()
