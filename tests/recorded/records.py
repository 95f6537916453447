"""What leaves a service, as it stands in its outbox: nobody publishes here, so every row stays."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import asyncpg

COMMANDS, REPLIES, EVENTS = "commands", "replies", "events"


@dataclass(frozen=True, slots=True)
class Record:
    """One record for Kafka."""

    topic: str
    partition: int
    key: str
    headers: tuple[tuple[str, bytes], ...]
    payload: bytes

    @property
    def service(self) -> str:
        """Whose topic it is: settlement.<service>.<stream>.v1."""
        return self.topic.split(".")[1]

    @property
    def stream(self) -> str:
        """`commands`, `replies` or `events`."""
        return self.topic.split(".")[2]

    @property
    def type(self) -> str:
        """The last part of the name of its message."""
        return self.header("ce_type").rpartition(".")[2]

    @property
    def op(self) -> str:
        """What a saga asks for or answers to: T, F, C or E."""
        return self.header("ce_op")

    def header(self, name: str) -> str:
        """One header, "" if it has none of that name."""
        return next((value.decode() for known, value in self.headers if known == name), "")

    def changed(self, **headers: str) -> "Record":
        """The same record with some headers of other values, as no sender of ours would write it."""
        return replace(self, headers=tuple(
            (name, headers[name].encode() if name in headers else value) for name, value in self.headers
        ))


class Outbox:
    """Reads on from where it stood, lane by lane."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._reached: dict[int, int] = {}

    async def more(self) -> list[Record]:
        """What was written since, in the order of writing."""
        rows = await self._connection.fetch(
            """select o.lane_id, o.seq, o.topic, o.partition, o.key, o.headers, o.payload
               from outbox o left join unnest($1::bigint[], $2::bigint[]) r (lane_id, seq) on r.lane_id = o.lane_id
               where o.seq > coalesce(r.seq, 0) order by o.lane_id, o.seq""",
            list(self._reached), list(self._reached.values()),
        )
        self._reached |= {row[0]: row[1] for row in rows}
        return [Record(row[2], row[3], row[4], tuple(_headers(row[5])), row[6]) for row in rows]


def _headers(stored: bytes) -> Iterator[tuple[str, bytes]]:
    for name, value in json.loads(stored):
        yield name, base64.b64decode(value)
