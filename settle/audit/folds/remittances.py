"""Recycling channels and the switch of payouts, told again: a channel is the sum of its remittances, each a journal and
an event; the switch stands as its last event says (P29)."""

from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg
from google.protobuf.message import DecodeError

from services.credit_ledger.domain.log.postings import UNDER_A_CHANNEL
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.channel import nameless_id, remittance_id
from services.credit_ledger.domain.model.redemptions import ReceiveRemittance
from settle.audit.findings import CREDIT, Finding, Walk, instant
from settle.audit.folds.differences import readable
from settle.audit.shared_reads import DROPPED, EVENTS, JOURNALS, read_all, rows
from settle.audit.snapshots import World
from settlement.credit_ledger.v1 import events_pb2

CHANNELS, SWITCHES = "channels.remitted", "switches.moved"
NAMES = "select id, channel, number, version from remittances where channel = any($1::text[]) order by channel, number"
CHANNEL_ROWS = "select id, received_minor, sequence, version from recycling_channels where id = any($1::text[])"
SWITCH_ROWS = """
select id, paused, operator_id, reason, changed_at, sequence, version from payout_switches where id = any($1::text[])
"""
(_POSTING,) = UNDER_A_CHANNEL[ReceiveRemittance]
_RECEIVED = events_pb2.RemittanceReceived
_MOVES = {
    events_pb2.PayoutsPaused.DESCRIPTOR.full_name: (events_pb2.PayoutsPaused, True),
    events_pb2.PayoutsResumed.DESCRIPTOR.full_name: (events_pb2.PayoutsResumed, False),
}


async def channels(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of these channels is not the sum of its remittances, or was told otherwise than it was posted."""
    journals: dict[str, list[asyncpg.Record]] = {}
    for row in await read_all(world, CREDIT, JOURNALS, ids):
        journals.setdefault(row["root"], []).append(row)
    told = await _told(world, ids)
    names: dict[str, list[asyncpg.Record]] = {}
    for row in await world[CREDIT].fetch(NAMES, ids):
        names.setdefault(row["channel"], []).append(row)
    dropped = {row["aggregate_id"]: row["sequence"] for row in await rows(world, CREDIT, DROPPED, ids)}
    return [
        found for row in await world[CREDIT].fetch(CHANNEL_ROWS, ids) for found in (
            *_of_names(row, names.get(row["id"], []), told.get(row["id"], {})),
            *_of_channel(row, journals.get(row["id"], []), told.get(row["id"], {}), dropped.get(row["id"], 0)),
        )
    ]


def _of_names(
    row: asyncpg.Record, names: Sequence[asyncpg.Record], told: dict[int, asyncpg.Record]
) -> Iterator[Finding]:
    """Each has a name, the one that was told; of before there were names, one row without stands for all (0017), and
    what such a process booked beside newer ones under a name that was taken, or is forgotten, has none (0018)."""
    before, taken = 0, set[str]()
    if names and names[0]["id"] == remittance_id(row["id"], ""):
        before, names = names[0]["number"], names[1:]
    if before + len(names) != row["sequence"]:
        yield _finding(CHANNELS, f"remittances of {row['id']}", row["sequence"] - before, len(names))
    for number, name in enumerate(names, before + 1):
        event = told.get(number)
        fact = _read(_RECEIVED, event["payload"]) if event is not None else None
        right = name["id"] if fact is None else remittance_id(row["id"], fact.reference)
        if right in taken:
            right = nameless_id(row["id"], number)
        taken.add(right)
        expected = (right, number, 1)
        actual = name["id"], name["number"], name["version"]
        if actual != expected:
            yield _finding(CHANNELS, f"remittances {name['id']}", readable(expected), readable(actual))


def _of_channel(
    row: asyncpg.Record, journals: Sequence[asyncpg.Record], told: dict[int, asyncpg.Record], dropped: int
) -> Iterator[Finding]:
    table, total = f"recycling_channels {row['id']}", sum(_amount(journal) for journal in journals)
    expected = {"received_minor": total, "sequence": len(journals), "version": len(journals)}
    for name, value in expected.items():
        if row[name] != value:
            yield _finding(CHANNELS, f"{table} {name}", value, row[name])
    for number, journal in enumerate(journals, 1):
        amount, key = _amount(journal), f"{row['id']}/{journal['root_version']}"
        lines = ((books.BANK, "", amount), (books.CLEARING, journal["saga_id"], -amount))
        posted = tuple(zip(journal["accounts"], journal["subs"], journal["amounts"], strict=False))
        if (journal["op"], posted) != (_POSTING.op, lines) or not journal["saga_id"]:
            expected_lines = f"{_POSTING.op} of a settlement: {readable(lines)}"
            yield _finding(CHANNELS, f"journals {key}", expected_lines, f"{journal['op']}: {readable(posted)}", journal)
        event = told.pop(number, None)
        if event is None and number <= dropped:
            continue
        said = (_RECEIVED.DESCRIPTOR.full_name, row["id"], amount, journal["saga_id"], journal["posted_at"])
        heard = None if event is None else _heard(event)
        if heard != said:
            yield _finding(CHANNELS, f"events {row['id']}/{number}", readable(said), readable(heard or "none"), journal)
    for number, event in told.items():
        yield _finding(CHANNELS, f"events {row['id']}/{number}", "nothing", event["type"])


async def switches(world: World, ids: Sequence[str]) -> list[Finding]:
    """Where the switch does not stand as its last event says."""
    told = await _told(world, ids)
    return [
        found for row in await world[CREDIT].fetch(SWITCH_ROWS, ids)
        for found in _of_switch(row, told.get(row["id"], {}))
    ]


def _of_switch(row: asyncpg.Record, told: dict[int, asyncpg.Record]) -> Iterator[Finding]:
    if row["version"] != row["sequence"]:
        yield _finding(SWITCHES, f"payout_switches {row['id']} version", row["sequence"], row["version"])
    last = told.get(row["sequence"])
    if last is None:
        return  # it was dropped with what is old, or its chain says that it is missing
    kind, paused = _MOVES.get(last["type"], (None, False))
    fact = None if kind is None else _read(kind, last["payload"])
    if fact is None:
        yield _finding(SWITCHES, f"events {row['id']}/{row['sequence']}", "a move of the switch", last["type"])
        return
    expected = {
        "paused": paused, "operator_id": fact.operator_id, "reason": fact.reason, "changed_at": last["at"]
    }
    for name, value in expected.items():
        if row[name] != value:
            yield _finding(SWITCHES, f"payout_switches {row['id']} {name}", value, row[name])


async def _told(world: World, ids: Sequence[str]) -> dict[str, dict[int, asyncpg.Record]]:
    told: dict[str, dict[int, asyncpg.Record]] = {}
    for row in await read_all(world, CREDIT, EVENTS, ids):
        told.setdefault(row["aggregate_id"], {})[row["sequence"]] = row
    return told


def _amount(journal: asyncpg.Record) -> int:
    """What the bank got."""
    return sum(max(0, amount) for amount in journal["amounts"])


def _heard(event: asyncpg.Record) -> tuple[object, ...]:
    fact = _read(_RECEIVED, event["payload"])
    amount, channel = (fact.amount_minor, fact.channel) if fact is not None else (None, None)
    return event["type"], channel, amount, event["saga_id"], event["at"]


def _read(kind: Any, payload: bytes) -> Any:  # Any: messages of several kinds
    """The fact, or None where these bytes are none."""
    try:
        return kind.FromString(payload)
    except (DecodeError, ValueError):
        return None


def _finding(
    check: str, what: str, expected: object, actual: object, journal: asyncpg.Record | None = None
) -> Finding:
    since = instant(journal["posted_at"]) if journal is not None else ""
    return Finding(check, CREDIT, what, str(expected), str(actual), since=since)


_CAUSE = "a journal or an event was lost or changed, or a row was changed past the engine"
WALKS = (
    Walk(
        CHANNELS, "a recycling channel has remitted what its journals and events say", CREDIT, "channel", channels,
        cause=_CAUSE,
    ),
    Walk(SWITCHES, "the switch of payouts stands as its last event says", CREDIT, "switch", switches, cause=_CAUSE),
)
