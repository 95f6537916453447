"""The lives of accounts, agreements, holds, instalments, legs, refunds and comparisons, as tables (DOMAIN 2.3-2.7)."""

from collections.abc import Iterator
from datetime import timedelta

from services.credit_ledger.domain import soundness
from services.credit_ledger.domain.legs.payouts import PAUSE, PAYOUT_TIMER, timer
from services.credit_ledger.domain.legs.steps import LEG_TIMER, retry
from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Hold, HoldState
from services.credit_ledger.domain.model.instalment import Instalment, InstalmentState
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.reconciliation import ACQUIRER, Reconciliation, ReconciliationState
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.reconciliation.running import PAGE_LOST, RECONCILE_TIMER, next_start
from services.credit_ledger.domain.refunds.posting import FLASH_HOURS, FLASH_TIMER
from services.credit_ledger.domain.statements.cut import CUT_TIMER, SPREAD_SECONDS
from services.kernel.calendar import TICK
from services.kernel.lifecycle import Lifecycle, Wait

A, G, H, N = AccountState, AgreementState, HoldState, InstalmentState
L, F, S, P = LegState, RefundState, ReconciliationState, PayoutState


def _waits_of_account(account: CreditAccount) -> Iterator[Wait]:
    cut_at = account.next_cut_at
    if cut_at is not None:
        yield Wait(CUT_TIMER, account.id, account.id, cut_at + timedelta(seconds=SPREAD_SECONDS), cut_at)


def _waits_of_refund(refund: CreditRefund) -> Iterator[Wait]:
    if refund.state is F.PENDING_CHANNEL:
        over = refund.accepted_at + timedelta(hours=FLASH_HOURS)
        yield Wait(FLASH_TIMER, refund.id, refund.account_id, over + timedelta(seconds=1), over + TICK)


def _waits_of_leg(leg: RefundLeg) -> Iterator[Wait]:
    if not leg.final:
        yield Wait(LEG_TIMER, leg.id, leg.account_id, retry(leg, leg.updated_at or leg.created_at).due_at)


def _waits_of_payout(payout: RedemptionPayout) -> Iterator[Wait]:
    if payout.state is P.WAITING:
        yield Wait(PAYOUT_TIMER, payout.id, payout.account_id, timer(payout).due_at, again=PAUSE)


def _waits_of_reconciliation(row: Reconciliation) -> Iterator[Wait]:
    latest = next_start(row.ended_at) if row.state is S.IDLE and row.ended_at is not None else None
    yield Wait(RECONCILE_TIMER, row.id, row.id, latest, again=PAGE_LOST)


STANDING = Wait(RECONCILE_TIMER, ACQUIRER, ACQUIRER, again=timedelta(days=2))
"""The comparison that there was none of yet: it comes with the night after the service's first start."""

ACCOUNT = Lifecycle(
    "credit account", CreditAccount, AccountState, lambda account: account.state,
    moves={
        (None, A.ACTIVE): "open", (A.ACTIVE, A.SUSPENDED): "suspend", (A.SUSPENDED, A.ACTIVE): "let go on",
        (A.ACTIVE, A.CLOSED): "close, with nothing left", (A.SUSPENDED, A.CLOSED): "close, with nothing left",
    },
    woken={
        state: {CUT_TIMER: "while something is to be billed: within 4 h of the cut"} for state in AccountState
    },
    waits=_waits_of_account,
)

AGREEMENT = Lifecycle(
    "agreement", Agreement, AgreementState, lambda agreement: agreement.state,
    moves={
        (None, G.DRAFT): "authorize", (G.DRAFT, G.REVOKED): "all released", (G.DRAFT, G.EFFECTIVE): "capture",
        (G.EFFECTIVE, G.PAID_OFF): "all dues met", (G.EFFECTIVE, G.SETTLED_EARLY): "all refunded",
        (G.EFFECTIVE, G.CHARGED_OFF): "90 days overdue", (G.SETTLED_EARLY, G.EFFECTIVE): "refund undone",
        (G.SETTLED_EARLY, G.PAID_OFF): "refund undone, all paid", (G.PAID_OFF, G.EFFECTIVE): "what paid it was undone",
        (G.PAID_OFF, G.SETTLED_EARLY): "what paid it was undone, all refunded",
    },
    woken={}, flaws=soundness.of_agreement,
)
"""The cuts of its account bill it."""

HOLD = Lifecycle(
    "hold", Hold, HoldState, lambda hold: hold.state,
    moves={
        (None, H.PENDING): "authorize", (None, H.RELEASED): "authorize of nothing",
        (H.PENDING, H.CAPTURED): "capture of all", (H.PENDING, H.PARTIALLY_CAPTURED): "capture of a part",
        (H.PENDING, H.RELEASED): "release", (H.PENDING, H.EXPIRED): "release, time was over",
        (H.PARTIALLY_CAPTURED, H.CAPTURED): "capture of the rest", (H.PARTIALLY_CAPTURED, H.RELEASED): "release",
        (H.PARTIALLY_CAPTURED, H.EXPIRED): "release, time was over",
    },
    woken={}, derived=True,
)
"""The order has the timer of its time."""

INSTALMENT = Lifecycle(
    "instalment", Instalment, InstalmentState, lambda item: item.state(item.due_date),
    moves={
        (None, N.SCHEDULED): "capture", (None, N.SATISFIED): "capture of nothing",
        (N.SCHEDULED, N.BILLED): "cut", (N.SCHEDULED, N.SATISFIED): "paid early, or by a cut with nothing due",
        (N.SCHEDULED, N.VOID): "refunded", (N.BILLED, N.OVERDUE): "its due date passes",
        (N.BILLED, N.SATISFIED): "paid",
        (N.BILLED, N.VOID): "refunded", (N.OVERDUE, N.SATISFIED): "paid", (N.OVERDUE, N.VOID): "refunded",
        (N.VOID, N.SCHEDULED): "refund undone", (N.VOID, N.BILLED): "refund undone",
        (N.VOID, N.SATISFIED): "refund undone, all paid", (N.SATISFIED, N.VOID): "what paid it was undone, refunded",
        (N.SATISFIED, N.SCHEDULED): "what paid it was undone", (N.SATISFIED, N.BILLED): "what paid it was undone",
        (N.BILLED, N.SCHEDULED): "the refund that billed it was undone",
    },
    woken={}, derived=True,
)

LEG = Lifecycle(
    "leg", RefundLeg, LegState, lambda leg: leg.state,
    moves={
        (None, L.PENDING): "launch", (None, L.WAITING): "launch, no room at the rail", (None, L.EXCEPTION): "kept",
        (L.PENDING, L.SENT): "sent", (L.PENDING, L.ACCEPTED): "accepted", (L.PENDING, L.UNKNOWN): "no answer",
        (L.SENT, L.ACCEPTED): "accepted", (L.SENT, L.UNKNOWN): "no answer", (L.UNKNOWN, L.ACCEPTED): "accepted",
        (L.UNKNOWN, L.SENT): "sent", (L.WAITING, L.PENDING): "the rail said its last word",
        (L.WAITING, L.SETTLED): "counted",
        **{(state, L.SETTLED): "paid" for state in (L.PENDING, L.SENT, L.UNKNOWN, L.ACCEPTED)},
        **{(state, L.REROUTED): "card closed" for state in (L.PENDING, L.SENT, L.UNKNOWN, L.ACCEPTED)},
        **{(state, L.EXCEPTION): "refused, kept or too long"
           for state in (L.PENDING, L.SENT, L.UNKNOWN, L.ACCEPTED, L.WAITING)},
        **{(state, L.RECALLED): "refund undone"
           for state in (L.PENDING, L.SENT, L.UNKNOWN, L.ACCEPTED, L.WAITING, L.EXCEPTION)},
        (L.EXCEPTION, L.UNKNOWN): "asked again", (L.EXCEPTION, L.WAITING): "asked again, no room",
        (L.EXCEPTION, L.SETTLED): "paid, or by hand", (L.EXCEPTION, L.REROUTED): "card closed",
        (L.EXCEPTION, L.ACCEPTED): "accepted after all",
        (L.RECALLED, L.SETTLED): "paid anyway", (L.SETTLED, L.RECALLED): "that bounced",
        (L.SETTLED, L.REROUTED): "it bounced", (L.REROUTED, L.SETTLED): "paid anyway",
    },
    woken={
        **{state: {LEG_TIMER: "until the rail's last word: after a pause that doubles from 2 s to 1 h"}
           for state in (L.PENDING, L.SENT, L.UNKNOWN, L.ACCEPTED, L.WAITING)},
        **{state: {LEG_TIMER: "until the rail's last word: after a pause that doubles from 2 s to a day"}
           for state in (L.EXCEPTION, L.RECALLED, L.SETTLED)},
    },
    waits=_waits_of_leg, flaws=soundness.of_leg,
)

CREDIT_REFUND = Lifecycle(
    "refund by the flash network", CreditRefund, RefundState, lambda refund: refund.state,
    moves={
        (None, F.PENDING_CHANNEL): "accept", (F.PENDING_CHANNEL, F.SUCCEEDED): "confirmed in 24 h",
        (F.PENDING_CHANNEL, F.EXCEPTION): "24 h pass", (F.PENDING_CHANNEL, F.SUCCEEDED_MANUAL): "two people adjust",
        (F.EXCEPTION, F.SUCCEEDED_MANUAL): "two people adjust",
        (F.SUCCEEDED, F.REVERSED): "undone", (F.SUCCEEDED_MANUAL, F.REVERSED): "undone",
    },
    woken={F.PENDING_CHANNEL: {FLASH_TIMER: "1 s after 24 h"}},
    waits=_waits_of_refund, flaws=soundness.of_refund,
)

PAYOUT = Lifecycle(
    "payout of a redemption", RedemptionPayout, PayoutState, lambda payout: payout.state,
    moves={
        (None, P.WAITING): "asked for, payouts are paused", (None, P.SENT): "asked for, to the bank",
        (None, P.SETTLED): "asked for, into the wallet or for what was owed",
        (P.WAITING, P.SENT): "its pause is over", (P.WAITING, P.SETTLED): "its pause is over",
        (P.WAITING, P.STOPPED): "stopped", (P.SENT, P.WAITING): "the bank refused a leg",
        (P.SENT, P.SETTLED): "paid, or by hand", (P.SENT, P.REROUTED): "instrument closed, or three legs refused",
        (P.SETTLED, P.REROUTED): "it bounced",
    },
    woken={P.WAITING: {PAYOUT_TIMER: "after a minute, which doubles with each leg that was refused"}},
    waits=_waits_of_payout, flaws=soundness.of_payout,
)

RECONCILIATION = Lifecycle(
    "comparison with the rail", Reconciliation, ReconciliationState, lambda row: row.state,
    moves={
        (None, S.RUNNING): "the first night", (S.RUNNING, S.IDLE): "last page",
        (S.IDLE, S.RUNNING): "the next night, or by hand",
    },
    woken={
        S.IDLE: {RECONCILE_TIMER: "at 04:00 of the next day"},
        S.RUNNING: {RECONCILE_TIMER: "10 minutes after each page"},
    },
    waits=_waits_of_reconciliation, flaws=soundness.of_reconciliation,
)

LIFECYCLES = (ACCOUNT, AGREEMENT, HOLD, INSTALMENT, LEG, CREDIT_REFUND, PAYOUT, RECONCILIATION)
