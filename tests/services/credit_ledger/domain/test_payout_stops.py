"""Stopping payouts and pausing them all: only what was never sent is not yet paid (OP-2)."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.credit_ledger.domain.legs.payouts import PAUSE, PAYOUT_TIMER
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.leg import RailWord
from services.credit_ledger.domain.model.payout import PayoutMethod, PayoutState
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PayoutsFound, PayoutSwitch, WakePayouts
from services.credit_ledger.domain.model.redemption_events import (
    PayoutsPaused,
    PayoutsResumed,
    RedemptionPayoutSettled,
)
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.redeeming import LATER, NOW, PAYOUT, Redeemer
from tests.services.credit_ledger.domain.shop import at

S = PayoutState


def test_a_payout_that_waits_is_stopped_for_good() -> None:
    """The answer confirms it; resuming sends nothing, and neither does its timer."""
    shop = Redeemer()
    shop.pause()
    shop.pay(94_000)

    effect = shop.stop()

    assert (effect.state, shop.payout().state) == (S.STOPPED, S.STOPPED)
    assert (PAYOUT_TIMER, PAYOUT) not in shop.book.timers
    shop.resume(LATER)
    shop.book.turn_to(at(LATER) + timedelta(days=1))
    assert (shop.legs(), shop.transit()) == ([], 0)
    assert shop.stop().state is S.STOPPED


@pytest.mark.parametrize("said", [None, LegReport.UNKNOWN, LegReport.ACCEPTED, LegReport.SETTLED, LegReport.CLOSED])
def test_what_the_bank_may_have_is_not_stopped(said: LegReport | None) -> None:
    """A leg that was sent goes on, whatever the bank has said of it: only a confirmed stop is not yet paid."""
    shop = Redeemer()
    shop.pay(94_000)
    if said is not None:
        shop.report(said)
    before = shop.payout()

    effect = shop.stop()

    assert effect.state is before.state is not S.STOPPED
    assert shop.payout() == before


def test_between_two_attempts_a_payout_can_be_stopped() -> None:
    """What had paid a debt is owed again: nothing of the payout is left in this book (RD-33)."""
    shop = Redeemer(wallet=1)
    shop.claim(4_000, before=4_000)
    shop.pay(94_000)
    shop.report(LegReport.REJECTED)
    assert (shop.owes, shop.transit()) == (0, 4_000)

    effect = shop.stop()

    assert (effect.state, effect.netted_minor, shop.owes, shop.transit()) == (S.STOPPED, 0, 4_000, 0)
    assert shop.ops() == ["face_clawback", "payout", "payout_stopped"]


def test_a_leg_that_is_paid_after_its_payout_was_stopped_is_owed() -> None:
    """The bank had refused it for good and paid it all the same (PM-7)."""
    shop = Redeemer()
    shop.pay(94_000)
    shop.report(LegReport.REJECTED)
    shop.stop()

    shop.report(LegReport.SETTLED)

    assert (shop.owes, shop.payout().state, shop.transit()) == (94_000, S.STOPPED, 0)


def test_an_unknown_payout_is_not_stopped() -> None:
    """The coordinator asks for what it never had paid."""
    shop = Redeemer()

    assert shop.stop() == Refused("PAYOUT_NOT_FOUND", f"{ACCOUNT} has no payout {PAYOUT}", "NOT_FOUND")


@pytest.mark.parametrize("method", PayoutMethod)
def test_while_payouts_are_paused_nothing_is_paid(method: PayoutMethod) -> None:
    """Neither to the bank nor into the wallet; once they go on, the search for those that wait begins at once."""
    shop = Redeemer(wallet=1)
    shop.claim(4_000, before=4_000)
    shop.pause()
    shop.pay(94_000, method)
    assert (shop.payout().state, shop.owes, shop.wallet, shop.legs()) == (S.WAITING, 4_000, 1, [])

    shop.resume(LATER)
    assert shop.book.actions[-1] == WakePayouts(PAYOUTS)
    shop.plain(PayoutsFound(PAYOUTS, ((PAYOUT, ACCOUNT),)), LATER, PAYOUTS)
    shop.book.fire()

    assert shop.owes == 0
    if method is PayoutMethod.WALLET:
        assert (shop.payout().state, shop.wallet) == (S.SETTLED, 90_001)
        assert [type(each) for each in shop.book.notices] == [RedemptionPayoutSettled]
    else:
        assert (shop.payout().state, shop.legs()[0].amount_minor) == (S.SENT, 90_000)


def test_what_is_at_the_bank_goes_on_while_payouts_are_paused() -> None:
    """Its leg is settled; a next attempt waits."""
    shop = Redeemer()
    shop.pay(94_000)
    shop.pay(50_000, payout_id="pay_2")
    shop.pause()
    first = next(n for n, leg in enumerate(shop.legs()) if leg.payout_id == PAYOUT)

    shop.report(LegReport.SETTLED, leg=first)
    shop.report(LegReport.REJECTED, leg=1 - first)
    shop.book.turn_to(at(LATER) + 2 * PAUSE)

    assert (shop.payout().state, shop.payout("pay_2").state, len(shop.legs())) == (S.SETTLED, S.WAITING, 2)


def test_the_switch_is_audited() -> None:
    """Who, why and when stand in its row, and every move is an event; one that stands so already stays as it is."""
    shop = Redeemer()
    shop.pause()
    shop.pause(LATER, "ops_2")
    shop.resume(LATER, "ops_2")

    switch = shop.book.row(PayoutSwitch, PAYOUTS)
    told = [event.body for event in shop.book.events if event.aggregate_id == PAYOUTS]

    assert (switch.paused, switch.operator_id, switch.changed_at, switch.version) == (False, "ops_2", at(LATER), 2)
    assert told == [PayoutsPaused("ops_1", "bank holiday"), PayoutsResumed("ops_2", "bank is back")]


@pytest.mark.parametrize("operator", ["", "  ", "\u200b"])
def test_nobody_moves_the_switch(operator: str) -> None:
    """A name that says nothing is none."""
    shop = Redeemer()

    refused = shop.pause(operator=operator)

    assert isinstance(refused, Refused)
    assert refused.reason == "INVALID_ARGUMENT"
    assert shop.book.find(PayoutSwitch, PAYOUTS) is None


def test_a_page_of_payouts_is_woken_and_the_next_one_looked_for() -> None:
    """Paused again, nobody is woken any more."""
    shop = Redeemer()
    shop.pause()
    shop.pay(94_000)
    shop.resume(LATER)

    shop.plain(PayoutsFound(PAYOUTS, ((PAYOUT, ACCOUNT),), PAYOUT), LATER, PAYOUTS)
    assert shop.book.actions[-1] == WakePayouts(PAYOUTS, PAYOUT)
    assert shop.book.timers[PAYOUT_TIMER, PAYOUT].due_at == at(LATER)
    shop.pause(LATER)
    count = len(shop.book.actions)
    shop.plain(PayoutsFound(PAYOUTS, ((PAYOUT, ACCOUNT),), PAYOUT), LATER, PAYOUTS)
    shop.book.fire()

    assert (len(shop.book.actions), shop.payout().state) == (count, S.WAITING)


def test_a_page_that_finds_nobody_left_wakes_nobody() -> None:
    """The payout went out by its own timer meanwhile: the timer of the page changes nothing."""
    shop = Redeemer()
    shop.pause()
    shop.pay(94_000)
    shop.resume(NOW)
    shop.book.turn_to(at(NOW) + PAUSE)

    shop.book.ask(PAYOUTS, PayoutsFound(PAYOUTS, ((PAYOUT, ACCOUNT),)), at(NOW) + PAUSE)
    shop.book.fire()

    assert (shop.payout().state, len(shop.legs())) == (S.SENT, 1)
    assert (PAYOUT_TIMER, PAYOUT) not in shop.book.timers


def _says_of_all(shop: Redeemer, report: LegReport) -> None:
    for leg in shop.legs():
        shop.book.ask(ACCOUNT, ReportLeg(ACCOUNT, leg.id, report), at(RACE))


RACE = "2026-03-12 10:30:00"
RACERS: Mapping[str, Callable[[Redeemer], Any]] = {  # Any: what each is answered
    "stop": lambda shop: shop.stop(when=RACE), "timer": lambda shop: shop.book.turn_to(at(RACE)),
    "resume": lambda shop: shop.resume(RACE), "bank pays": lambda shop: _says_of_all(shop, LegReport.SETTLED),
    "bank refuses": lambda shop: _says_of_all(shop, LegReport.REJECTED),
}


@pytest.mark.parametrize("order", [*permutations(RACERS)], ids=", ".join)
def test_whoever_comes_first_a_payout_is_paid_or_stopped(order: tuple[str, ...]) -> None:
    """A stop against the timer, the operator and the bank, in every order: the answer to the stop stays true, and the
    customer has what is owed, or owes what is too much."""
    shop = Redeemer(wallet=1)
    shop.pay(94_000)
    shop.report(LegReport.REJECTED)
    shop.pause()
    answers = {name: RACERS[name](shop) for name in order}
    stopped = answers["stop"].state is S.STOPPED

    shop.resume(RACE)
    shop.book.turn_to(at(RACE) + timedelta(hours=1))
    _says_of_all(shop, LegReport.SETTLED)

    paid = sum(leg.sent_minor for leg in shop.legs() if leg.word is RailWord.PAID)
    assert shop.payout().state in ((S.STOPPED,) if stopped else (S.SETTLED, S.REROUTED))
    assert shop.transit() == (0 if stopped else 94_000)
    assert paid + shop.wallet - 1 == shop.transit() + shop.owes
