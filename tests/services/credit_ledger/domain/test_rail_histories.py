"""Random histories of legs that end in every order of answers, bounces, reversals, hands and chargebacks (PM-7, PM-8).

What the rail paid less what the customer owes back is what the engine says was refunded, after every step.
"""

import os
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

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.leg import LegState
from tests.lifecycles import flaws_of
from tests.services.credit_ledger.domain.book_laws import ACCOUNT, AT_THE_END, CHEAP
from tests.services.credit_ledger.domain.rail_of_its_own import RailAndBook
from tests.services.credit_ledger.domain.undoing import (
    undoing_needs_no_whole_log,
    what_stood_in_front_is_what_the_log_gives,
)

pytestmark = pytest.mark.timeout(1800)  # a full run takes minutes
HISTORIES = int(os.environ.get("SETTLE_HISTORIES", "150"))
PICK = st.integers(0, 5)


class Rails(RuleBasedStateMachine):
    """What the rail, people, customers and the card holder's bank can do with refunds, in any order."""

    @initialize(amounts=st.lists(st.sampled_from((1, 999, 6_000)), min_size=1, max_size=2))
    def open(self, amounts: list[int]) -> None:
        """One or two orders that bank cards paid, the first refunded."""
        self.rail = RailAndBook()
        for amount in amounts:
            self.rail.buy(amount)
        self.rail.history.refund(self.rail.history.shipped()[0], 4)

    @precondition(lambda self: self.rail.history.shipped())
    @rule(pick=PICK, part=st.sampled_from((1, 2, 4, 4)), phases=st.sampled_from((0, 1)))
    def refund(self, pick: int, part: int, phases: int) -> None:
        """A part of what is left, or all."""
        shipped = self.rail.history.shipped()
        self.rail.history.refund(shipped[pick % len(shipped)], part, phases)

    @precondition(lambda self: self.rail.history.posted)
    @rule(pick=PICK)
    def reverse(self, pick: int) -> None:
        """A refund is undone, whatever its leg is by then."""
        posted = sorted(self.rail.history.posted)
        self.rail.reverse(posted[pick % len(posted)])

    @precondition(lambda self: self.rail.sent())
    @rule(pick=PICK, tells=st.booleans())
    def pays(self, pick: int, tells: bool) -> None:
        """The rail pays; perhaps nobody hears of it."""
        leg = self.rail.sent()[pick % len(self.rail.sent())]
        self.rail.pays(leg)
        if tells:
            self.rail.tells(leg)

    @precondition(lambda self: self.rail.sent())
    @rule(pick=PICK, closed=st.booleans(), tells=st.booleans())
    def refuses_or_bounces(self, pick: int, closed: bool, tells: bool) -> None:
        """The rail refuses, or what it paid comes back."""
        leg = self.rail.sent()[pick % len(self.rail.sent())]
        self.rail.refuses(leg)
        if tells:
            self.rail.tells(leg, closed)

    @precondition(lambda self: self.rail.sent())
    @rule(pick=PICK)
    def says_it_again(self, pick: int) -> None:
        """A report that comes late, or twice."""
        self.rail.tells(self.rail.sent()[pick % len(self.rail.sent())])

    @precondition(lambda self: self.rail.sent())
    @rule(pick=PICK, said=st.sampled_from((commands.LegReport.UNKNOWN, commands.LegReport.SENT)))
    def says_nothing(self, pick: int, said: commands.LegReport) -> None:
        """A time-out."""
        leg = self.rail.sent()[pick % len(self.rail.sent())]
        self.rail.history.plain(commands.ReportLeg(ACCOUNT, leg.id, said))

    @precondition(lambda self: any(leg.state is LegState.EXCEPTION for leg in self.rail.history.legs()))
    @rule(pick=PICK, retry=st.booleans())
    def by_hand(self, pick: int, retry: bool) -> None:
        """People settle what waits for them, or have the rail asked again."""
        waiting = [leg for leg in self.rail.history.legs() if leg.state is LegState.EXCEPTION]
        leg = waiting[pick % len(waiting)]
        if retry:
            self.rail.history.plain(commands.RetryLeg(ACCOUNT, leg.id, "operator", "again"))
        else:
            self.rail.by_hand(leg)

    @rule(amount=st.sampled_from((1, 500, 6_000)))
    def pay_back(self, amount: int) -> None:
        """The customer pays what is owed, or less."""
        self.rail.pay_back(amount)

    @rule(pick=PICK)
    def charge_back(self, pick: int) -> None:
        """The card holder's bank takes a payment back; half of the time nobody does."""
        legs = self.rail.history.legs()
        if pick < len(legs):
            self.rail.charge_back(legs[pick])

    @rule(step=st.sampled_from((timedelta(seconds=3), timedelta(hours=1), timedelta(days=1), timedelta(days=11))),
          timers=st.booleans())
    def wait(self, step: timedelta, timers: bool) -> None:
        """Time passes."""
        self.rail.history.wait(step, timers)

    @invariant()
    def the_laws_hold(self) -> None:
        """Those of the book, and those of the rail."""
        for law in CHEAP:
            law(self.rail.book)
        assert list(flaws_of(self.rail.book)) == []
        self.rail.what_the_rail_paid_is_what_was_refunded()
        self.rail.the_acquirer_owes_what_it_took_less_what_left()
        self.rail.no_payment_is_paid_out_above_itself()

    def teardown(self) -> None:
        """Once the rail has said its last word, nothing is on its way that nobody looks at, and the log gives the
        book."""
        if not hasattr(self, "rail"):
            return
        self.rail.tells_all()
        self.rail.everything_that_the_rail_paid_is_known()
        self.the_laws_hold()
        for leg in self.rail.history.legs():
            assert leg.final or leg.state in (LegState.WAITING, LegState.EXCEPTION, LegState.SETTLED), leg
        for law in AT_THE_END:
            law(self.rail.book)
        undoing_needs_no_whole_log(self.rail.book)
        what_stood_in_front_is_what_the_log_gives(self.rail.book)


def test_what_waited_and_is_asked_about_first_is_sent_by_the_question() -> None:
    """A leg that waited for another's word, and that a person has the rail asked about, comes to its end."""
    rails = Rails()
    rails.open(amounts=[1])
    rails.reverse(pick=0)
    rails.refund(pick=0, part=4, phases=0)
    rails.refuses_or_bounces(pick=0, closed=False, tells=True)
    rails.wait(step=timedelta(days=11), timers=True)
    rails.by_hand(pick=0, retry=True)

    rails.the_laws_hold()
    rails.teardown()


def test_the_rail_has_the_last_word_in_every_order() -> None:
    """The old code forgot a leg that it had ended, and paid a payment out twice."""
    run_state_machine_as_test(Rails, settings=settings(
        max_examples=HISTORIES, stateful_step_count=12, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink),
    ))
