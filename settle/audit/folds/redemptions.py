"""Redemptions and the freeze cases of their codes are what their histories make of them (DOMAIN 2.8, RD-20)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import msgspec
from google.protobuf.message import DecodeError

from services.card_redemption.domain.recycling.policy import ChannelPolicy, Kind
from services.card_redemption.domain.redemption.order import RedemptionOrder, Voucher
from services.card_redemption.domain.redemption.states import RedemptionState
from settle.audit.findings import CARD, Check, Finding, Walk, instant
from settle.audit.folds.card_numbers import is_step
from settle.audit.folds.card_replay import CardReplay
from settle.audit.folds.cards import replays_of, told_of
from settle.audit.folds.differences import differences, readable
from settle.audit.folds.history import Fault
from settle.audit.folds.redemption_replay import Heard, Redeemed, Retold, retold
from settle.audit.folds.redemption_rows import OF_CARDS, case_of, order_of, step_of, terms_of
from settle.audit.shared_reads import EVENTS, read_all, rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import redemption_events_pb2

HISTORY = "redemptions.history"
_CASES = """
select id, card_id, redemption_id, submitted_by, opened_at, due_on from freeze_cases where card_id = any($1::text[])
"""
_VERSIONS = """
select channel, number, terms from channel_versions
where (channel, number) in (select * from unnest($1::text[], $2::bigint[]))
"""
_STEPPED: str = redemption_events_pb2.RedemptionStepped.DESCRIPTOR.full_name
_CASE: str = redemption_events_pb2.FreezeCaseOpened.DESCRIPTOR.full_name
_SETTLING = ("settle", "escrow_release")
"""Operations that settle a redemption, each once."""
_UNREADABLE = (msgspec.MsgspecError, DecodeError, ValueError, KeyError, TypeError)


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What the redemptions of these cards say that their histories do not, and what is wrong with these."""
    stored, heard = await rows(world, CARD, OF_CARDS, ids), await _heard_of(world, ids)
    if not stored and not heard:
        return []
    faults: list[Fault] = []
    orders = {order.id: order for row in stored if (order := _read(row, faults)) is not None}
    faults += await _other_terms(world, list(orders.values()))
    replays = (await replays_of(world, ids)).cards
    faults += of_cards(replays, orders, heard)
    faults += await _of_cases(world, ids, heard, _pruned(replays))
    return [
        Finding(
            HISTORY, CARD, fault.what, expected=fault.expected, actual=fault.actual, since=instant(fault.since)
        )
        for fault in faults
    ]


def _read(row: asyncpg.Record, faults: list[Fault]) -> RedemptionOrder | None:
    try:
        return order_of(row)
    except _UNREADABLE as error:
        faults.append(Fault(f"redemption_orders {row['id']}", "what the engine wrote", str(error)))
        return None


async def _other_terms(world: World, orders: Sequence[RedemptionOrder]) -> list[Fault]:
    """Redemptions whose terms were never in force."""
    pairs = sorted({(order.terms.channel, order.terms.version) for order in orders})
    known: dict[tuple[str, int], ChannelPolicy | None] = {}
    for row in await world[CARD].fetch(_VERSIONS, [name for name, _ in pairs], [number for _, number in pairs]):
        try:
            known[row["channel"], row["number"]] = terms_of(row["terms"])
        except _UNREADABLE:
            known[row["channel"], row["number"]] = None  # the walk over its channel tells it
    return [
        Fault(f"redemption_orders {order.id} terms {path}", expected, actual, order.accepted_at)
        for order in orders
        for path, expected, actual in differences(known.get((order.terms.channel, order.terms.version)), order.terms)
    ]


def of_cards(
    replays: Sequence[CardReplay], orders: Mapping[str, RedemptionOrder], heard: Mapping[str, Sequence[Any]]
) -> list[Fault]:
    """Every redemption of cards that were replayed told again, and compared with its row; `heard` are the events of
    each card."""
    told, faults, pruned = dict[str, RedemptionOrder](), list[Fault](), _pruned(replays)
    for replay in replays:
        faults += _settled_then(replay, orders)
    for each in _stored(replays, orders, heard, faults):
        again: Retold = retold(each)
        faults += again.faults
        told |= again.orders
    untold = [key for key, order in orders.items() if key not in told and order.card_id not in pruned]
    faults += [Fault(f"redemption_orders {key}", "a step that tells of it", "none") for key in untold]
    for key in sorted(told.keys() & orders.keys()):
        row = replace(orders[key], verification_code=None)
        faults += [
            Fault(f"redemption_orders {key} {path}", expected, actual, row.updated_at)
            for path, expected, actual in differences(told[key], row)
        ]
    return faults


def _pruned(replays: Sequence[CardReplay]) -> set[str]:
    """The cards of whose events the oldest are gone, as their time was over: all of a redemption's, it may be."""
    return {replay.stored.row.id for replay in replays if replay.stored.dropped}


def _settled_then(replay: CardReplay, orders: Mapping[str, RedemptionOrder]) -> Iterator[Fault]:
    """Journals by which redemptions were settled at another instant than their rows say; also where no event is left
    that tells of it."""
    for version, posted in replay.stored.journals.items():
        order = orders.get(posted.order_id) if posted.op in _SETTLING else None
        if order is not None and posted.at != order.settled_at:
            key = f"journals {replay.stored.row.id}/{version} posted_at"
            yield Fault(key, str(order.settled_at), str(posted.at), order.settled_at)


async def _heard_of(world: World, ids: Sequence[str]) -> dict[str, list[asyncpg.Record]]:
    """All events of those of these cards that tell of redemptions."""
    read = await read_all(world, CARD, EVENTS, ids)
    chosen = {row["aggregate_id"] for row in read if not is_step(row["type"])}
    found: dict[str, list[asyncpg.Record]] = {}
    for row in read:
        if row["aggregate_id"] in chosen:
            found.setdefault(row["aggregate_id"], []).append(row)
    return found


def _stored(
    replays: Sequence[CardReplay], orders: Mapping[str, RedemptionOrder],
    events: Mapping[str, Sequence[asyncpg.Record]], faults: list[Fault],
) -> Iterator[Redeemed]:
    terms = {key: order.terms for key, order in orders.items()}
    for replay in replays:
        card_id, journals = replay.stored.row.id, replay.stored.journals
        if card_id in events:
            heard = [each for row in events[card_id] if (each := _heard(row, terms, faults)) is not None]
            yield Redeemed(card_id, heard, replay.versions, journals, replay.stored.dropped)


def _heard(row: asyncpg.Record, terms: Mapping[str, ChannelPolicy], faults: list[Fault]) -> Heard | None:
    """An event of a card, as the replay takes it; what cannot be read of the card itself the card's history tells."""
    given = row["sequence"], row["at"], row["saga_id"]
    if is_step(row["type"]):
        return Heard(*given, told_of(row).fact)
    if row["type"] != _STEPPED:
        return None
    key = f"events {row['aggregate_id']}/{row['sequence']}"
    try:
        step = step_of(row["payload"], terms)
    except _UNREADABLE as error:
        faults.append(Fault(f"{key} payload", "what the engine wrote", str(error), row["at"]))
        return None
    if isinstance(step, str):
        faults.append(Fault(f"redemption_orders {step}", f"what {key} tells of", "none", row["at"]))
        return None
    return Heard(*given, step, passing=True)


async def _of_cases(
    world: World, ids: Sequence[str], heard: Mapping[str, Sequence[asyncpg.Record]], pruned: Collection[str]
) -> list[Fault]:
    """Freeze cases that were not told as they are, and those of which there is no row."""
    found, told = list[Fault](), dict[str, tuple[object, ...]]()
    for row in (row for each in heard.values() for row in each if row["type"] == _CASE):
        try:
            fact = case_of(row["payload"])
        except _UNREADABLE as error:
            key = f"events {row['aggregate_id']}/{row['sequence']} payload"
            found.append(Fault(key, "what the engine wrote", str(error), row["at"]))
        else:
            told[fact.case_id] = (fact.card_id, fact.redemption_id, fact.submitted_by, row["at"], fact.due_on)
    there = {row[0]: tuple(row)[1:] for row in await world[CARD].fetch(_CASES, ids)}
    for key in sorted(told.keys() | there.keys()):
        if key not in told and there[key][0] in pruned:
            continue
        if told.get(key) != there.get(key):
            found.append(Fault(f"freeze_cases {key}", readable(told.get(key)), readable(there.get(key))))
    return found


_VOUCHER_ID, _VALUE, _LEFT = map(Voucher._fields.index, ("id", "value_minor", "left_minor"))
CHECKS = (
    Check(
        "redemptions.booked", "what a redemption says of its voucher, its escrow, what it gave back and its channel's"
        " fee is what is booked of it", (CARD,),
        f"""select coalesce(r.account, b.account) || ' ' || coalesce(r.sub, b.sub), coalesce(r.due, 0)::text,
                   coalesce(b.amount_minor, 0)::text
            from (select account, sub, sum(due) due
                  from redemption_orders o cross join lateral (values
                      ('L.VOUCHER', o.voucher ->> {_VOUCHER_ID}, -(o.voucher ->> {_LEFT})::bigint),
                      ('E.GOODWILL', o.voucher ->> {_VOUCHER_ID}, (o.voucher ->> {_VALUE})::bigint),
                      ('E.GOODWILL', o.id, o.adjusted_minor), ('E.CHANNEL', o.id, o.channel_fee_minor),
                      ('L.ESCROW', o.id, case when '{RedemptionState.ESCROWED}' in (o.state, o.frozen_from)
                                               and o.terms ->> 'kind' <> '{Kind.THIRD_PARTY}' then -o.face_minor end)
                  ) said (account, sub, due)
                  where due <> 0 group by account, sub) r
            full join (select account, sub, amount_minor from audit_balances
                       where account in ('L.VOUCHER', 'E.GOODWILL', 'E.CHANNEL', 'L.ESCROW')) b
                on b.account = r.account and b.sub = r.sub
            where coalesce(r.due, 0) <> coalesce(b.amount_minor, 0)""",
        cause="a journal was lost, changed or posted past the engine, or the redemption was changed",
    ),
)
WALKS = (
    Walk(
        HISTORY, "redemptions, what they did to their cards and what they posted are what comes of each of their steps",
        CARD, "card", differing, cause="an event was lost or changed, or the row was changed past the engine",
    ),
)
