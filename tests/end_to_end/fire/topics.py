"""Topics as a subscriber sees them, and as an accident leaves them: read whole, deleted and made anew."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from settle.local import topics


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it was read: all that its sender wrote."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def identity(self) -> str:
        """What it is deduped by; of an event, its aggregate and its number."""
        return dict(self.headers)["ce_id"].decode()


def event_topics() -> list[str]:
    """Where the services tell their events."""
    return [name for name in topics.topics() if ".events." in name]


def make_anew(bootstrap: str, names: list[str]) -> None:
    """Delete these topics and make them again, empty: each has another id then."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for deleted in admin.delete_topics(names, operation_timeout=30).values():
        deleted.result(30)
    wanted = [NewTopic(name, topics.partitions(), 1, config=topics.config()) for name in names]
    while wanted:
        made = admin.create_topics(wanted, operation_timeout=30)
        wanted = [new for new in wanted if made[new.topic].exception(30) is not None]


def read(bootstrap: str, names: list[str]) -> list[Seen]:
    """All records of these topics, those of a partition in its order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "fire-reader", "enable.auto.commit": False})
    found: list[Seen] = []
    try:
        begin: list[TopicPartition] = []
        left: dict[tuple[str | None, int | None], int] = {}
        for name in names:
            for partition in consumer.list_topics(name, timeout=10).topics[name].partitions:
                low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)
                if low < high:
                    begin.append(TopicPartition(name, partition, low))
                    left[name, partition] = high - 1
        consumer.assign(begin)
        while left:
            for message in consumer.consume(1000, 0.5):
                if message.error() is None:
                    found.append(Seen(message.key() or b"", message.value() or b"", _headers(message)))
                    place = (message.topic(), message.partition())
                    if (message.offset() or 0) >= left.get(place, 0):
                        left.pop(place, None)
    finally:
        consumer.close()
    return found


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    headers: list[tuple[str, bytes]] = list(message.headers() or [])  # type: ignore[arg-type]  # as they are read
    return tuple(headers)


def numbers(seen: Iterable[Seen]) -> dict[str, list[int]]:
    """The numbers of every aggregate's events, in the order in which they stand."""
    found: dict[str, list[int]] = defaultdict(list)
    for event in seen:
        aggregate, _, number = event.identity.rpartition("/")
        found[aggregate].append(int(number))
    return found


def whole(found: Sequence[int], last: int) -> bool:
    """Whether a subscriber that takes each number after the one before it gets all of them."""
    reached = 0
    for number in found:
        reached += number == reached + 1
    return reached == last


def forget(bootstrap: str, name: str) -> None:
    """Lose all that stands in a topic; it stays the same topic, and its ends stay where they are."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "fire-reader"})
    places = [TopicPartition(name, p) for p in consumer.list_topics(name, timeout=10).topics[name].partitions]
    ends = [
        TopicPartition(name, place.partition, consumer.get_watermark_offsets(place, timeout=10)[1]) for place in places
    ]
    consumer.close()
    for forgotten in admin.delete_records([end for end in ends if end.offset]).values():
        forgotten.result(30)
