"""What was settled is noted when it is read, not when a time of waiting is over."""

from types import SimpleNamespace
from typing import Any

from settle.bench.subscriber import MESSAGES_MAX, POLL_SECONDS, Subscriber


class Event:
    """The end of an order, as Kafka brings it."""

    def __init__(self, order_id: str) -> None:
        self._key = order_id.encode()

    def key(self) -> bytes:
        """The order's."""
        return self._key

    def error(self) -> None:
        """None."""

    def headers(self) -> list[tuple[str, bytes]]:
        """What it tells."""
        return [("ce_type", b"settlement.order.v1.OrderCancelled")]


class Consumer:
    """Has two events, and stops the reader when they are read."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self.asked: list[tuple[str, float]] = []

    def poll(self, seconds: float) -> Event:
        """The first, as soon as it is there."""
        self.asked.append(("poll", seconds))
        self._subscriber._open = False
        return Event("ord_1")

    def consume(self, most: int, seconds: float) -> list[Event]:
        """What came with it. With a time it would wait for that, unless `most` are there."""
        self.asked.append((f"consume {most}", seconds))
        return [Event("ord_2")]


def test_nothing_is_waited_for_but_the_first_event() -> None:
    """`consume` with 50 ms put up to as much onto the time to the end of every settlement on an idle engine."""
    subscriber = Subscriber.__new__(Subscriber)
    consumer: Any = Consumer(subscriber)
    subscriber.settled_at, subscriber._open, subscriber._consumer = {}, True, consumer

    subscriber._read()

    assert consumer.asked == [("poll", POLL_SECONDS), (f"consume {MESSAGES_MAX}", 0)]
    assert list(subscriber.settled_at) == ["ord_1", "ord_2"]


def test_the_partitions_of_the_topic_are_read() -> None:
    """Old data keep theirs: a partition that is not there cannot be read, and one that is left out settles nothing."""
    subscriber = Subscriber.__new__(Subscriber)
    topic = SimpleNamespace(partitions=dict.fromkeys(range(8)))
    known: Any = SimpleNamespace(list_topics=lambda name, timeout: SimpleNamespace(topics={name: topic}))
    subscriber._topic, subscriber._consumer = "settlement.order.events.v1", known

    assert subscriber._partitions() == list(range(8))
