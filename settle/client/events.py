"""Events as a subscriber reads them: records of Kafka with their headers, the value decoded by its `ce_type`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from google.protobuf import descriptor_pool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

import settlement

ANSWER_SECONDS_MAX = 10.0
_POLL_SECONDS = 0.2

Place = tuple[str, int]
"""A topic and one of its partitions."""


@dataclass(frozen=True, slots=True)
class Read:
    """One record. `value` is the event with the names of the contract; None where it is not what its type says."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: dict[str, str]
    value: dict[str, Any] | None  # Any: the values of JSON


class EventReader:
    """Reads every partition of these topics from an instant on; without one, what comes from now on."""

    def __init__(
        self, kafka: str, topics: Sequence[str], since: datetime | None, tls: Mapping[str, str] | None = None
    ) -> None:
        files = {
            "security.protocol": "ssl", "ssl.ca.location": tls["ca"],
            "ssl.certificate.location": tls["certificate"], "ssl.key.location": tls["key"],
        } if tls else {}
        self._consumer = Consumer({
            "bootstrap.servers": kafka, "group.id": "settle-events", "enable.auto.commit": False, **files
        })
        places = [(topic, number) for topic in topics for number in self._numbers(topic)]
        self._ends = {place: self._end(place) for place in places}
        self._starts = self._ends if since is None else self._offsets(places, since)
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self._starts.items()])

    def close(self) -> None:
        """Read no more."""
        self._consumer.close()

    def records(self, follow: bool) -> Iterator[Read]:
        """Each record as it comes: for ever, or until what was there at the beginning is read."""
        left = {place for place, end in self._ends.items() if self._starts[place] < end}
        while follow or left:
            message = self._consumer.poll(_POLL_SECONDS)
            if message is None:
                continue
            if message.error() is not None:
                raise KafkaException(message.error())
            record = _read(message)
            place = (record.topic, record.partition)
            if follow or record.offset < self._ends[place]:
                yield record
            if record.offset + 1 >= self._ends[place]:
                left.discard(place)

    def _numbers(self, topic: str) -> list[int]:
        described = self._consumer.list_topics(topic, ANSWER_SECONDS_MAX).topics[topic]
        if described.error is not None:
            raise KafkaException(described.error)
        return sorted(described.partitions)

    def _end(self, place: Place) -> int:
        return int(self._consumer.get_watermark_offsets(TopicPartition(*place), timeout=ANSWER_SECONDS_MAX)[1])

    def _offsets(self, places: Sequence[Place], since: datetime) -> dict[Place, int]:
        """Where each partition stood at an instant; its end where nothing is as late as that."""
        wanted = [TopicPartition(*place, int(since.timestamp() * 1000)) for place in places]
        answer = self._consumer.offsets_for_times(wanted, ANSWER_SECONDS_MAX)
        found = {(at.topic, at.partition): at.offset for at in answer}
        return {place: offset if offset >= 0 else self._ends[place] for place, offset in found.items()}


def _read(message: Any) -> Read:  # Any: a record of the library
    headers = {name: value.decode("utf-8", "replace") for name, value in message.headers() or () if value is not None}
    return Read(
        topic=message.topic(), partition=message.partition(), offset=message.offset(),
        key=(message.key() or b"").decode("utf-8", "replace"), headers=headers,
        value=_decoded(headers.get("ce_type", ""), message.value() or b""),
    )


def _decoded(type_name: str, payload: bytes) -> dict[str, Any] | None:
    _contract()
    try:
        kind = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(type_name))
        said: dict[str, Any] = MessageToDict(kind.FromString(payload), preserving_proto_field_name=True)
    except (KeyError, DecodeError):
        return None
    return said


@cache
def _contract() -> None:
    """Have every message of the contract known by its name."""
    root = Path(settlement.__path__[0])
    for path in sorted(root.rglob("*_pb2.py")):
        import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
