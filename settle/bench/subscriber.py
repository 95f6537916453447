"""Reads a service's events from Kafka in a thread of its own and notes when each order, or each card's redemption, was
settled."""

import threading
import time

from confluent_kafka import OFFSET_END, Consumer, Message, TopicPartition

from settlement.card_redemption.v1 import redemption_events_pb2

ENDS = (
    b"settlement.order.v1.OrderCancelled", b"settlement.order.v1.OrderRefunded", b"settlement.order.v1.RefundFailed",
)
STEPPED = b"settlement.card_redemption.v1.RedemptionStepped"
LAST_STEPS = (redemption_events_pb2.REDEMPTION_STEP_CANCELLED, redemption_events_pb2.REDEMPTION_STEP_PAID)

MESSAGES_MAX = 1_000
POLL_SECONDS = 0.05


class Subscriber:
    """From the present end of the topic on; `settled_at` has perf_counter times by the id of the order or the card."""

    def __init__(self, kafka: str, service: str = "order") -> None:
        self._topic = f"settlement.{service}.events.v1"
        self.settled_at: dict[str, float] = {}
        self._consumer = Consumer({
            "bootstrap.servers": kafka, "group.id": "settle-bench", "enable.auto.commit": False,
            "fetch.wait.max.ms": 100, "queued.min.messages": 1000, "enable.partition.eof": False,
        })
        self._consumer.assign([TopicPartition(self._topic, n, self._end(n)) for n in self._partitions()])
        self._open = True
        self._thread = threading.Thread(target=self._read, name="subscriber", daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many orders were seen settled since the start."""
        return len(self.settled_at)

    def close(self) -> None:
        """Stop reading."""
        self._open = False
        self._thread.join(5)
        self._consumer.close()

    def _partitions(self) -> list[int]:
        """Those that the topic has, however many are made today."""
        known = self._consumer.list_topics(self._topic, timeout=10).topics[self._topic]
        return sorted(known.partitions)

    def _end(self, partition: int) -> int:
        _low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=10)
        return high if high >= 0 else OFFSET_END

    def _read(self) -> None:
        while self._open:
            first = self._consumer.poll(POLL_SECONDS)  # `consume` waits for its time unless it gets as many as it takes
            now = time.perf_counter()
            for message in [] if first is None else [first, *self._consumer.consume(MESSAGES_MAX, 0)]:
                key = message.key()
                if message.error() is None and key and _ends(message):
                    self.settled_at.setdefault(key.decode(), now)


def _ends(message: Message) -> bool:
    """Whether it tells that something was settled."""
    kind = dict(message.headers() or ()).get("ce_type")
    if kind != STEPPED:
        return kind in ENDS
    return redemption_events_pb2.RedemptionStepped.FromString(message.value() or b"").step in LAST_STEPS
