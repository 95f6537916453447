"""Random histories of one account: after every step the laws of the book hold, and at the end the log gives the state.

SETTLE_HISTORIES sets how many (a full run takes 20 000); every history is 8 steps after two orders.
"""

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.credit_ledger.domain.adjustments.manual import COMPANY, CUSTOMER
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route, Strategy, SurplusPolicy
from services.kernel.calendar import business_date
from tests.lifecycles import is_sound
from tests.services.credit_ledger.domain.book_laws import ACCOUNT, AT_THE_END, CHEAP
from tests.services.credit_ledger.domain.history import History
from tests.services.credit_ledger.domain.undoing import (
    undoing_needs_no_whole_log,
    what_stood_in_front_is_what_the_log_gives,
)

pytestmark = pytest.mark.timeout(1800)  # a full run takes minutes
HISTORIES = int(os.environ.get("SETTLE_HISTORIES", "150"))
STEPS = 8
PART = 1000
"""Histories of one test: Hypothesis remembers all of a run, and twenty parts remember a twentieth each."""

TERMS = st.builds(
    CreditTerms, plan=st.sampled_from(PlanKind), instalment_count=st.sampled_from((1, 3, 6, 12)),
    fee_ppm=st.sampled_from((0, 5500, 50_000)), defer_months=st.integers(1, 3),
    flat_fee_minor=st.sampled_from((0, 600)),
    term_days=st.sampled_from((1, 30)), free_days=st.sampled_from((-1, 0, 7, 60)), strategy=st.sampled_from(Strategy),
    route=st.sampled_from((Route.DIRECT, Route.DIRECT, Route.FLASH)),
)
TENDERS = st.builds(
    Tenders, st.sampled_from((0, 1, 999, 10_000, 33_333)), st.sampled_from((0, 0, 777)), st.sampled_from((0, 0, 1234)),
    st.sampled_from((0, 0, 5)),
)
ADJUSTED = st.sampled_from((-700, 700, 20_000))
PARTS = st.sampled_from((1, 2, 4, 4))
PHASES = st.sampled_from((0, 0, 1, 2))
STEPS_OF_TIME = st.sampled_from((
    timedelta(seconds=1), timedelta(seconds=2), timedelta(minutes=10), timedelta(hours=23), timedelta(days=1),
    timedelta(days=7),
    timedelta(days=30), timedelta(days=31), timedelta(days=61), timedelta(days=120),
))
PICK = st.integers(0, 7)


class Histories(RuleBasedStateMachine):
    """What customers, merchants, networks and operators can do, in any order."""

    @initialize(
        policy=st.sampled_from(SurplusPolicy), days=st.sampled_from(((5, 15), (31, 10), (28, 28), (29, 31))),
        first=TERMS, second=TERMS, tenders=TENDERS, repaid=st.sampled_from((0, 5000, 40_000)), part=st.integers(0, 4),
        passed=st.sampled_from((0, 0, 10, 40, 150)),
    )
    def open(
        self, policy: SurplusPolicy, days: tuple[int, int], first: CreditTerms, second: CreditTerms, tenders: Tenders,
        repaid: int, part: int, passed: int,
    ) -> None:
        """An account with a shipped order, perhaps repaid, refunded and overdue, and a held one."""
        history = self.history = History(policy, *days)
        history.place(Tenders(20_011, 500, 0, 7), first)
        history.ship(history.held()[0], 4)
        if repaid:
            history.plain(commands.Repay(ACCOUNT, repaid, "CARD_A"))
        history.refund(history.shipped()[0], part)
        history.wait(timedelta(days=passed), timers=False)
        history.place(tenders, second)

    @rule(tenders=TENDERS, terms=TERMS)
    def place(self, tenders: Tenders, terms: CreditTerms) -> None:
        """An order is placed, if it is covered."""
        self.history.place(tenders, terms)

    @precondition(lambda self: self.history.held())
    @rule(pick=PICK, part=PARTS, phases=PHASES)
    def ship(self, pick: int, part: int, phases: int) -> None:
        """A shipment, whole or partial."""
        held = self.history.held()
        self.history.ship(held[pick % len(held)], part, phases)

    @precondition(lambda self: self.history.held())
    @rule(pick=PICK, part=PARTS, phases=PHASES)
    def release(self, pick: int, part: int, phases: int) -> None:
        """A cancel of what has not shipped."""
        held = self.history.held()
        self.history.release(held[pick % len(held)], part, phases)

    @precondition(lambda self: self.history.shipped())
    @rule(pick=PICK, part=PARTS, phases=PHASES, too_much=st.sampled_from((0, 0, 0, 0, 1, 99_999)))
    def refund(self, pick: int, part: int, phases: int, too_much: int) -> None:
        """A refund, whole or partial, sometimes above what is left."""
        shipped = self.history.shipped()
        self.history.refund(shipped[pick % len(shipped)], part, phases, too_much)

    @precondition(lambda self: self.history.shipped())
    @rule(pick=PICK, part=PARTS)
    def refund_at_once(self, pick: int, part: int) -> None:
        """The commonest of all steps, once more."""
        shipped = self.history.shipped()
        self.history.refund(shipped[pick % len(shipped)], part)

    @precondition(lambda self: self.history.shipped())
    @rule(pick=PICK, part=PARTS)
    def quote(self, pick: int, part: int) -> None:
        """A binding quote."""
        shipped = self.history.shipped()
        self.history.quote(shipped[pick % len(shipped)], part)

    @precondition(lambda self: self.history.quotes)
    @rule(phases=st.sampled_from((0, 1)))
    def accept(self, phases: int) -> None:
        """The last quote is accepted, whatever happened since."""
        self.history.accept(phases)

    @precondition(lambda self: self.history.posted)
    @rule(pick=PICK)
    def reverse(self, pick: int) -> None:
        """A refund is undone."""
        posted = sorted(self.history.posted)
        self.history.reverse(posted[pick % len(posted)])

    @precondition(lambda self: self.history.waiting())
    @rule(pick=PICK, by_hand=st.booleans())
    def network(self, pick: int, by_hand: bool) -> None:
        """The network confirms, or two people do it."""
        waiting = self.history.waiting()
        order_id = waiting[pick % len(waiting)].order_id
        if by_hand:
            self.history.plain(
                commands.AdjustRefund(ACCOUNT, order_id, "maker", "checker", ("order page", "bill page"))
            )
        else:
            self.history.plain(commands.ConfirmFlashRefund(ACCOUNT, order_id))

    @rule(amount=st.sampled_from((1, 300, 5000, 21_000, 90_000)), instrument=st.sampled_from(("CARD_A", "CARD_B")))
    def repay(self, amount: int, instrument: str) -> None:
        """The customer pays."""
        self.history.plain(commands.Repay(ACCOUNT, amount, instrument))

    @rule(step=STEPS_OF_TIME, timers=st.booleans())
    def wait(self, step: timedelta, timers: bool) -> None:
        """Time passes."""
        self.history.wait(step, timers)

    @rule(chore=st.sampled_from(("pay out", "accrue", "accrue", "waive", "charge off", "settle merchant")), pick=PICK)
    def chore(self, chore: str, pick: int) -> None:
        """What operators and runs do: payouts, late fees, write-offs, merchant settlements."""
        history, today = self.history, business_date(self.history.at)
        if chore == "settle merchant":
            history.settle_merchant()
        elif chore == "charge off":
            order = history.agreements()[pick % len(history.agreements())]
            history.plain(commands.ChargeOff(ACCOUNT, order.order_id))
        else:
            history.plain({
                "pay out": commands.PayOutCreditBalance(ACCOUNT, 1 + pick * 700),
                "waive": commands.WaiveLateFees(ACCOUNT),
                "accrue": commands.AccrueLateFees(ACCOUNT, today),
            }[chore])

    @precondition(lambda self: self.history.agreements())
    @rule(pick=PICK, accounts=st.tuples(st.sampled_from(CUSTOMER), st.sampled_from(COMPANY)), amount=ADJUSTED)
    def adjust(self, pick: int, accounts: tuple[str, str], amount: int) -> None:
        """Two people post a journal, or try to."""
        orders = self.history.agreements()
        self.history.adjust(orders[pick % len(orders)], *accounts, amount)

    @precondition(lambda self: self.history.legs())
    @rule(report=st.sampled_from(commands.LegReport))
    def rails(self, report: commands.LegReport) -> None:
        """The rails report."""
        self.history.report_legs(report)

    @invariant()
    def the_laws_hold(self) -> None:
        """Every cheap law, after every step."""
        if hasattr(self, "history"):
            for law in CHEAP:
                law(self.history.book)
            is_sound(self.history.book)
            self.history.check_statements()

    def teardown(self) -> None:
        """Every law that looks at the whole history."""
        if hasattr(self, "history"):
            for law in AT_THE_END:
                law(self.history.book)
            undoing_needs_no_whole_log(self.history.book)
            what_stood_in_front_is_what_the_log_gives(self.history.book)


DIRECT = CreditTerms(instalment_count=1, term_days=1, free_days=-1)


def _open(second: CreditTerms, tenders: Tenders, passed: int) -> Histories:
    histories = Histories()
    histories.open(SurplusPolicy.KEEP, (5, 15), DIRECT, second, tenders, repaid=5000, part=3, passed=passed)
    return histories


def test_what_was_paid_off_and_refunded_may_turn_out_to_be_settled_early() -> None:
    """A refund of another order is undone, whose surplus had paid it before it was refunded whole."""
    histories = _open(replace(DIRECT, plan=PlanKind.DEFERRED), Tenders(1, 0, 0, 0), passed=10)
    histories.ship(pick=0, part=1, phases=0)
    histories.refund_at_once(pick=0, part=1)
    histories.refund_at_once(pick=1, part=4)
    histories.reverse(pick=0)

    histories.the_laws_hold()
    histories.teardown()


def test_a_refund_may_recover_all_that_was_written_off() -> None:
    """The agreement stays CHARGED_OFF (A23, P25)."""
    histories = _open(DIRECT, Tenders(0, 0, 0, 0), passed=150)
    histories.chore(chore="charge off", pick=0)
    histories.refund_at_once(pick=0, part=1)

    histories.the_laws_hold()
    histories.teardown()


@pytest.mark.parametrize("part", range(-(-HISTORIES // PART)))
def test_histories_obey_the_laws(part: int) -> None:
    """Every law, over fresh random histories in each part."""
    run_state_machine_as_test(Histories, settings=settings(
        max_examples=min(PART, HISTORIES - part * PART), stateful_step_count=STEPS, deadline=None, database=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
    ))
