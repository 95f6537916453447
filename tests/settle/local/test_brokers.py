"""Which broker is taken, what is said about it, and what it is told."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services.runtime.ground.records import TAKEN_BY, topic
from settle.local import jars, kafka, ports, topics
from settle.local.refusals import NoBroker
from settle.local.stack import broker_line
from tests.settle.local.conftest import Until

WORK = ["settlement.credit_ledger.commands.v1", "settlement.card_redemption.commands.v1"]
EFFECTIVE = {
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "false",
    "message.max.bytes": "278528",
    "group.min.session.timeout.ms": "6000",
    "auto.create.topics.enable": "false",
}
EFFECTIVE_PER_TOPIC = {"cleanup.policy": "delete", "retention.ms": "604800000", "max.message.bytes": "278528"}


@pytest.fixture
def no_kafka_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own broker is set."""
    monkeypatch.delenv("SETTLE_KAFKA", raising=False)


@pytest.fixture
def embedded(folder: Path) -> Iterator[kafka.Broker]:
    """The stand-in, running."""
    broker = kafka.make("embedded", folder)
    broker.start()
    yield broker
    broker.stop()


def test_a_given_broker_is_taken_and_not_touched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SETTLE_KAFKA wins over everything; the line says so."""
    monkeypatch.setenv("SETTLE_KAFKA", "10.0.0.1:9092")

    broker = kafka.make("auto", folder)

    assert not broker.crashed
    assert broker_line(broker) == "external Kafka at 10.0.0.1:9092; --broker or SETTLE_KAFKA chooses otherwise"


@pytest.mark.usefixtures("no_kafka_given")
def test_without_java_the_embedded_broker_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names itself, says that it is not Kafka, and what is missing."""
    monkeypatch.setenv("PATH", str(folder))

    broker = kafka.make("auto", folder)

    line = broker_line(broker)
    assert line.startswith("embedded broker, not Kafka: librdkafka mock of confluent-kafka ")
    assert "(java and mvn not found); --broker or SETTLE_KAFKA chooses otherwise" in line


@pytest.mark.usefixtures("no_kafka_given")
def test_who_asks_for_kafka_gets_kafka_or_an_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forced choice is never replaced silently."""
    monkeypatch.setenv("PATH", str(folder))

    with pytest.raises(NoBroker, match="java and mvn not found"):
        kafka.make("kafka", folder)


def test_work_has_a_twin_for_what_was_set_aside_and_facts_have_none() -> None:
    """Commands and replies are work; events are facts."""
    names = topics.topics()

    assert len(names) == len(set(names)) == 7 + 4 + 1
    work = [*WORK, "settlement.order.replies.v1", "settlement.card_redemption.replies.v1"]
    assert all(f"{name}.dlq" in names for name in work)
    assert not any(name.endswith(".dlq") and ".events." in name for name in names)
    assert {topic(name, stream) for stream, each in TAKEN_BY.items() for name in each} <= set(names)
    assert topics.partitions() == 32


def test_topics_are_made_with_the_partitions_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The topics job has them from the same place as the services: old data keep theirs when topics are made anew."""
    asked: list[int] = []
    monkeypatch.setattr(topics, "create", lambda *_, count, **__: asked.append(count))
    monkeypatch.setattr(sys, "argv", ["topics"])
    monkeypatch.setenv("SETTLE_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("SETTLE_PARTITIONS", "8")

    topics.main()

    [made] = (topics.planned(count, 3) for count in asked)
    assert {topic.num_partitions for topic in made} == {8}
    assert [topic.name for topic in made] == topics.topics()


def test_the_embedded_broker_has_every_topic(embedded: kafka.Broker) -> None:
    """In a path with a space, with the right number of partitions."""
    assert asyncio.run(shape(embedded.bootstrap)) == dict.fromkeys(topics.topics(), topics.partitions())


def test_a_broker_that_died_is_seen_as_crashed_and_one_that_was_stopped_is_not(
    embedded: kafka.Broker, until: Until
) -> None:
    """The supervisor asks this before it starts a server again."""
    assert embedded.child is not None
    embedded.child.kill()
    until(lambda: embedded.crashed, 2.0)

    embedded.stop()

    assert not embedded.crashed


@pytest.mark.usefixtures("no_kafka_given")
def test_real_kafka_is_told_what_the_handbook_says_and_forgets_on_request(folder: Path) -> None:
    """The broker's effective values; data that outlive a restart; a wipe is another cluster on the same port."""
    if why := jars.why_not_kafka():
        pytest.skip(f"needs Apache Kafka: {why}")
    broker = kafka.make("kafka", folder)
    try:
        broker.start()
        first, where = asyncio.run(effective(broker.bootstrap)), broker.bootstrap
        cluster = cluster_id(folder)
        broker.stop()
        again = kafka.make("kafka", folder)
        kept = (again.bootstrap, cluster_id(folder))
        broker = again
        broker.start()
        broker.wipe()

        assert first == EFFECTIVE | EFFECTIVE_PER_TOPIC
        assert kept == (where, cluster)
        assert broker.bootstrap == where
        assert cluster_id(folder) != cluster
        assert asyncio.run(shape(where)) == dict.fromkeys(topics.topics(), topics.partitions())
    finally:
        broker.stop()
    assert not ports.listening(int(where.rpartition(":")[2]))


def cluster_id(folder: Path) -> str:
    """What the data say about the cluster they belong to."""
    lines = (folder / "broker" / "logs" / "meta.properties").read_text().splitlines()
    return next(line for line in lines if line.startswith("cluster.id="))


async def shape(bootstrap: str) -> dict[str, int]:
    """Partitions by topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(topics.topics())
    finally:
        await admin.close()
    return {topic["topic"]: len(topic["partitions"]) for topic in described}


async def effective(bootstrap: str) -> dict[str, str]:
    """The values of the broker, and of a topic, that the handbook names."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found: dict[str, str] = {}
        for kind, name, wanted in (
            (ConfigResourceType.BROKER, "1", EFFECTIVE),
            (ConfigResourceType.TOPIC, WORK[0], EFFECTIVE_PER_TOPIC),
        ):
            answers = await admin.describe_configs([ConfigResource(kind, name, dict.fromkeys(wanted))])
            entries = answers[0].resources[0][4]
            found |= {entry[0]: entry[1] for entry in entries if entry[0] in wanted}
        return found
    finally:
        await admin.close()
