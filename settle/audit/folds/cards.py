"""Gift cards and what orders took of them are what their events and journals make of them (RA-7, BK-2, P3 to P24)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import asyncpg
import msgspec
from google.protobuf.message import DecodeError, Message

from services.card_redemption.domain import events
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.states import CardStanding
from services.kernel.errors import Defect
from services.kernel.journal import Journal, Line, Unit
from services.kernel.saga import Run
from settle.audit import sealed_tables as tables
from settle.audit.findings import CARD, ORDER, Finding, Walk, instant
from settle.audit.folds.card_numbers import Numbered, numbered
from settle.audit.folds.card_replay import CardReplay, Posted, StoredCard, ToldCard, replayed_card
from settle.audit.folds.card_standing import STANDING
from settle.audit.folds.history import Fault
from settle.audit.folds.stored import SAGAS_BY_ID, Unreadable, run_of
from settle.audit.shared_reads import DROPPED, EVENTS, JOURNALS, once, read_all, rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import events_pb2

HISTORY = "cards.history"
_CARDS = """
select id, customer_id, face_minor, balance_minor, issued_at, held_minor, sequence, version, standing, claimed_by,
       frozen_from, frozen_for, handed_to, code_number, issuer, purchaser_id, purchase
from gift_cards where id = any($1::text[])
"""
_STANDINGS = {each.value: each for each in CardStanding}
_OF_ORDERS = tables.TENDERS.selected("order_id = any($1::text[])")
REFUNDS = msgspec.json.Decoder(tuple[CardRefund, ...])
"""The list in a tender's row."""
_Read = tuple[type[Message], Callable[[Any], object]]  # Any: protobuf messages, here and below


def _fact(fact: type, *names: str) -> Callable[[Any], object]:
    return lambda wire: fact(*(getattr(wire, name) for name in names))


_MOVED = ("card_id", "order_id", "amount_minor", "balance_minor")
_GIVEN = ("card_id", "order_id", "refund_id", "amount_minor", "balance_minor")
_BY_MESSAGE: tuple[_Read, ...] = (
    (events_pb2.CardIssued, _fact(events.CardIssued, *(each.name for each in fields(events.CardIssued)))),
    (events_pb2.CardDeposited, _fact(events.CardDeposited, *_MOVED)),
    (events_pb2.CardDepositReturned, _fact(events.CardDepositReturned, *_MOVED)),
    (events_pb2.CardDepositCaptured, _fact(events.CardDepositCaptured, *_MOVED[:3])),
    (events_pb2.CardRefunded, _fact(events.CardRefunded, *_GIVEN)),
    (events_pb2.CardRefundReversed, _fact(events.CardRefundReversed, *_GIVEN)),
    *((getattr(events_pb2, fact.__name__), _fact(fact, *(each.name for each in fields(fact)))) for fact in STANDING),
)
_READERS: Mapping[str, _Read] = {wire.DESCRIPTOR.full_name: (wire, read) for wire, read in _BY_MESSAGE}


class Replays(NamedTuple):
    """Some cards as their histories make them, and what was wrong with their journals before any was looked at."""

    cards: Sequence[CardReplay]
    faults: Sequence[Fault]


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What these cards and their orders' tenders say that their history does not, and what is wrong with that."""
    replays = await replays_of(world, ids)
    found = [*replays.faults, *(fault for replay in replays.cards for fault in of_replay(replay))]
    return [
        Finding(
            HISTORY, CARD, fault.what, expected=fault.expected, actual=fault.actual, since=instant(fault.since)
        )
        for fault in found
    ]


@once
async def replays_of(world: World, ids: Sequence[str]) -> Replays:
    """These cards, replayed."""
    book, faults = world[CARD], list[Fault]()
    journals: dict[str, dict[int, Posted]] = defaultdict(dict)
    for row in await read_all(world, CARD, JOURNALS, ids):
        if row["no"]:
            key = f"{row['root']}/{row['root_version']}/{row['no']}"
            faults.append(Fault(f"journals {key}", "one journal of a step", row["op"], row["posted_at"]))
        else:
            journals[row["root"]][row["root_version"]] = posted_of(row)
    cards = [card_of(row) for row in await book.fetch(_CARDS, ids)]
    events_of = await _numbered(world, ids, cards)
    told = {
        card_id: {version: told_of(row) for version, row in each.steps.items()} for card_id, each in events_of.items()
    }
    tenders = await _tenders(world, ids, journals, faults)
    runs = await _runs(world, journals, told)
    return Replays([
        replayed_card(StoredCard(
            row=card, tenders=tenders, journals=journals[card.id], told=told[card.id],
            runs={posted.saga_id: runs[posted.saga_id] for posted in journals[card.id].values()
                  if posted.saga_id in runs},
            dropped=events_of[card.id].dropped, passed=events_of[card.id].passed,
        )) for card in cards
    ], faults)


async def _numbered(world: World, ids: Sequence[str], cards: Sequence[GiftCard]) -> Mapping[str, Numbered]:
    """The events of these cards, by card and version."""
    heard: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in await read_all(world, CARD, EVENTS, ids):
        heard[row["aggregate_id"]].append(row)
    dropped = {row["aggregate_id"]: row["sequence"] for row in await rows(world, CARD, DROPPED, ids)}
    return {card.id: numbered(heard[card.id], dropped.get(card.id, 0), card.version) for card in cards}


def card_of(row: asyncpg.Record) -> GiftCard:
    """The card in a row; a standing that the engine never wrote is taken as it is, for it differs from every other."""
    values = dict(row)
    for name in ("standing", "frozen_from"):
        values[name] = _STANDINGS.get(values[name], values[name])
    return GiftCard(**values)


async def _tenders(
    world: World, ids: Sequence[str], journals: Mapping[str, Mapping[int, Posted]], faults: list[Fault]
) -> dict[str, CardTender]:
    """What orders took of these cards, by order; of those that the journals name it may stand under another card."""
    found = await read_all(world, CARD, tables.TENDERS.query, ids)
    named = {posted.order_id for by_number in journals.values() for posted in by_number.values() if posted.order_id}
    if elsewhere := named.difference(row["order_id"] for row in found):
        found = [*found, *await world[CARD].fetch(_OF_ORDERS, sorted(elsewhere))]
    tenders = {}
    for row in found:
        try:
            given = REFUNDS.decode(row["refunds"])
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
    return of_replay(replayed_card(stored))


def of_replay(replay: CardReplay) -> Iterator[Fault]:
    """The faults of one card that was replayed. It is asked once of each."""
    stored = replay.stored
    row, since = stored.row, max((posted.at for posted in stored.journals.values() if posted.at), default=None)
    broken = bool(replay.faults)
    if replay.card is None:
        replay.faults.append(Fault(f"gift_cards {row.id}", "an issue in its history", "none"))
    else:
        expected = _beside(replay, row)
        if not broken or expected.version == row.version:
            replay.differ(f"gift_cards {row.id} ", expected, row, since)
    for order_id, tender in replay.tenders.items():
        _compare_tender(replay, order_id, tender)
    yield from replay.faults


def _beside(replay: CardReplay, row: GiftCard) -> GiftCard:
    """The card as it should be; what is held is `cards.claimed`; what only a pruned event told is taken as it is."""
    assert replay.card is not None
    sequence = replay.card.sequence + replay.stored.passed
    if not replay.blind:
        return replace(replay.card, held_minor=row.held_minor, sequence=sequence)
    return replace(row, balance_minor=replay.card.balance_minor, version=replay.card.version, sequence=sequence)


def _compare_tender(replay: CardReplay, order_id: str, expected: CardTender) -> None:
    found = replay.stored.tenders.get(order_id)
    if found is None:
        replay.faults.append(Fault(f"card_tenders {order_id}", f"what it took of {expected.card_id}", "none"))
    else:
        replay.differ(f"card_tenders {order_id} ", expected, found, None)


WALKS = (
    Walk(
        HISTORY, "a gift card and what orders took of it are what its events and journals make of them", CARD, "card",
        differing, cause="a journal or an event was lost or changed, or a row was changed past the engine",
    ),
)
