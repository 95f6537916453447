"""Orders with their lines, refunds and return cases, and settlements with merchants: states and timers."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from services.kernel.lifecycle import Flaw, Wait
from services.kernel.saga import Phase
from services.order.domain import lifecycles, soundness
from services.order.domain.completion import AFTER_SALE
from services.order.domain.merchant_settlement import MerchantSettlement, MerchantSettlementState
from services.order.domain.order import MOVING, Order
from services.order.domain.placing import HOLD_EXPIRY, hold_expiry
from services.order.domain.returns import AUTO_APPROVE, WAYBILL_EXPIRY, ReturnCase
from services.order.domain.states import Kind, RefundState
from settle.audit.findings import CREDIT, ORDER, Finding, Walk, instant
from settle.audit.folds.stored import Rows, read_orders, sound
from settle.audit.shared_reads import AGREED
from settle.audit.shared_reads import rows as shared_rows
from settle.audit.snapshots import World
from settle.audit.states import rows, timers

ORDERS = "states.orders"
SETTLEMENTS = "states.merchant_settlements"
CAUSE = "a field of the row was changed past the rules of its service"
_SETTLEMENTS = """
select id, merchant_id, amount_minor, settlement_id, started_at, state, reason, ended_at, version
from merchant_settlements where id = any($1::text[])
"""


async def orders(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of these orders and of their return cases contradicts their states, and what is wrong with their timers."""
    now = await timers.present(world, ORDER)
    read = await read_orders(world, ids)
    found = [sound(order) for order in read.orders.values()]
    of_order = {order.id: [sound(case) for case in read.cases.get(order.id, ())] for order in found}
    cases = [case for of_one in of_order.values() for case in of_one]
    told = []
    for order in found:
        flaws = lifecycles.ORDER.all_flaws(order, order.version)
        told += flaws_told(ORDERS, ORDER, f"orders {order.id}", flaws, order.updated_at)
        for key, flaw in soundness.of_cases(order, of_order[order.id]):
            table = "orders" if key == order.id else "return_cases"
            told += flaws_told(ORDERS, ORDER, f"{table} {key}", (flaw,), order.updated_at)
    for case in cases:
        flaws = lifecycles.RETURN_CASE.all_flaws(case, case.version)
        told += flaws_told(ORDERS, ORDER, f"return_cases {case.id}", flaws, case.updated_at)
    there = await timers.found(world, ORDER, _keys(found, cases))
    return [
        *told, *_settling(found, read), *_reduced(found, read), *await _held(world, ids, found, read),
        *timers.compared(ORDERS, ORDER, _waits(found, cases), there, now),
    ]


def flaws_told(
    check: str, service: str, row: str, flaws: Iterable[Flaw], since: datetime | None = None
) -> list[Finding]:
    """What contradicts the state of a row, as findings: each names the row and the field."""
    return [
        Finding(
            check, service, f"{row} {flaw.field}", str(flaw.expected), str(flaw.actual),
            since=instant(since), cause=CAUSE,
        ) for flaw in flaws
    ]


def _waits(found: Iterable[Order], cases: Iterable[ReturnCase]) -> list[Wait]:
    return [
        *(wait for order in found for wait in lifecycles.ORDER.waits(order)),
        *(wait for case in cases for wait in lifecycles.RETURN_CASE.waits(case)),
    ]


def _keys(found: Iterable[Order], cases: Iterable[ReturnCase]) -> list[timers.Key]:
    """All timers that these can ever have."""
    return [
        *((kind, order.id) for order in found for kind in (HOLD_EXPIRY, AFTER_SALE)),
        *((kind, case.id) for case in cases for kind in (AUTO_APPROVE, WAYBILL_EXPIRY)),
    ]


def _settling(found: Iterable[Order], read: Rows) -> Iterator[Finding]:
    """An order that a settlement moves is in the state that this kind of settlement gives it."""
    for order in (order for order in found if order.settlement_id):
        for run in (sound(run) for run in read.runs.get(order.id, ())):
            if run.id != order.settlement_id:
                continue
            given = MOVING.get(Kind(run.kind))
            expected = given if given is not None and not order.shipped else None
            if (order.state if order.state in MOVING.values() else None) is not expected:
                flaw = Flaw("state", f"{expected or 'as it was'} during its {run.kind}", order.state)
                yield from flaws_told(ORDERS, ORDER, f"orders {order.id}", (flaw,), order.updated_at)


def _reduced(found: Iterable[Order], read: Rows) -> Iterator[Finding]:
    """What price reductions took off a line is what its refunds that stand did (PR-8)."""
    for order in found:
        by_line = dict.fromkeys((line.id for line in order.lines), 0)
        runs = map(sound, read.runs.get(order.id, ())) if order.refunds else ()
        reduces = {run.id: getattr(run.plan, "reduced_line", "") for run in runs}
        for refund in order.refunds:
            line_id = reduces.get(refund.settlement_id)
            if line_id and refund.state is not RefundState.REVERSED and refund.settlement_id != order.settlement_id:
                by_line[line_id] = by_line.get(line_id, 0) + refund.amount_minor
        for line in order.lines:
            if line.reduced_minor != by_line[line.id]:
                flaw = Flaw(f"line {line.id}", f"{by_line[line.id]} reduced, by its refunds", line.reduced_minor)
                yield from flaws_told(ORDERS, ORDER, f"orders {order.id}", (flaw,), order.updated_at)


async def _held(world: World, ids: Sequence[str], found: Iterable[Order], read: Rows) -> list[Finding]:
    """The hold of an order lasts as long as that of its agreement; where only a gift card pays, 30 days from its
    placement."""
    placed = {order.id: order for order in found if order.hold_expires_at is not None}
    until: dict[str, datetime] = {}
    for row in await shared_rows(world, CREDIT, AGREED, ids):
        if row["order_id"] in placed:
            until[row["order_id"]] = rows.hold_of(row).expires_at
    flaws = {
        order_id: Flaw("hold_expires_at", at, placed[order_id].hold_expires_at)
        for order_id, at in until.items() if placed[order_id].hold_expires_at != at
    }
    alone = [order_id for order_id in placed if order_id not in until]
    for order_id in alone:
        at = placed[order_id].hold_expires_at
        for run in (sound(run) for run in read.runs.get(order_id, ())):
            if run.kind != Kind.PLACEMENT or run.phase is not Phase.DONE or run.updated_at is None:
                continue
            latest = hold_expiry(run.updated_at) + soundness.CLOCKS
            if at is not None and at > latest:
                flaws[order_id] = Flaw("hold_expires_at", f"at most {latest}", at)
    return [
        finding for order_id, flaw in flaws.items()
        for finding in flaws_told(ORDERS, ORDER, f"orders {order_id}", (flaw,), placed[order_id].placed_at)
    ]


async def settlements(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of these settlements with merchants contradicts their states."""
    told = []
    for row in await world[ORDER].fetch(_SETTLEMENTS, ids):
        settlement = MerchantSettlement(**{**row, "state": MerchantSettlementState(row["state"])})
        flaws = lifecycles.MERCHANT_SETTLEMENT.all_flaws(settlement, settlement.version)
        told += flaws_told(
            SETTLEMENTS, ORDER, f"merchant_settlements {settlement.id}", flaws, settlement.ended_at
        )
    return told


WALKS = (
    Walk(
        ORDERS, "an order, its lines, refunds and return cases are in states that their fields allow, and are woken",
        ORDER, "order", orders,
    ),
    Walk(
        SETTLEMENTS, "a settlement with a merchant is in a state that its fields allow", ORDER, "merchant settlement",
        settlements,
    ),
)
