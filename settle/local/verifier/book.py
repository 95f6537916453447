"""The verifier's own records, in SQLite: what it answered under which key, and what it is told to say. They survive a
kill; no code is among them."""

import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

PENDING, FOUND, CONSUMED, INVALID, REFUSED = "PENDING", "FOUND", "CONSUMED", "INVALID", "REFUSED"
EVERY_CARD = "*"
_COLUMNS = "key, card_id, expected_minor, asked_at, ready_at, said, face_minor, contradicts, released, calls"


class KeyReused(Exception):
    """The key was used before for another card."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What it says of a card: `finding` (empty: what the asker expects) with the face, as soon as it is not `held`."""

    held: bool = False
    finding: str = ""
    face_minor: int = 0
    contradicts: bool = False
    keeps_code: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """One verification. `said` is what it answered last, PENDING until it has answered."""

    key: str
    card_id: str
    expected_minor: int
    asked_at: str
    ready_at: str
    said: str = PENDING
    face_minor: int = 0
    contradicts: bool = False
    released: bool = False
    calls: int = 1

    def answered(self, behaviour: Behaviour, now: datetime) -> "Verified":
        """What it says now: nothing before its time, then the same for ever, unless it contradicts itself."""
        if self.said == PENDING:
            late = behaviour.held or now < datetime.fromisoformat(self.ready_at)
            return self if late else self._finding(behaviour)
        if not (self.contradicts or behaviour.contradicts):
            return self
        return replace(self, said=CONSUMED if self.said == FOUND else FOUND, face_minor=self.expected_minor)

    def _finding(self, behaviour: Behaviour) -> "Verified":
        if behaviour.finding:
            return replace(self, said=behaviour.finding, face_minor=behaviour.face_minor)
        return replace(self, said=FOUND if self.expected_minor else INVALID, face_minor=self.expected_minor)


class VerifierBook:
    """All verifications, each key once. What a call answered is on disk: SQLite syncs each statement."""

    def __init__(self, file: Path | str) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.execute(
            """create table if not exists verifications (
                   key text primary key, card_id text not null, expected_minor integer not null, asked_at text not null,
                   ready_at text not null, said text not null, face_minor integer not null,
                   contradicts integer not null, released integer not null, calls integer not null)"""
        )
        self._database.execute(
            """create table if not exists behaviours (
                   card_id text primary key, held integer not null, finding text not null, face_minor integer not null,
                   contradicts integer not null, keeps_code integer not null)"""
        )

    def ask(self, key: str, card_id: str, expected_minor: int, seconds: float, contradicts: bool) -> Verified:
        """Verify once: the same key and card is the same verification; with another card it raises `KeyReused`."""
        known = self.find(key)
        if known is not None and known.card_id != card_id:
            raise KeyReused(key)
        if known is None:
            now = datetime.now(UTC)
            ready_at = (now + timedelta(seconds=seconds)).isoformat()
            known = Verified(key, card_id, expected_minor, now.isoformat(), ready_at, contradicts=contradicts)
        else:
            known = replace(known, calls=known.calls + 1)
        return self._tell(known)

    def find(self, key: str) -> Verified | None:
        """The verification under this key, if there is one."""
        row = self._database.execute(f"select {_COLUMNS} from verifications where key = ?", (key,)).fetchone()
        if row is None:
            return None
        return Verified(
            key=row[0], card_id=row[1], expected_minor=row[2], asked_at=row[3], ready_at=row[4], said=row[5],
            face_minor=row[6], contradicts=bool(row[7]), released=bool(row[8]), calls=row[9],
        )

    def read(self, key: str) -> Verified | None:
        """What it says of it now."""
        known = self.find(key)
        return None if known is None else self._tell(known)

    def refuse(self, key: str, card_id: str) -> Verified:
        """Refuse for good."""
        now = datetime.now(UTC).isoformat()
        known = self.find(key) or Verified(key, card_id, 0, now, now)
        return self._save(replace(known, said=REFUSED, face_minor=0) if known.said == PENDING else known)

    def release(self, key: str) -> Verified | None:
        """Let go of the code, where that is not kept for good; who contradicts himself takes it back the next time."""
        known = self.find(key)
        if known is None or (behaviour := self._behaviour(known.card_id)).keeps_code:
            return known
        two_minds = known.contradicts or behaviour.contradicts
        return self._save(replace(known, released=not (two_minds and known.released)))

    def set_behaviour(self, card_id: str, behaviour: Behaviour) -> None:
        """From now on say this of a card."""
        self._database.execute(
            "insert or replace into behaviours values (?, ?, ?, ?, ?, ?)",
            (card_id, behaviour.held, behaviour.finding, behaviour.face_minor, behaviour.contradicts,
             behaviour.keeps_code),
        )

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _behaviour(self, card_id: str) -> Behaviour:
        row = self._database.execute(
            """select held, finding, face_minor, contradicts, keeps_code from behaviours where card_id in (?, ?)
               order by card_id = ? limit 1""",
            (card_id, EVERY_CARD, EVERY_CARD),
        ).fetchone()
        return Behaviour(bool(row[0]), row[1], row[2], bool(row[3]), bool(row[4])) if row else Behaviour()

    def _tell(self, known: Verified) -> Verified:
        """What it says now; what it will say next is on disk before anybody hears of it."""
        return self._save(known.answered(self._behaviour(known.card_id), datetime.now(UTC)))

    def _save(self, verified: Verified) -> Verified:
        self._database.execute(
            f"insert or replace into verifications ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (verified.key, verified.card_id, verified.expected_minor, verified.asked_at, verified.ready_at,
             verified.said, verified.face_minor, verified.contradicts, verified.released, verified.calls),
        )
        return verified
