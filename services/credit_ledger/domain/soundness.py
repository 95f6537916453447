"""What of an account, an agreement, a leg, a payout, a refund or a comparison contradicts the state that it says.

Nothing here is asked while an account is decided: it is for whoever reads rows that may have been written by others.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.credit_ledger.domain.holds.life import HOLD_DAYS
from services.credit_ledger.domain.legs.payouts import ATTEMPTS_MAX
from services.credit_ledger.domain.legs.room import COUNTS, ON_A_WORD
from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, concluded
from services.credit_ledger.domain.model.leg import LegEnd, LegState, RailWord, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.reconciliation import BEGINNING, Reconciliation, ReconciliationState
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.tenders import NOTHING
from services.credit_ledger.domain.refunds.posting import FLASH_HOURS
from services.kernel.calendar import business_date, day_in_month, first_bill_date, start_of
from services.kernel.lifecycle import Flaw, unless

A, L = AgreementState, LegState
_ENDED = (A.REVOKED, A.PAID_OFF, A.SETTLED_EARLY)
_UNPAID = (L.PENDING, L.SENT, L.UNKNOWN, L.WAITING)


def of_account(account: CreditAccount, owing: str, present: datetime) -> Iterator[Flaw]:
    """What of an account contradicts its state and its bill day; `owing` is an order of it that is to be billed or paid
    still, if there is one."""
    if account.state is AccountState.CLOSED:
        left = account.held_minor, account.used_minor, account.credit_balance_minor
        yield from unless(not any(left), "state", "CLOSED only with nothing left", " ".join(map(str, left)))
    cut_at, last = account.next_cut_at, account.last_bill_date
    if cut_at is None:
        yield from unless(not owing, "next_cut_at", f"an instant while {owing} is to be billed or paid", "none")
        return
    day = business_date(cut_at)
    on = start_of(day_in_month(day.year, day.month, account.bill_day))
    yield from unless(cut_at == on, "next_cut_at", f"the midnight of day {account.bill_day}", cut_at)
    latest = start_of(first_bill_date(business_date(present), account.bill_day))
    yield from unless(cut_at <= latest, "next_cut_at", f"at most {latest}", cut_at)
    yield from unless(last is None or last < day, "last_bill_date", f"one in front of {day}", last)


def of_agreement(agreement: Agreement) -> Iterator[Flaw]:
    """What of an agreement contradicts its state: its hold, its plans and what was refunded."""
    state, hold, plans = agreement.state, agreement.hold, agreement.plans
    remaining, empty = any(hold.remaining), not any(hold.authorized)
    if state in (A.DRAFT, A.REVOKED):
        moved = hold.captured != NOTHING or agreement.refunded != NOTHING or bool(plans)
        yield from unless(not moved, "state", "one that owes, for something was captured", state)
        yield from unless(empty or remaining == (state is A.DRAFT), "state",
                          f"{'DRAFT' if remaining else 'REVOKED'} by its hold", state)
    else:
        yield from unless(empty or any(hold.captured), "state", f"{state} only with something captured", state)
    if state is A.EFFECTIVE:
        yield from unless(concluded(agreement) is state, "state", concluded(agreement), state)
    owed = sum(item.outstanding_minor for item in agreement.instalments)
    yield from unless(state is A.EFFECTIVE or not owed, "state", f"EFFECTIVE, {owed} is owed", state)
    if state in _ENDED:
        yield from unless(not remaining, "state", "one that holds", state)
    if state is A.PAID_OFF:
        yield from unless(bool(plans) and not agreement.open, "state", "one that may still be paid", state)
    if state is A.SETTLED_EARLY:
        back = all(plan.refunded_minor == plan.principal_minor for plan in plans) if plans else (
            not any(agreement.refundable))
        yield from unless(back, "state", "SETTLED_EARLY only once all was refunded", state)
    yield from unless(state is A.CHARGED_OFF or not agreement.written_off_minor, "state",
                      f"CHARGED_OFF, {agreement.written_off_minor} is written off", state)
    lost = agreement.written_off_minor or any(plan.refunded_minor for plan in plans)  # a refund may recover all of it
    yield from unless(state is not A.CHARGED_OFF or bool(lost), "state",
                      "CHARGED_OFF only where something was written off", state)
    until = hold.authorized_at + timedelta(days=HOLD_DAYS)
    yield from unless(hold.expires_at == until, "hold.expires_at", until, hold.expires_at)


def of_instalments(account: CreditAccount, agreement: Agreement) -> Iterator[Flaw]:
    """What the cuts that were made, or are to come, leave out of an agreement."""
    next_cut = business_date(account.next_cut_at) if account.next_cut_at is not None else None
    for item in agreement.instalments:
        if item.live and not item.billed:
            if account.last_bill_date is not None and item.bill_date <= account.last_bill_date:
                yield Flaw(f"instalment {item.no}", f"billed by the cut of {account.last_bill_date}", "unbilled")
            if next_cut is not None and item.bill_date < next_cut:
                yield Flaw(f"instalment {item.no}", f"to be billed on {item.bill_date}", f"next cut on {next_cut}")


def of_leg(leg: RefundLeg) -> Iterator[Flaw]:
    """What of a leg contradicts its state: the rail's word, and what we did with its money."""
    state, word, end = leg.state, leg.word, leg.end
    if state in (*_UNPAID, L.ACCEPTED):
        expected = RailWord.ACCEPTED if state is L.ACCEPTED else RailWord.SILENT
        yield from unless(word is expected, "word", f"{expected} while {state}", word)
        yield from unless(end is LegEnd.NONE and not leg.reversed, "state", "one that ended otherwise", state)
    if state is L.SETTLED:
        by_us = end in (LegEnd.BY_HAND, LegEnd.KEPT)
        yield from unless(word is RailWord.PAID or by_us, "state", f"one of which the rail said {word}", state)
    if state is L.REROUTED:
        yield from unless(end is LegEnd.REROUTED and word is RailWord.REFUSED, "state",
                          f"one that ended {end or 'not'} and the rail said {word}", state)
    if state is L.RECALLED:
        unpaid = word is not RailWord.PAID or end is LegEnd.KEPT
        taken_back = leg.reversed or end is LegEnd.REPLACED
        yield from unless(taken_back and unpaid, "state", f"one of which the rail said {word}", state)
    if state is L.EXCEPTION:
        yield from unless(end in (LegEnd.NONE, LegEnd.KEPT) and not leg.reversed, "state", "one that ended", state)
        paid = word is RailWord.PAID and end is not LegEnd.KEPT
        yield from unless(not paid, "state", "SETTLED, for the rail paid", state)
    waits = leg.detail.startswith((ON_A_WORD, COUNTS))
    yield from unless(waits or state is not L.WAITING, "state", "one that waits for no other leg", state)
    yield from unless(bool(leg.detail) or state is not L.EXCEPTION, "state", "one without a reason", state)
    yield from unless(leg.created_at <= leg.since <= (leg.updated_at or leg.since), "moved_at",
                      f"between {leg.created_at} and {leg.updated_at}", leg.since)


def of_payout(payout: RedemptionPayout) -> Iterator[Flaw]:
    """What of a payout contradicts its state: its legs, and what it paid of a debt."""
    state, by_bank = payout.state, payout.method is not PayoutMethod.WALLET
    yield from unless(bool(payout.instrument) == by_bank, "instrument", "one to the bank, none into the wallet",
                      payout.instrument)
    yield from unless(by_bank or not payout.attempts, "attempts", "0 into the wallet", payout.attempts)
    yield from unless(payout.attempts <= ATTEMPTS_MAX, "attempts", f"at most {ATTEMPTS_MAX}", payout.attempts)
    if state in (PayoutState.SENT, PayoutState.REROUTED):
        yield from unless(payout.attempts > 0, "state", "one that no leg carried", state)
    if state is PayoutState.SETTLED and by_bank and payout.left_minor:
        yield from unless(payout.attempts > 0, "state", "one that no leg carried", state)
    if state is PayoutState.STOPPED:
        yield from unless(not payout.netted_minor, "netted_minor", "0 once it is stopped", payout.netted_minor)
    yield from unless(payout.requested_at <= payout.moved_at, "moved_at", f"{payout.requested_at} or later",
                      payout.moved_at)


def of_refund(refund: CreditRefund) -> Iterator[Flaw]:
    """What of a refund by the flash network contradicts its state."""
    state, posted_at = refund.state, refund.posted_at
    done = state in (RefundState.SUCCEEDED, RefundState.SUCCEEDED_MANUAL, RefundState.REVERSED)
    yield from unless((posted_at is not None) == done, "posted_at", f"{'an instant' if done else 'none'} while {state}",
                      posted_at)
    if posted_at is not None and state is not RefundState.REVERSED:
        late = posted_at > refund.accepted_at + timedelta(hours=FLASH_HOURS)
        expected = RefundState.SUCCEEDED_MANUAL if late else RefundState.SUCCEEDED
        yield from unless(state is expected, "state", f"{expected}, posted at {posted_at}", state)


def of_reconciliation(row: Reconciliation) -> Iterator[Flaw]:
    """What of a comparison with the rail contradicts its state."""
    running = row.state is ReconciliationState.RUNNING
    ended = row.ended_at is not None and row.started_at is not None and row.ended_at >= row.started_at
    yield from unless(row.started_at is not None, "started_at", "an instant", "none")
    yield from unless(running or ended, "state", f"RUNNING, begun at {row.started_at}", row.state)
    yield from unless(running or row.place == BEGINNING, "place", "the beginning, for the next night", row.place)
