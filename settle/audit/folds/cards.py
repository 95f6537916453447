"""Gift cards and what orders took of them are what their events and journals make of them (RA-7, BK-2, P3 to P24)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import msgspec
from google.protobuf.message import DecodeError, Message

from services.card_redemption.domain import events
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.kernel.errors import Defect
from services.kernel.journal import Journal, Line, Unit
from services.kernel.saga import Run
from settle.audit.findings import CARD, ORDER, Finding
from settle.audit.folds.card_replay import CardReplay, Posted, StoredCard, ToldCard, replayed_card
from settle.audit.folds.history import Fault
from settle.audit.folds.stored import SAGAS_BY_ID, Unreadable, run_of
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import events_pb2

HISTORY = "cards.history"
_CARDS = """
select id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version
from gift_cards where id = any($1::text[])
"""
_TENDERS = """
select order_id, card_id, merchant_id, deposited_minor, returned_minor, captured_minor, refunds, version
from card_tenders where order_id = any($1::text[])
"""
_JOURNALS = """
select root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts
from journals where root = any($1::text[]) order by root, root_version, no
"""
_EVENTS = """
select aggregate_id, sequence, type, at, saga_id, payload from events where aggregate_id = any($1::text[])
"""
_DROPPED = "select aggregate_id, sequence from event_checkpoints where aggregate_id = any($1::text[])"
_REFUNDS = msgspec.json.Decoder(tuple[CardRefund, ...])
_Read = tuple[type[Message], Callable[[Any], object]]  # Any: protobuf messages, here and below


def _fact(fact: type, *names: str) -> Callable[[Any], object]:
    return lambda wire: fact(*(getattr(wire, name) for name in names))


_MOVED = ("card_id", "order_id", "amount_minor", "balance_minor")
_GIVEN = ("card_id", "order_id", "refund_id", "amount_minor", "balance_minor")
_BY_MESSAGE: tuple[_Read, ...] = (
    (events_pb2.CardIssued, _fact(events.CardIssued, "card_id", "customer_id", "face_minor")),
    (events_pb2.CardDeposited, _fact(events.CardDeposited, *_MOVED)),
    (events_pb2.CardDepositReturned, _fact(events.CardDepositReturned, *_MOVED)),
    (events_pb2.CardDepositCaptured, _fact(events.CardDepositCaptured, *_MOVED[:3])),
    (events_pb2.CardRefunded, _fact(events.CardRefunded, *_GIVEN)),
    (events_pb2.CardRefundReversed, _fact(events.CardRefundReversed, *_GIVEN)),
)
_READERS: Mapping[str, _Read] = {wire.DESCRIPTOR.full_name: (wire, read) for wire, read in _BY_MESSAGE}


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What these cards and their orders' tenders say that their history does not, and what is wrong with that."""
    book, faults = world[CARD], list[Fault]()
    journals: dict[str, dict[int, Posted]] = defaultdict(dict)
    for row in await book.fetch(_JOURNALS, ids):
        if row["no"]:
            key = f"{row['root']}/{row['root_version']}/{row['no']}"
            faults.append(Fault(f"journals {key}", "one journal of a step", row["op"], row["posted_at"]))
        else:
            journals[row["root"]][row["root_version"]] = posted_of(row)
    told: dict[str, dict[int, ToldCard]] = defaultdict(dict)
    for row in await book.fetch(_EVENTS, ids):
        told[row["aggregate_id"]][row["sequence"]] = told_of(row)
    tenders = await _tenders(book, journals, faults)
    runs = await _runs(world, journals, told)
    dropped = {row["aggregate_id"]: row["sequence"] for row in await book.fetch(_DROPPED, ids)}
    for row in await book.fetch(_CARDS, ids):
        card = GiftCard(**dict(row))
        faults += of_card(StoredCard(
            row=card, tenders=tenders, journals=journals[card.id], told=told[card.id],
            runs={posted.saga_id: runs[posted.saga_id] for posted in journals[card.id].values()
                  if posted.saga_id in runs},
            dropped=dropped.get(card.id, 0),
        ))
    return [
        Finding(HISTORY, CARD, fault.what, expected=fault.expected, actual=fault.actual,
                since=fault.since.isoformat() if fault.since else "")
        for fault in faults
    ]


async def _tenders(
    book: "asyncpg.Connection[asyncpg.Record]", journals: Mapping[str, Mapping[int, Posted]], faults: list[Fault]
) -> dict[str, CardTender]:
    """The tenders of the orders that the journals of these cards name."""
    orders = {posted.order_id for by_number in journals.values() for posted in by_number.values() if posted.order_id}
    tenders = {}
    for row in await book.fetch(_TENDERS, sorted(orders)):
        try:
            given = _REFUNDS.decode(row["refunds"])
        except (msgspec.MsgspecError, ValueError) as error:
            faults.append(Fault(f"card_tenders {row['order_id']} refunds", "what the engine wrote", str(error)))
            given = ()
        tenders[row["order_id"]] = CardTender(
            order_id=row["order_id"], card_id=row["card_id"], merchant_id=row["merchant_id"],
            deposited_minor=row["deposited_minor"], returned_minor=row["returned_minor"],
            captured_minor=row["captured_minor"], refunds=given, version=row["version"],
        )
    return tenders


async def _runs(
    world: World, journals: Mapping[str, Mapping[int, Posted]], told: Mapping[str, Mapping[int, ToldCard]]
) -> dict[str, Run]:
    """The settlements that say what these cards do not: whose deposits they are, and refunds whose events are gone."""
    needed = {
        posted.saga_id for card_id, by_number in journals.items() for number, posted in by_number.items()
        if posted.op == "deposit" or (posted.saga_id and number not in told[card_id])
    }
    runs = {}
    for row in await world[ORDER].fetch(SAGAS_BY_ID, sorted(needed)):
        try:
            runs[row["id"]] = run_of(row)
        except Unreadable:
            continue  # `orders.history` tells it
    return runs


def posted_of(row: asyncpg.Record | Mapping[str, Any]) -> Posted:
    """The journal of a row, and why it is none."""
    lines = tuple(map(Line, row["accounts"], row["subs"], row["amounts"]))
    try:
        unit = Unit(row["unit"])
        Journal(row["op"], unit, lines, row["order_id"])
    except (Defect, ValueError) as error:
        return Posted(row["op"], row["unit"], row["order_id"], lines, flaw=str(error), at=row["posted_at"])
    return Posted(row["op"], unit, row["order_id"], lines, saga_id=row["saga_id"], at=row["posted_at"])


def told_of(row: asyncpg.Record | Mapping[str, Any]) -> ToldCard:
    """The event of a row, and why it cannot be read."""
    reader = _READERS.get(row["type"])
    if reader is None:
        return ToldCard(None, row["at"], row["saga_id"], f"{row['type'] or 'nothing'} is no event of cards")
    try:
        return ToldCard(reader[1](reader[0].FromString(row["payload"])), row["at"], row["saga_id"])
    except (DecodeError, ValueError) as error:
        return ToldCard(None, row["at"], row["saga_id"], f"no {row['type'].rpartition('.')[2]}: {error}")


def of_card(stored: StoredCard) -> Iterator[Fault]:
    """The faults of one card: of its history, its row, and its orders' tenders."""
    replay = replayed_card(stored)
    row, since = stored.row, max((posted.at for posted in stored.journals.values() if posted.at), default=None)
    broken = bool(replay.faults)
    if replay.card is None:
        replay.faults.append(Fault(f"gift_cards {row.id}", "an issue in its history", "none"))
    else:
        expected = replace(replay.card, held_minor=row.held_minor)  # what is held is `cards.claimed`
        if not broken or expected.version == row.version:
            replay.differ(f"gift_cards {row.id} ", expected, row, since)
    for order_id, tender in replay.tenders.items():
        _compare_tender(replay, order_id, tender)
    yield from replay.faults


def _compare_tender(replay: CardReplay, order_id: str, expected: CardTender) -> None:
    found = replay.stored.tenders.get(order_id)
    if found is None:
        replay.faults.append(Fault(f"card_tenders {order_id}", f"what it took of {expected.card_id}", "none"))
    else:
        replay.differ(f"card_tenders {order_id} ", expected, found, None)
