"""What a decision leaves in the append-only tables: journals of the book, and the events of each aggregate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.kernel.chain import Value, origin
from services.kernel.effects import PostedJournal
from services.runtime.ground.tables import Connection


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as subscribers get it; kept for ever, so that a replay is the same to the byte."""

    aggregate_id: str
    sequence: int
    type: str
    at: datetime
    saga_id: str
    payload: bytes
    cause: str = ""
    """By which request or notice it came to be: its answer is kept under that id. Subscribers do not get it."""

    @property
    def chained(self) -> tuple[Value, ...]:
        """What the chain of its aggregate holds of it."""
        return self.type, self.at, origin(self.saga_id, self.cause), self.payload


async def save_journals(connection: Connection, posted: Sequence[PostedJournal]) -> None:
    """Append; the primary key (root, version, no) refuses what was posted before."""
    await connection.copy_records_to_table(
        "journals",
        columns=[
            "root", "root_version", "no", "op", "unit", "order_id", "saga_id", "posted_at",
            "accounts", "subs", "amounts",
        ],
        records=[
            (
                p.root, p.root_version, p.no, p.journal.op, p.journal.unit.value, p.journal.order_id, p.saga_id,
                p.posted_at, *(list(column) for column in zip(*p.journal.lines, strict=True)),
            )
            for p in posted
        ],
    )


async def save_events(connection: Connection, events: Sequence[StoredEvent], links: Sequence[bytes]) -> None:
    """Append, each with its link; the primary key (aggregate, sequence) refuses a fork (I7)."""
    await connection.copy_records_to_table(
        "events",
        columns=["aggregate_id", "sequence", "type", "at", "saga_id", "cause", "payload", "link"],
        records=[
            (e.aggregate_id, e.sequence, e.type, e.at, e.saga_id, e.cause, e.payload, link)
            for e, link in zip(events, links, strict=True)
        ],
    )
