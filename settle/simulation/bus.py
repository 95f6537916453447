"""Kafka: one log for each partition of each topic. It may double, lose its end, and forget everything."""

from collections.abc import Callable
from dataclasses import dataclass, field

from services.runtime.ground.records import Outgoing


@dataclass(slots=True)
class Log:
    """The records of one partition from `first` on, and who wants to know when some come, or go."""

    records: list[Outgoing] = field(default_factory=list)
    first: int = 0
    listeners: list[Callable[[], None]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Where the next record stands."""
        return self.first + len(self.records)

    def tell(self) -> None:
        """It is another one than before."""
        for listener in self.listeners:
            listener()


class Bus:
    """All topics, of one epoch until everything is forgotten."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, int], Log] = {}
        self._generation = 1
        self.epoch = "cluster/1"
        """The identity of all topics."""

    def log(self, topic: str, partition: int) -> Log:
        """The log of a partition."""
        log = self._logs.get((topic, partition))
        if log is None:
            log = self._logs[topic, partition] = Log()
        return log

    def append(self, record: Outgoing) -> None:
        """Take a record."""
        log = self.log(record.topic, record.partition)
        log.records.append(record)
        log.tell()

    def truncate(self, topic: str, partition: int, count: int) -> int:
        """Lose the last records of a partition; answers how many there were."""
        log = self.log(topic, partition)
        lost = min(count, len(log.records))
        if lost:
            del log.records[-lost:]
            log.tell()
        return lost

    def forget(self) -> None:
        """Lose everything; all topics are new ones from now on."""
        self._generation += 1
        self.epoch = f"cluster/{self._generation}"
        for log in self._logs.values():
            log.records, log.first = [], 0
            log.tell()

    def ends(self, topic: str, partitions: list[int]) -> dict[int, tuple[int, int]]:
        """(Beginning, end) of the log of each of these partitions."""
        return {p: (self.log(topic, p).first, self.log(topic, p).end) for p in partitions}
