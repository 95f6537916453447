"""What settlements alone say of their order: its money and its units, whatever became of its events.

Sums only, for without events the order of settlements that began at one instant is not known.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from services.kernel.saga import Phase, Run
from services.order.domain.order import Order
from services.order.domain.plans import RefundPlan, ReversalPlan
from services.order.domain.states import Kind
from services.order.domain.tenders import NO_COUPON, Coupon
from settle.audit.folds.history import Fault, Replay, Stored

_MONEY: Mapping[str, tuple[str, int]] = {
    Kind.CAPTURE: ("captured_minor", 1), Kind.CANCELLATION: ("released_minor", 1),
    Kind.DEPOSIT_RETURN: ("released_minor", 1), Kind.REFUND: ("refunded_minor", 1),
    Kind.REFUND_REVERSAL: ("refunded_minor", -1),
}
"""Which counter of tenders and coupon a kind of settlement moves, and which way."""
_UNITS: Mapping[str, tuple[str, str, int]] = {
    Kind.CAPTURE: ("shipped", "captured_minor", 1), Kind.CANCELLATION: ("cancelled", "", 1),
    Kind.REFUND: ("returned", "returned_minor", 1), Kind.REFUND_REVERSAL: ("returned", "returned_minor", -1),
}
"""Which counters of lines it moves: that of units, and that of what they are worth, if there is one."""
_OF_TENDER = ("captured_minor", "released_minor", "refunded_minor")
_OF_LINE = ("shipped", "cancelled", "returned", "captured_minor", "returned_minor", "reduced_minor")
_COUPON = ""
_Sums = Counter[tuple[str, str]]


class _Known(NamedTuple):
    """A refund as its settlements know it."""

    id: str
    settlement_id: str
    amount_minor: int
    reversal_id: str


def moved_by_settlements(stored: Stored) -> Iterator[Fault]:
    """Where the row of an order does not say what its settlements moved."""
    runs = [run for run in stored.runs.values() if run.phase is Phase.DONE]
    row, found = stored.order, Replay(stored, stored.order)
    money, units = _money_sums(runs), _unit_sums(runs)
    what, since = f"orders {row.id} ", row.updated_at
    found.differ(f"{what}", _parties(stored), row, since)
    tenders = tuple([
        _counted(tender, {name: money[tender.type, name] for name in _OF_TENDER}) for tender in row.tenders
    ])
    found.differ(f"{what}tenders", tenders, row.tenders, since)
    lines = tuple([_counted(line, {name: units[line.id, name] for name in _OF_LINE}) for line in row.lines])
    found.differ(f"{what}lines", lines, row.lines, since)
    found.differ(f"{what}coupon.", _coupon(stored, money), row.coupon, since)
    on_row = tuple(sorted(_Known(r.id, r.settlement_id, r.amount_minor, r.reversal_id) for r in row.refunds))
    found.differ(f"{what}refunds", _refunds(stored), on_row, since)
    yield from found.faults


def _counted(item: Any, counters: Mapping[str, int]) -> Any:  # Any: a tender or a line
    return item._replace(**counters)


def _parties(stored: Stored) -> Order:
    """The row with whom its placement names."""
    placement = _placement(stored)
    if placement is None:
        return stored.order
    money = placement.plan.money
    return replace(
        stored.order, customer_id=money.customer_id, merchant_id=money.merchant_id, account_id=money.account_id,
        placed_at=placement.started_at, terms=placement.plan.terms,
    )


def _coupon(stored: Stored, money: _Sums) -> Coupon:
    placement = _placement(stored)
    amount_minor = placement.plan.money.coupon_minor if placement is not None else stored.order.coupon.amount_minor
    return NO_COUPON._replace(amount_minor=amount_minor, **{name: money[_COUPON, name] for name in _OF_TENDER})


def _placement(stored: Stored) -> Run | None:
    return next((run for run in stored.runs.values() if run.kind == Kind.PLACEMENT), None)


def _money_sums(runs: Sequence[Run]) -> _Sums:
    """What the settlements moved, by tender and counter."""
    sums: _Sums = Counter()
    for run in runs:
        if run.kind in _MONEY:
            counter, sign = _MONEY[run.kind]
            sums[_COUPON, counter] += sign * run.plan.money.coupon_minor
            for share in run.plan.money.shares:
                sums[share.type, counter] += sign * share.amount_minor
    return sums


def _unit_sums(runs: Sequence[Run]) -> _Sums:
    """What the settlements moved, by line and counter."""
    sums: _Sums = Counter()
    for run in runs:
        if run.kind not in _UNITS:
            continue
        units, worth, sign = _UNITS[run.kind]
        for value in run.plan.lines:
            sums[value.id, units] += sign * value.quantity
            sums[value.id, worth] += sign * value.amount_minor
        if isinstance(run.plan, RefundPlan | ReversalPlan) and run.plan.reduced_line:
            sums[run.plan.reduced_line, "reduced_minor"] += sign * run.plan.money.amount_minor
    return sums


def _refunds(stored: Stored) -> tuple[_Known, ...]:
    """The refunds that were not given up, and by what they were undone."""
    undone = {
        run.plan.refund_settlement_id: run.id for run in stored.runs.values()
        if isinstance(run.plan, ReversalPlan) and run.phase is Phase.DONE
    }
    return tuple(sorted(
        _Known(run.plan.refund_id, run.id, run.plan.money.amount_minor, undone.get(run.id, ""))
        for run in stored.runs.values() if isinstance(run.plan, RefundPlan) and run.phase is not Phase.ABORTED
    ))
