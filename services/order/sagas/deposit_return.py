"""Deposit return: the acquirer took the bank payment of a rejected order, so it goes back through the rail (PM-5).

It is a settlement of its own, begun by the decision that rejects the order: the refusal itself stays traceless.
"""

from datetime import datetime

from services.kernel.advancing import begin
from services.kernel.decision import Decision, Known
from services.kernel.ids import derived
from services.kernel.saga import Definition, Progress, Run
from services.order.domain import outcomes
from services.order.domain.events import RefundFailed
from services.order.domain.order import Order, after
from services.order.domain.participation import ReturnBankDeposit
from services.order.domain.plans import DepositReturnPlan
from services.order.domain.states import Kind
from services.order.sagas.ending import Ended, Ending, credit_ledger


def _give_back(plan: DepositReturnPlan) -> ReturnBankDeposit:
    return ReturnBankDeposit(plan.money, plan.payment_reference)


DEFINITION = Definition(
    kind=Kind.DEPOSIT_RETURN, version=1, plan_type=DepositReturnPlan, participants=(credit_ledger(_give_back),)
)


def begun(placement: Run, now: datetime) -> Progress | None:
    """The return of what a placement that failed was paid with by bank card; None if nothing was."""
    plan = outcomes.deposit_return_plan(placement.plan)
    if plan is None:
        return None
    return begin(DEFINITION, derived("saga", placement.id, "deposit_return"), placement.root, plan, now)


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The rail has it; the order hears of its arrival later."""
    rejected, events = after(outcomes.deposit_returned(order, run.plan), now)
    return Ended(rejected, rest=Decision(events=events))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The money stays: it pays another order (OP-4), or no account of this customer can carry it. Said openly."""
    rejected, events = after(order, now, RefundFailed(order.id, "", run.reason, run.id), settlement_id="")
    return Ended(rejected, rest=Decision(events=events))


ENDING = Ending(DEFINITION, done, aborted)
