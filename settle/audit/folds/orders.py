"""Orders and return cases are what their events and settlements make of them, by the domain's own rules (U3, I-1)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from settle.audit.findings import ORDER, Finding, Walk, instant
from settle.audit.folds.history import Broken, Fault, Replay, Stored
from settle.audit.folds.moved import moved_by_settlements
from settle.audit.folds.replay import replayed
from settle.audit.folds.stored import Rows, Unreadable, read_orders
from settle.audit.folds.told import Told, told
from settle.audit.shared_reads import DROPPED, EVENTS, read_all, rows
from settle.audit.snapshots import World

HISTORY = "orders.history"
T = TypeVar("T")


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What these orders and their cases say that their history does not, and what is wrong with the history itself."""
    read = await read_orders(world, ids)
    events: dict[str, list[Told]] = defaultdict(list)
    for row in await read_all(world, ORDER, EVENTS, ids):
        aggregate_id, sequence, _, name, at, _, payload, _ = row
        events[aggregate_id].append(told(aggregate_id, sequence, name, at, payload))
    pruned = {row["aggregate_id"] for row in await rows(world, ORDER, DROPPED, ids)}
    faults: list[Fault] = []
    for order_id in read.orders:
        stored = _stored(read, order_id, events.get(order_id, ()), faults)
        if stored is not None:
            faults += of_order(stored, whole=order_id not in pruned)
    return [_finding(fault) for fault in faults]


def _stored(read: Rows, order_id: str, events: Sequence[Told], faults: list[Fault]) -> Stored | None:
    """What is stored of an order; None if its row cannot be read. What cannot be read is a fault."""
    orders = _sound((read.orders[order_id],), "orders", faults)
    runs = _sound(read.runs.get(order_id, ()), "sagas", faults)
    cases = _sound(read.cases.get(order_id, ()), "return_cases", faults)
    if not orders:
        return None
    return Stored(orders[0], {case.id: case for case in cases}, {run.id: run for run in runs}, events)


def _sound(read: Sequence[T | Unreadable], table: str, faults: list[Fault]) -> list[T]:
    found: list[T] = []
    for each in read:
        if isinstance(each, Unreadable):
            faults.append(Fault(f"{table} {each.key}", "a row that the engine wrote", str(each)))
        else:
            found.append(each)
    return found


def of_order(stored: Stored, whole: bool) -> Iterator[Fault]:
    """The faults of one order: of its whole history, or of its settlements alone, where events were pruned or the rest
    of the history cannot be followed."""
    numbers = [event.sequence for event in stored.told]
    if not whole or numbers != list(range(1, len(numbers) + 1)):  # a gap is `events.gapless`
        yield from moved_by_settlements(stored)
        return
    try:
        replay = replayed(stored)
    except Broken as broken:
        yield broken.fault
        yield from moved_by_settlements(stored)
        return
    yield from replay.faults
    yield from _of_row(replay)
    yield from _of_cases(replay)


def _of_row(replay: Replay) -> Iterator[Fault]:
    """Where the row of the order is not what its history makes of it."""
    row, expected = replay.stored.order, replay.row()
    if replay.guessed or not _in_order(replay.stored.told):
        expected = replace(expected, updated_at=row.updated_at)
    if replay.vague:
        expected = replace(expected, refunds=row.refunds, bank_news=row.bank_news)
    if expected == row:
        return
    found = Replay(replay.stored, row)
    found.differ(f"orders {row.id} ", expected, row, replay.moved_at)
    yield from found.faults


def _of_cases(replay: Replay) -> Iterator[Fault]:
    """Where return cases are not what their history makes of them."""
    found = Replay(replay.stored, replay.order)
    for return_id in sorted({*replay.cases, *replay.stored.cases}):
        expected, row = replay.cases.get(return_id), replay.stored.cases.get(return_id)
        if expected is None or row is None:
            found.fault(f"return_cases {return_id}", expected and expected.state, row and row.state, replay.moved_at)
            continue
        if expected.version - replay.merged.get(return_id, 0) <= row.version <= expected.version:
            expected = replace(expected, version=row.version)
        if expected != row:
            found.differ(f"return_cases {return_id} ", expected, row, expected.updated_at)
    yield from found.faults


def _in_order(events: Sequence[Told]) -> bool:
    """Whether no clock went back meanwhile."""
    return all(one.at <= following.at for one, following in pairwise(events))


def _finding(fault: Fault) -> Finding:
    return Finding(
        HISTORY, ORDER, fault.what, expected=fault.expected, actual=fault.actual, since=instant(fault.since)
    )


WALKS = (
    Walk(
        HISTORY, "an order and its return cases are what their events and settlements make of them", ORDER, "order",
        differing, cause="an event or a settlement was lost or changed, or a row was changed past the engine",
    ),
)
