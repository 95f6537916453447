"""The credit ledger as it moves: cuts, reversals, legs, payouts, notices."""

from typing import TYPE_CHECKING, Any

from services.credit_ledger.domain.model.books import CUSTOMER_RECEIVABLE, MERCHANT_RECEIVABLE
from services.credit_ledger.domain.model.commands import CutStatement, ReverseRefund
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.redemptions import StopRedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.refund import RefundState as CreditState
from services.credit_ledger.domain.statements.cut import CUT_TIMER
from services.kernel.notices import Notice
from services.runtime.lanes.item import Item
from settle.simulation.store import Store

if TYPE_CHECKING:
    from settle.simulation.transaction import Transaction
    from settle.simulation.world import World


def saw(world: "World", store: Store, transaction: "Transaction") -> None:
    """What of the rare things of the ledger is in a transaction."""
    effects, note = transaction.admission.effects, world.reached.note
    logged: list[Any] = list(effects.dirty.get(Operation, {}).values())  # Any: operations
    cuts = [row for row in logged if isinstance(row.body, CutStatement)]
    for row in logged:
        if isinstance(row.body, ReverseRefund) and _over_a_cut(store, row):
            note("reversal_over_a_cut")
    for refund in effects.dirty.get(CreditRefund, {}).values():
        if refund.state is CreditState.EXCEPTION:  # type: ignore[attr-defined]
            note("flash_expired")
    for posted in effects.journals:
        for line in posted.journal.lines:
            if line.account == MERCHANT_RECEIVABLE and line.amount_minor > 0:
                note("merchant_clawed_back")
            elif line.account == CUSTOMER_RECEIVABLE and line.amount_minor and posted.journal.op == "cancel_fee":
                note("fee_became_a_debt")
            elif line.account == CUSTOMER_RECEIVABLE and line.amount_minor < 0 and posted.journal.op == "payout":
                note("debt_netted")
    if cuts:
        note("cut_on_time" if any(map(is_cut, transaction.items)) else "cut_by_a_decision", len(cuts))
    for leg in effects.dirty.get(RefundLeg, {}).values():
        if leg.state is LegState.RECALLED:  # type: ignore[attr-defined]
            note("leg_recalled")
    _payouts(world, transaction)
    for notice in effects.dirty.get(Notice, {}).values():
        if notice.attempts:  # type: ignore[attr-defined]
            note("notice_repeated")
        if notice.place > 1 and notice.version == 1:  # type: ignore[attr-defined]
            note("notice_waited")


def _payouts(world: "World", transaction: "Transaction") -> None:
    note, changed = world.reached.note, transaction.admission.effects.dirty.get(RedemptionPayout, {})
    for payout in changed.values():
        assert isinstance(payout, RedemptionPayout)
        if payout.state is PayoutState.WAITING:
            note("payout_tried_again" if payout.attempts else "payout_waited")
        elif payout.state is PayoutState.REROUTED:
            note("payout_rerouted")
        elif payout.state is PayoutState.STOPPED:
            note("payout_stopped")
    for item in transaction.items:
        if isinstance(item.message.body, StopRedemptionPayout) and item.message.body.payout_id not in changed:
            note("payout_not_stopped")


def is_cut(item: Item) -> bool:
    """Whether it is the timer of a statement cut."""
    return item.timer is not None and item.timer.kind == CUT_TIMER


def _over_a_cut(store: Store, reversal: Operation) -> bool:
    """Whether a statement was cut between a refund and its reversal."""
    log = [row for row in store.family_of(Operation, reversal.account_id) if row.number < reversal.number]
    refund_id = reversal.body.refund_id if isinstance(reversal.body, ReverseRefund) else ""
    since = next((row.number for row in log if row.reference == refund_id), reversal.number)
    return any(isinstance(row.body, CutStatement) and row.number > since for row in log)
