"""Deposit return: the acquirer took the bank payment of a rejected order, so it goes back through the rail (PM-5).

It is a settlement of its own, begun by the decision that rejects the order: the refusal itself stays traceless.
"""

from datetime import datetime

from services.kernel.decision import Decision, Known
from services.kernel.ids import derived
from services.kernel.saga import Definition, Progress, Run, begin
from services.order.domain.events import RefundFailed
from services.order.domain.order import Order, after, moved
from services.order.domain.participation import ReturnBankDeposit
from services.order.domain.plans import DepositReturnPlan
from services.order.domain.states import Kind
from services.order.domain.tenders import TenderType
from services.order.sagas.ending import Ended, Ending, credit_ledger


def _give_back(plan: DepositReturnPlan) -> ReturnBankDeposit:
    return ReturnBankDeposit(plan.money, plan.payment_reference)


DEFINITION = Definition(
    kind=Kind.DEPOSIT_RETURN, version=1, plan_type=DepositReturnPlan, participants=(credit_ledger(_give_back),)
)


def begun(placement: Run, now: datetime) -> Progress | None:
    """The return of what a placement that failed was paid with by bank card; None if nothing was."""
    shares = tuple(
        share for share in placement.plan.money.shares if share.type is TenderType.BANKCARD and share.amount_minor
    )
    if not shares:
        return None
    money = placement.plan.money._replace(shares=shares, card_id="", coupon_minor=0)
    plan = DepositReturnPlan(money, placement.plan.payment_reference)
    return begin(DEFINITION, derived("saga", placement.id, "deposit_return"), placement.root, plan, now)


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The rail has it; the order hears of its arrival later."""
    tenders = moved(order.tenders, run.plan.money.shares, "released_minor")
    rejected, events = after(order, now, tenders=tenders, settlement_id="")
    return Ended(rejected, rest=Decision(events=events))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The money stays: it pays another order (OP-4), or no account of this customer can carry it. Said openly."""
    rejected, events = after(order, now, RefundFailed(order.id, "", run.reason, run.id), settlement_id="")
    return Ended(rejected, rest=Decision(events=events))


ENDING = Ending(DEFINITION, done, aborted)
