"""The acquirer's own books, in SQLite: what was refunded under which key. They survive a kill, as a bank's would."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PENDING, CONFIRMED, REJECTED = "PENDING", "CONFIRMED", "REJECTED"
_COLUMNS = "key, reference, amount_minor, state, created_at, confirmed_at, calls"


class KeyReused(Exception):
    """The key was used before with another content."""


@dataclass(frozen=True, slots=True)
class BookedRefund:
    """One refund; `calls` counts how often it was asked for."""

    key: str
    reference: str
    amount_minor: int
    state: str
    created_at: str
    confirmed_at: str
    calls: int


class AcquirerLedger:
    """All refunds, each key once. What a call answered is on disk: SQLite syncs each statement."""

    def __init__(self, file: Path | str) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")
        self._database.execute(
            """create table if not exists refunds (
                   key text primary key, reference text not null, amount_minor integer not null, state text not null,
                   created_at text not null, confirmed_at text not null, calls integer not null)"""
        )

    def refund(self, key: str, reference: str, amount_minor: int, state: str) -> BookedRefund:
        """Refund once: the same key and content gives the same answer; with other content it raises `KeyReused`."""
        known = self.find(key)
        if known is not None and (known.reference, known.amount_minor) != (reference, amount_minor):
            raise KeyReused(key)
        now = datetime.now(UTC).isoformat()
        row = self._database.execute(
            f"""insert into refunds ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, 1)
                on conflict (key) do update set calls = calls + 1 returning {_COLUMNS}""",
            (key, reference, amount_minor, state, now, now if state == CONFIRMED else ""),
        ).fetchall()[0]
        return BookedRefund(*row)

    def find(self, key: str) -> BookedRefund | None:
        """The refund under this key, if there is one."""
        row = self._database.execute(f"select {_COLUMNS} from refunds where key = ?", (key,)).fetchone()
        return BookedRefund(*row) if row else None

    def confirm(self, key: str) -> BookedRefund | None:
        """Note that the bank has paid."""
        self._database.execute(
            "update refunds set state = ?, confirmed_at = ? where key = ? and state = ?",
            (CONFIRMED, datetime.now(UTC).isoformat(), key, PENDING),
        )
        return self.find(key)

    def bounce(self, key: str) -> BookedRefund | None:
        """Note that what the bank had paid came back: it is rejected now, and when it had arrived stays on record."""
        self._database.execute("update refunds set state = ? where key = ? and state = ?", (REJECTED, key, CONFIRMED))
        return self.find(key)

    def list(self, reference: str, after: str, limit: int) -> "list[BookedRefund]":
        """Refunds by key, of one payment if it is named."""
        rows = self._database.execute(
            f"""select {_COLUMNS} from refunds
                where (? = '' or reference = ?) and key > ? order by key limit ?""",
            (reference, reference, after, limit),
        ).fetchall()
        return [BookedRefund(*row) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
