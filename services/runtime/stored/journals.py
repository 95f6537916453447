"""What a decision leaves in the append-only tables: journals of the book, and the events of each aggregate."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.kernel.chain import Value, origin
from services.kernel.effects import PostedJournal
from services.runtime.ground.writing import Write, insert_into

_INSERT_EVENTS = insert_into("events", {
    "aggregate_id": "text", "sequence": "bigint", "type": "text", "at": "timestamptz", "saga_id": "text",
    "cause": "text", "payload": "bytea", "link": "bytea",
})


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


def save_journals(posted: Sequence[PostedJournal]) -> Write:
    """Append; the primary key (root, version, no) refuses what was posted before. The columns of lines go as literals,
    for what is spread into rows has no arrays in it."""
    lines = [tuple(zip(*each.journal.lines, strict=True)) for each in posted]
    return Write(
        """insert into journals (root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs,
                                 amounts)
           select r, v, n, o, u, i, s, at, a::text[], b::text[], m::bigint[]
           from unnest($1::text[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::timestamptz[], $9::text[], $10::text[], $11::text[]) j (r, v, n, o, u, i, s, at, a, b, m)""",
        (
            [p.root for p in posted], [p.root_version for p in posted], [p.no for p in posted],
            [p.journal.op for p in posted], [p.journal.unit.value for p in posted],
            [p.journal.order_id for p in posted], [p.saga_id for p in posted], [p.posted_at for p in posted],
            *([_literal(each[column]) for each in lines] for column in range(3)),
        ),
    )


def _literal(values: Iterable[object]) -> str:
    """These values as PostgreSQL writes an array of texts or numbers."""
    quoted = (str(value).replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def save_events(events: Sequence[StoredEvent], links: Sequence[bytes]) -> Write:
    """Append, each with its link; the primary key (aggregate, sequence) refuses a fork (I7)."""
    return Write(_INSERT_EVENTS, (
        [e.aggregate_id for e in events], [e.sequence for e in events], [e.type for e in events],
        [e.at for e in events], [e.saga_id for e in events], [e.cause for e in events],
        [e.payload for e in events], links,
    ))
