"""Due timers of accounts. Each waits while a saga has claimed
its account, and makes the cuts that are due on the way."""

from collections.abc import Callable
from datetime import datetime

from services.credit_ledger.decisions.accounts import unclaimed
from services.credit_ledger.decisions.reconciling import ON_TIME
from services.credit_ledger.domain.core.position import Applied, Position, closed
from services.credit_ledger.domain.legs.life import woken
from services.credit_ledger.domain.legs.payouts import PAYOUT_TIMER
from services.credit_ledger.domain.legs.steps import LEG_TIMER
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.payouts import paying
from services.credit_ledger.domain.reconciliation.running import RECONCILE_TIMER
from services.credit_ledger.domain.refunds.flash import expire
from services.credit_ledger.domain.refunds.posting import FLASH_TIMER
from services.credit_ledger.domain.statements.cut import CUT_TIMER, cut_timer
from services.kernel.decision import Decision, Known, Rule, Wanted, rule, timer_rules
from services.kernel.messages import Message, TimerDue
from services.kernel.notices import REPEATED


def _timer(act: Callable[[Position, str], Applied], *kinds: type) -> Rule:
    """The rule of a timer; its key tells what for, and is the key of these kinds of rows."""

    def wants(body: TimerDue, message: Message) -> Wanted:
        return ((CreditAccount, message.key), *((kind, body.key) for kind in kinds))

    def decide(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        return closed(act(unclaimed(known, message.key, now), body.key), body, refusable=False)

    return rule(TimerDue, wants, decide)


def _cut_due(position: Position, key: str) -> Applied:
    """The cut was made on the way, and the next timer set; one that came too early or too late is put in step again."""
    cut_at = position.account.next_cut_at
    if position.operations:
        return Applied(position, None, logged=False)
    if cut_at is None:
        return Applied(position.plus(cleared=((CUT_TIMER, key),)), None, logged=False)
    return Applied(position.plus(timers=(cut_timer(key, cut_at),)), None, logged=False)


TIMERS = timer_rules(
    (CUT_TIMER, _timer(_cut_due)), (FLASH_TIMER, _timer(expire, CreditRefund)), (LEG_TIMER, _timer(woken, RefundLeg)),
    (PAYOUT_TIMER, _timer(paying.woken, RedemptionPayout)), (RECONCILE_TIMER, ON_TIME), REPEATED,
)
"""By the kind of the timer."""
