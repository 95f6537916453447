"""The auditor's rounds on a broker: Apache Kafka where this machine has it, else the stand-in of one machine."""

import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, TopicPartition

from services.kernel.ids import partition_of
from services.runtime.ground.settings import Settings
from settle.audit.announcing import KEY, SENDER, TOPIC, Event, announce, to_kafka
from settle.audit.findings import CREDIT, Finding
from settle.audit.online import Round
from settle.local import kafka, topics
from settlement.audit.v1.round_pb2 import AuditRoundEnded

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
READ_SECONDS_MAX = 20.0


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[kafka.Broker]:
    """A broker of our own, with the topics of the engine, in a folder that its user can reach."""
    monkeypatch.delenv("SETTLE_KAFKA", raising=False)
    with tempfile.TemporaryDirectory(prefix="settle-announced-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        own = kafka.make("auto", Path(folder))
        own.start()
        yield own
        own.stop()


class Record(NamedTuple):
    """A record as it is read."""

    key: bytes | None
    headers: Mapping[str, object]
    value: bytes


async def test_rounds_are_events_of_the_topic(broker: kafka.Broker, tmp_path: Path) -> None:
    """Each round is one record under the key of the auditor, numbered, and says what does not hold; one of which Kafka
    never said that it has it is sent again, the same bytes under the same number."""
    send = to_kafka(Settings(SENDER, kafka=broker.bootstrap, partitions=topics.partitions()))
    broken = Finding("accounts.log", CREDIT, "credit_accounts acc_1", "3", "2")

    async def unheard(event: Event) -> None:
        await send(event)
        raise TimeoutError("no word of it")

    assert await announce(tmp_path, _round_of(0), send)
    assert not await announce(tmp_path, _round_of(1, broken), unheard)
    assert await announce(tmp_path, _round_of(2), send)

    records = _read(broker, 4)
    told = [AuditRoundEnded.FromString(record.value) for record in records]
    assert {record.key for record in records} == {KEY.encode()}
    assert [record.headers["ce_sequence"] for record in records] == [b"1", b"2", b"2", b"3"]
    assert records[1] == records[2]
    assert [round_.clean for round_ in told] == [True, False, False, True]
    assert [(each.check, each.example) for each in told[1].broken] == [("accounts.log", broken.id)]
    assert told[3].last_clean_at.ToDatetime(UTC) == NOW + timedelta(minutes=2)


def _round_of(minute: int, *findings: Finding) -> Round:
    began = NOW + timedelta(minutes=minute)
    return Round(began, began + timedelta(seconds=30), findings, {}, {})


def _read(broker: kafka.Broker, count: int) -> list[Record]:
    """So many records of the auditor's partition, from its beginning."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "test", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(TOPIC, partition_of(KEY, topics.partitions()), 0)])
        records = consumer.consume(count, READ_SECONDS_MAX)
        assert [record.error() for record in records] == [None] * count
        return [Record(record.key(), dict(record.headers() or {}), record.value() or b"") for record in records]
    finally:
        consumer.close()
