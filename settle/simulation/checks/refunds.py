"""The refunds of an order are one object: what was refunded, undone and refused, by whoever asked and however often,
can be told as a sequence (RELIABILITY 9)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from services.kernel.saga import Phase, Run, Verdict
from services.order.domain.commands import ReverseRefund
from services.order.domain.order import Order
from services.order.domain.states import Kind
from settle.simulation.checks.linear import Operation, State, linearizable

if TYPE_CHECKING:
    from settle.simulation.world import World

NONE_STANDS = "there is none"
Standing = tuple[tuple[str, int], ...]
"""The refunds that stand, the last one last: settlement and amount."""


def linear(world: "World") -> Iterator[str]:
    """No order has a history that no sequence of its refunds explains."""
    store = world.stores["order"]
    runs: Mapping[str, list[Run]] = _by_root(store.rows[Run].values())
    refused = _refusals(world)
    for order in store.every(Order):
        paid = sum(tender.amount_minor for tender in order.tenders)
        amounts = {refund.settlement_id: refund.amount_minor for refund in order.refunds}
        history = [*_ended(world, runs[order.id], amounts, paid), *refused[order.id]]
        if not linearizable(history, ()):
            yield f"{order.id}: " + "; ".join(f"{each.name} in {each.began}..{each.ended}" for each in history)


def _ended(world: "World", runs: list[Run], amounts: Mapping[str, int], paid: int) -> Iterator[Operation]:
    """Refunds and reversals that were done, each between its beginning and its end."""
    for run in runs:
        if run.phase is not Phase.DONE or run.kind not in (Kind.REFUND, Kind.REFUND_REVERSAL):
            continue
        began, ended = world.lifetimes[run.id]
        if run.kind == Kind.REFUND:
            step = partial(_refunded, run.id, amounts.get(run.id, paid + 1), paid)
        else:
            step = partial(_undone, run.plan.refund_settlement_id)
        yield Operation(f"{run.kind} {run.id}", began, ended, step)


def _refusals(world: "World") -> Mapping[str, list[Operation]]:
    """Who was told that there is no refund to undo, by order."""
    found: dict[str, list[Operation]] = defaultdict(list)
    for request in world.desk.requests.values():
        if isinstance(request.body, ReverseRefund) and request.told:
            _, returned, answered = request.told[0]
            if answered.verdict is Verdict.REFUSED and answered.refusal.detail == NONE_STANDS:
                found[request.key].append(Operation("refused", request.asked_at, returned, _nothing_stands))
    return found


def _refunded(settlement_id: str, amount: int, paid: int, state: State) -> State | None:
    standing: Standing = state  # type: ignore[assignment]  # the only states there are
    total = sum(minor for _, minor in standing) + amount
    return (*standing, (settlement_id, amount)) if total <= paid else None


def _undone(settlement_id: str, state: State) -> State | None:
    standing: Standing = state  # type: ignore[assignment]  # as above
    return standing[:-1] if standing and standing[-1][0] == settlement_id else None


def _nothing_stands(state: State) -> State | None:
    return state if state == () else None


def _by_root(runs: Iterable[Run]) -> Mapping[str, list[Run]]:
    found: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        found[run.root].append(run)
    return found
