"""The inbox: every decided message once, with its stored answer; TRY, CONFIRM and CANCEL of a saga's branch among them.

A variant of the barrier of RELIABILITY 4.2 that writes each row once: the roots of a batch are locked first, in one
order; then, in a statement of its own, the rows of the batch are read; each fresh message is decided under that lock
and inserted with its verdict. Two messages that could contradict each other name the same root, so the second sees
what the first committed. Where no root exists yet, the primary key decides, and the loser is asked again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from services.kernel.decision import Refused
from services.kernel.effects import Answer
from services.kernel.saga import Verdict
from services.kernel.seal import seal_of
from services.runtime.ground.clock import Clock
from services.runtime.ground.tables import Connection
from services.runtime.ground.writing import Write, insert_into
from services.runtime.stored import switches
from services.runtime.stored.switches import Present

_INSERT = insert_into("inbox", {
    "message_id": "text", "body_hash": "bytea", "verdict": "text", "type": "text", "outcome": "bytea",
    "decided_at": "timestamptz", "seal": "bytea",
})
_REFUSAL = msgspec.json.Decoder(Refused)


@dataclass(frozen=True, slots=True)
class Answered:
    """A stored answer: of a request (`body_hash` set) or of one operation of a saga's branch."""

    message_id: str
    verdict: Verdict
    type: str = ""
    outcome: bytes = b""
    body_hash: bytes | None = None

    @property
    def refusal(self) -> Refused:
        """The refusal that was stored, for a verdict of REFUSED."""
        return _REFUSAL.decode(self.outcome)


def refused(message_id: str, refusal: Refused, body_hash: bytes | None = None) -> Answered:
    """The row of a refusal; a refusal is an answer and stays one (case 6)."""
    return Answered(message_id, Verdict.REFUSED, "", msgspec.json.encode(refusal), body_hash)


async def load(connection: Connection, ids: Iterable[str], clock: Clock) -> tuple[Present, dict[str, Answer]]:
    """The present instant with what is stopped, and the stored answers of these ids, each with its row. Call it after
    the roots are locked, never in the same statement."""
    rows = await connection.fetch(
        f"""select p.present, s.stopped, message_id, verdict, type, outcome, body_hash
            from {clock.sql} p (present) cross join {switches.SQL} left join inbox on message_id = any($1::text[])""",
        sorted(set(ids)),
    )
    answers = {row[2]: _answer(_answered(row[2:])) for row in rows if row[2] is not None}
    return switches.present_of(rows[0][0], rows[0][1]), answers


async def find_all(connection: Connection, ids: Iterable[str]) -> dict[str, Answer]:
    """The stored answers of these ids, by id; their roots are locked already, by statements before."""
    rows = await connection.fetch(
        "select message_id, verdict, type, outcome, body_hash from inbox where message_id = any($1::text[])",
        sorted(set(ids)),
    )
    return {row[0]: _answer(_answered(row)) for row in rows}


async def find(connection: Connection, message_id: str) -> Answered | None:
    """The stored answer of this id."""
    row = await connection.fetchrow(
        "select message_id, verdict, type, outcome, body_hash from inbox where message_id = $1", message_id
    )
    return None if row is None else _answered(row)


async def keep(connection: Connection, told: Answered, now: datetime, seal_key: bytes = b"") -> Answered:
    """Store the answer of what no lane decided, unless one is stored already; answers what is stored then."""
    await connection.execute(
        """insert into inbox (message_id, body_hash, verdict, type, outcome, decided_at, seal)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict (message_id) do nothing""",
        told.message_id, told.body_hash, told.verdict.value, told.type, told.outcome, now, _seal(told, now, seal_key),
    )
    return await find(connection, told.message_id) or told


def _answered(row: Any) -> Answered:  # Any: a row, or its columns
    return Answered(row[0], Verdict(row[1]), row[2], row[3], row[4])


def _answer(row: Answered) -> Answer:
    return Answer(row.message_id, row.verdict, body_hash=row.body_hash, stored=row)


async def amend(
    connection: Connection, amendments: Sequence[tuple[str, bytes, bytes]], seal_key: bytes = b""
) -> dict[str, bytes]:
    """Store the last of each (request id, what was told, what it ended with) where the second is stored.

    Answers what is stored then, by request id.
    """
    ids, told, ended = zip(*sorted(amendments), strict=True)
    ends = dict(zip(ids, ended, strict=True))
    rows = await connection.fetch(
        """select message_id, verdict, type, outcome, body_hash, decided_at from inbox
           where message_id = any($1::text[])""", ids,
    )
    seals = {row[0]: _seal(replace(_answered(row), outcome=ends[row[0]]), row[5], seal_key) for row in rows}
    kept = {row[0]: row[1] for row in await connection.fetch(
        """update inbox i set outcome = a.ended, seal = a.seal
           from unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[]) a (id, told, ended, seal)
           where i.message_id = a.id and i.outcome = a.told returning i.message_id, i.outcome""",
        ids, told, ended, [seals.get(key, b"") for key in ids],
    )}
    if others := [key for key in ids if key not in kept]:
        found = await connection.fetch(
            "select message_id, outcome from inbox where message_id = any($1::text[])", others
        )
        kept |= {row[0]: row[1] for row in found}
    return kept


def save(answers: Mapping[str, Answered], now: datetime, seal_key: bytes = b"") -> Write:
    """Insert what this batch decided; a conflict means that another lane was first, and fails the batch."""
    rows: Sequence[Answered] = [answers[key] for key in sorted(answers)]
    return Write(_INSERT, (
        [a.message_id for a in rows], [a.body_hash for a in rows], [a.verdict.value for a in rows],
        [a.type for a in rows], [a.outcome for a in rows], [now] * len(rows), [_seal(a, now, seal_key) for a in rows],
    ))


def _seal(answer: Answered, decided_at: datetime, key: bytes) -> bytes:
    """Of an answer as it is stored: what decides a repeat, and when it may go."""
    hashed = answer.body_hash.hex() if answer.body_hash is not None else None
    row = answer.message_id, answer.verdict.value, answer.type, decided_at, hashed, answer.outcome
    return seal_of("inbox", row, key)
