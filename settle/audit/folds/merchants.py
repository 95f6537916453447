"""What merchants are owed and owe, and settlements with them, are what their journals, events and sagas say (3.3)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import asyncpg
from google.protobuf.message import DecodeError, Message

from services.card_redemption.domain.books import cleared
from services.credit_ledger.domain.model import books
from services.kernel.shares import first_share, share_keys
from settle.audit.findings import CARD, CREDIT, ORDER, Finding, Walk, instant
from settle.audit.folds.differences import readable
from settle.audit.shared_reads import DROPPED, EVENTS, JOURNALS, read_all, rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import events_pb2 as card_pb2
from settlement.credit_ledger.v1 import events_pb2 as credit_pb2

CARD_SHARES, CREDIT_SHARES, SETTLEMENTS = "shares.card_history", "shares.credit_history", "merchants.history"
SETTLE = "merchant_settle"
_ROWS = "select id, merchant_id, sequence, version from merchant_shares where id = any($1::text[])"
_SETTLEMENTS = """
select m.id, m.merchant_id, m.amount_minor, m.settlement_id, m.started_at, m.state, m.reason, m.ended_at, m.version,
       s.id saga_id, s.root, s.kind, s.phase, s.reason saga_reason, s.started_at began_at, s.updated_at,
       s.plan ->> 'merchant_id' plan_merchant, s.plan ->> 'gift_minor' plan_minor
from merchant_settlements m left join saga_records s on s.id = m.settlement_id where m.id = any($1::text[])
"""
_STATES = {"DONE": "SETTLED", "ABORTED": "REFUSED"}


class _Settled(NamedTuple):
    """A payment to a merchant, or a share that was given up: what its event has to say."""

    merchant_id: str
    amount_minor: int
    paid_minor: int


class _Book(NamedTuple):
    """How a book posts and tells a settlement with a merchant: the event, and what it should be, by its journal."""

    check: str
    service: str
    message: type[Message]
    settled: Callable[[str, asyncpg.Record], tuple[_Settled, Sequence[tuple[str, str, int]]]]


def _cleared(merchant_id: str, journal: asyncpg.Record) -> tuple[_Settled, Sequence[tuple[str, str, int]]]:
    """card_redemption gives up what it owes."""
    amount_minor = sum(max(0, each) for each in journal["amounts"])
    return _Settled(merchant_id, amount_minor, 0), cleared(merchant_id, journal["saga_id"], amount_minor)


def _paid(merchant_id: str, journal: asyncpg.Record) -> tuple[_Settled, Sequence[tuple[str, str, int]]]:
    """credit_ledger pays what either book owes, less what the merchant owes."""
    amount_minor = sum(max(0, each) for each in journal["amounts"])
    netted = -sum(
        amount for account, amount in zip(journal["accounts"], journal["amounts"], strict=False)
        if account == books.MERCHANT_RECEIVABLE
    )
    saga_id = journal["saga_id"]
    debit = (books.CLEARING, saga_id) if saga_id else (books.MERCHANT_PAYABLE, merchant_id)
    lines = (
        (*debit, amount_minor), (books.MERCHANT_RECEIVABLE, merchant_id, -netted),
        (books.BANK, "", netted - amount_minor),
    )
    return _Settled(merchant_id, amount_minor, amount_minor - netted), [line for line in lines if line[2]]


_OF_CARDS = _Book(CARD_SHARES, CARD, card_pb2.MerchantShareCleared, _cleared)
_OF_CREDIT = _Book(CREDIT_SHARES, CREDIT, credit_pb2.MerchantPaid, _paid)


async def card_shares(world: World, ids: Sequence[str]) -> list[Finding]:
    """What the shares of card_redemption say that their journals and events do not."""
    return await _differing(world, _OF_CARDS, ids)


async def credit_shares(world: World, ids: Sequence[str]) -> list[Finding]:
    """What the shares of the credit ledger say that their journals and events do not."""
    return await _differing(world, _OF_CREDIT, ids)


async def _differing(world: World, book: _Book, ids: Sequence[str]) -> list[Finding]:
    database = world[book.service]
    journals = _grouped(await read_all(world, book.service, JOURNALS, ids), "root")
    events = _grouped(await read_all(world, book.service, EVENTS, ids), "aggregate_id")
    dropped = {row["aggregate_id"]: row["sequence"] for row in await rows(world, book.service, DROPPED, ids)}
    found: list[Finding] = []
    for row in await database.fetch(_ROWS, ids):
        found += _of_share(book, row, journals[row["id"]], events[row["id"]], dropped.get(row["id"], 0))
    return found


def _of_share(
    book: _Book, row: asyncpg.Record, journals: Sequence[asyncpg.Record], events: Sequence[asyncpg.Record], dropped: int
) -> Iterator[Finding]:
    """A share is of the merchant in its name; each settlement of its journals is an event, in their order."""
    share_id, merchant_id = row["id"], row["id"].rpartition("/")[0]
    table = f"merchant_shares {share_id}"
    if row["merchant_id"] != merchant_id or share_id not in share_keys(merchant_id):
        yield _finding(book, f"{table} merchant_id", merchant_id, row["merchant_id"])
    settled = [journal for journal in journals if journal["op"] == SETTLE]
    if row["sequence"] != len(settled):
        yield _finding(book, f"{table} sequence", len(settled), row["sequence"])
    if settled and share_id != first_share(merchant_id):
        yield _finding(book, f"journals {share_id}", f"settlements on {first_share(merchant_id)}", len(settled))
    if journals and row["version"] < journals[-1]["root_version"]:
        yield _finding(book, f"{table} version", f"at least {journals[-1]['root_version']}", row["version"])
    told = {event["sequence"]: event for event in events}
    for number, journal in enumerate(settled, 1):
        yield from _of_settlement(
            book, merchant_id, journal, event=told.pop(number, None), kept=number > dropped, number=number
        )
    for number, event in told.items():
        yield _finding(book, f"events {share_id}/{number}", "nothing", event["type"], event)


def _of_settlement(
    book: _Book, merchant_id: str, journal: asyncpg.Record, event: asyncpg.Record | None, kept: bool, number: int
) -> Iterator[Finding]:
    """The journal of a settlement is what it has to be, and its event says the same."""
    expected, lines = book.settled(merchant_id, journal)
    posted = list(zip(journal["accounts"], journal["subs"], journal["amounts"], strict=False))
    key = f"{journal['root']}/{journal['root_version']}"
    if sorted(posted) != sorted(lines):
        yield _finding(book, f"journals {key}", readable(tuple(lines)), readable(tuple(posted)))
    if event is None:
        if kept:
            yield _finding(book, f"events {journal['root']}/{number}", readable(expected), "none", journal=journal)
        return
    said = _said(book, event)
    if said != expected:
        yield _finding(
            book, f"events {journal['root']}/{number}", readable(expected), readable(said), event
        )
    for name, of_journal in (("at", "posted_at"), ("saga_id", "saga_id")):
        if event[name] != journal[of_journal]:
            what = f"events {journal['root']}/{number} {name}"
            yield _finding(book, what, readable(journal[of_journal]), readable(event[name]), event)


def _said(book: _Book, event: asyncpg.Record) -> _Settled | str:
    """What an event tells, or why it cannot be read."""
    if event["type"] != book.message.DESCRIPTOR.full_name:
        return str(event["type"])
    try:
        message: Any = book.message.FromString(event["payload"])  # Any: one of the two
    except (DecodeError, ValueError) as error:
        return str(error)
    return _Settled(message.merchant_id, message.amount_minor, getattr(message, "paid_minor", 0))


async def settlements(world: World, ids: Sequence[str]) -> list[Finding]:
    """What settlements with merchants say that their sagas do not."""
    return [
        Finding(
            SETTLEMENTS, ORDER, f"merchant_settlements {row['id']} {name}", expected=readable(expected),
            actual=readable(actual), since=instant(row["updated_at"]),
        )
        for row in await world[ORDER].fetch(_SETTLEMENTS, ids)
        for name, expected, actual in _fields(row) if expected != actual
    ]


def _fields(row: asyncpg.Record) -> Iterator[tuple[str, object, object]]:
    """What each field of the row has to be, and is."""
    if row["saga_id"] is None:
        yield "settlement_id", "a settlement on record", row["settlement_id"]
        return
    ended = row["phase"] in _STATES
    yield "id", row["root"], row["id"]
    yield "id", f"{row['merchant_id']}/", f"{row['id'].rpartition('/')[0]}/"
    yield "settlement_id", "merchant_settlement", row["kind"]
    yield "merchant_id", row["plan_merchant"], row["merchant_id"]
    yield "amount_minor", row["plan_minor"], str(row["amount_minor"])
    yield "started_at", row["began_at"], row["started_at"]
    yield "state", _STATES.get(row["phase"], "SETTLING"), row["state"]
    yield "reason", row["saga_reason"] if ended else "", row["reason"]
    yield "ended_at", row["updated_at"] if ended else None, row["ended_at"]
    yield "version", 2 if ended else 1, row["version"]


def _grouped(rows: Sequence[asyncpg.Record], key: str) -> Mapping[str, list[asyncpg.Record]]:
    groups: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups


def _finding(
    book: _Book, what: str, expected: object, actual: object, event: asyncpg.Record | None = None,
    journal: asyncpg.Record | None = None,
) -> Finding:
    since = event["at"] if event is not None else journal["posted_at"] if journal is not None else None
    return Finding(
        book.check, book.service, what, expected=str(expected), actual=str(actual), since=instant(since)
    )


_CAUSE = "a journal or an event was lost or changed, or a row was changed past the engine"
WALKS = (
    Walk(
        CARD_SHARES, "a merchant's share in the card book tells each settlement that its journals say", CARD, "share",
        card_shares, cause=_CAUSE,
    ),
    Walk(
        CREDIT_SHARES, "a merchant's share in the credit book tells each payment that its journals say", CREDIT,
        "share", credit_shares, cause=_CAUSE,
    ),
    Walk(
        SETTLEMENTS, "a settlement with a merchant is what its saga says", ORDER, "merchant settlement", settlements,
        cause="the row or the saga was changed past the engine",
    ),
)
