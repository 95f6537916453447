"""Disputes: the auditor's own walks over them, remedies that were done and paid once, and cases that came to their end.

What their states allow and what wakes them is looked at with all other rows (`states.py`)."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.card_redemption.domain.disputes.case import UNDECIDED, Dispute, DisputeState, Remedy
from services.card_redemption.domain.disputes.verdicts import is_done
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.store.disputes import save_disputes
from services.kernel.saga import Phase, Run
from settle.audit import dispute_outcomes
from settle.audit.findings import CARD
from settle.audit.folds import disputes
from settle.simulation.agenda import DAY
from settle.simulation.checks.snapshot import Row, Snapshot, asked, shape
from settle.simulation.store import Store

if TYPE_CHECKING:
    from settle.simulation.world import World

_DECIDED_WITHIN = timedelta(days=25)
"""People let no case lie for longer, a fraud's fifteen days among them."""
_VALUE = {column.name: column.value for column in save_disputes.columns}
_Row = shape(*_VALUE)
_OPS: Mapping[Remedy, tuple[str, ...]] = {
    Remedy.VOUCHER: ("voucher_issue",), Remedy.FAULT_REVERSAL: ("fault_reversal",),
    Remedy.FACE_CORRECTION: ("face_topup", "face_clawback"), Remedy.ADJUSTMENT: ("manual_adjust",),
}


def audited(world: "World") -> Iterator[str]:
    """Each is as its steps left it, and was decided by somebody who had no hand in it."""
    store = world.stores[CARD]
    rows = [_row(each) for each in store.every(Dispute)]
    if not rows:
        return
    books = {CARD: Snapshot(store, {
        disputes.ROWS: lambda ids: rows, dispute_outcomes.DECIDED: lambda: [row for row in rows if row["verdict"]],
    })}
    cards = sorted({row["card_id"] for row in rows})
    found = [*asked(books, disputes.differing, cards), *asked(books, dispute_outcomes.four_eyes)]
    yield from (f"{each.check} {each.what}: {each.expected}, not {each.actual}" for each in found)


def remedied(world: "World") -> Iterator[str]:
    """What was decided is done, with the posting that is its own; what was given back is what was granted, once."""
    store = world.stores[CARD]
    posted = {(each.journal.order_id, each.journal.op) for each in store.journals.values()}
    paid = Counter(
        run.plan.dispute_id for run in store.every(Run) if run.kind == Kind.ADJUSTMENT and run.phase is Phase.DONE
    )
    for dispute in store.every(Dispute):
        ops = _OPS.get(dispute.remedy, ()) if dispute.state is DisputeState.EXECUTED else ()
        missing = ops and posted.isdisjoint((dispute.redemption_id, op) for op in ops)
        if missing and not _stood_for_nothing(store.rows.get(RedemptionOrder, {}).get(dispute.redemption_id)):
            yield f"{dispute.id} is executed, and its {dispute.remedy} was not posted"
        if paid[dispute.id] not in _paid(dispute):
            yield f"{dispute.id} is {dispute.state} with {dispute.remedy}, and was paid {paid[dispute.id]} times"
    yield from _given_back(store)


def _stood_for_nothing(order: RedemptionOrder | None) -> bool:
    """Whether its face was worth nothing to anybody: of a fen that a recycler gives for another issuer's card neither
    payout nor commission is left, so nothing was posted of it, and nothing can be taken back."""
    if order is None or not order.by_recycler:
        return False
    return not (order.terms.payout_minor(order.face_minor) or order.terms.commission_minor(order.face_minor))


def _paid(dispute: Dispute) -> Collection[int]:
    """How often its adjustment may have been paid."""
    if dispute.remedy is not Remedy.ADJUSTMENT:
        return (0,)
    return (0, 1) if dispute.state is DisputeState.DECIDED else (int(dispute.state is DisputeState.EXECUTED),)


def ended(world: "World") -> Iterator[str]:
    """Where time enough has passed since nothing fails any more, nobody waits to be heard."""
    store = world.stores[CARD]
    if world.swarm.patience * DAY <= _DECIDED_WITHIN // timedelta(microseconds=1):
        return
    before = store.present(world.agenda.now) - _DECIDED_WITHIN
    for dispute in store.every(Dispute):
        if dispute.state in UNDECIDED and dispute.updated_at < before:
            yield f"{dispute.id} is {dispute.state} since {dispute.updated_at}"
        elif dispute.state is DisputeState.DECIDED and is_done(dispute, _order(store, dispute)):
            yield f"{dispute.id} is {dispute.state}, and its {dispute.remedy} is done"


def _given_back(store: Store) -> Iterator[str]:
    """Of each redemption, but where one is under way."""
    granted: Counter[str] = Counter()
    for dispute in store.every(Dispute):
        if dispute.remedy is Remedy.ADJUSTMENT and dispute.state is DisputeState.EXECUTED:
            granted[dispute.redemption_id] += dispute.granted_minor
    waiting = {each.redemption_id for each in store.every(Dispute) if each.state is DisputeState.DECIDED}
    for order in store.every(RedemptionOrder):
        if order.id not in waiting and order.adjusted_minor != granted[order.id]:
            yield f"{order.id} gave {order.adjusted_minor} back, and {granted[order.id]} was granted"


def _order(store: Store, dispute: Dispute) -> RedemptionOrder:
    order: RedemptionOrder = store.rows[RedemptionOrder][dispute.redemption_id]
    return order


def _row(dispute: Dispute) -> Row:
    return _Row(_text(value(dispute)) for value in _VALUE.values())


def _text(value: Any) -> Any:  # Any: a column of any type
    return value.decode() if isinstance(value, bytes) else value
