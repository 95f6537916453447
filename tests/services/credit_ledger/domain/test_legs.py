"""Legs to the outside: asked about, never sent anew; settled once; given to a person at the limit (PM-3, PM-6, P7)."""

from datetime import datetime, timedelta

import pytest

from services.credit_ledger.domain.legs import life, steps
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.events import BankRefundSettled
from services.credit_ledger.domain.model.leg import LegState, QueryLeg, RefundLeg, SendLeg
from services.credit_ledger.domain.model.tenders import Tenders
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import Shop, at

REFUNDED = "2026-03-12 10:00:00"
Report = commands.LegReport


def shop_with_leg() -> tuple[Shop, RefundLeg]:
    """A bank-card refund on its way."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    shop.refund("ord_1", REFUNDED, 0, tenders=Tenders(0, 0, 5_000))
    return shop, leg_of(shop)


def leg_of(shop: Shop) -> RefundLeg:
    """The only leg."""
    (leg,) = shop.book.family(RefundLeg, ACCOUNT)
    assert isinstance(leg, RefundLeg)
    return leg


def report(shop: Shop, said: Report, when: str = "2026-03-12 10:00:01") -> None:
    """What the rail says."""
    shop.plain(commands.ReportLeg(ACCOUNT, leg_of(shop).id, said), when)


def due_at(shop: Shop) -> datetime:
    """When the leg's timer is due."""
    return shop.book.timers[steps.LEG_TIMER, leg_of(shop).id].due_at


def test_a_refund_sends_its_leg_after_the_decision() -> None:
    """The intent is a row and an action; the payment reference names the original payment."""
    shop, leg = shop_with_leg()

    assert shop.book.actions == [SendLeg(leg.id, ACCOUNT, leg.rail, "pay_ord_1", 5_000)]
    assert leg.state is LegState.PENDING
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == -5_000


def test_an_unknown_outcome_is_asked_about_with_the_same_id() -> None:
    """Time-out, then query, then query, with growing pauses (PM-6)."""
    shop, leg = shop_with_leg()
    report(shop, Report.UNKNOWN)

    first = due_at(shop)
    shop.book.turn_to(first)
    second = due_at(shop)
    shop.book.turn_to(second)

    assert shop.book.actions[1:] == [QueryLeg(SendLeg(leg.id, ACCOUNT, leg.rail, "pay_ord_1", 5_000))] * 2
    assert due_at(shop) - second > second - first


def test_settlement_posts_once_and_tells_the_order() -> None:
    """The second report changes nothing, and the timer is gone (P7)."""
    shop, leg = shop_with_leg()

    for _ in range(2):
        report(shop, Report.SETTLED)

    assert shop.ops().count("card_refund_settled") == 1
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == shop.book.balance("A.CH.CARD") == 0
    assert shop.book.notices == [BankRefundSettled("ord_1", "ref_1", leg.id, 5_000)]
    assert (steps.LEG_TIMER, leg.id) not in shop.book.timers


def test_a_leg_without_an_answer_becomes_an_exception_and_can_still_settle() -> None:
    """Bounded attempts, an alarm, and the late good news counts."""
    shop, _ = shop_with_leg()
    for _ in range(life.ATTEMPTS_MAX + 1):
        shop.book.turn_to(due_at(shop))

    exceptional = leg_of(shop).state
    report(shop, Report.SENT, "2026-03-20 10:00:00")
    still = leg_of(shop).state
    report(shop, Report.SETTLED, "2026-03-20 10:00:00")

    assert exceptional is still is LegState.EXCEPTION
    assert leg_of(shop).state is LegState.SETTLED


def test_an_accepted_leg_waits_as_long_as_it_takes() -> None:
    """The acquirer has it: asking goes on at the longest pause, and a late SENT takes nothing back."""
    shop, _ = shop_with_leg()
    report(shop, Report.ACCEPTED)
    for _ in range(life.ATTEMPTS_MAX + 5):
        shop.book.turn_to(due_at(shop))

    report(shop, Report.SENT, "2026-03-30 10:00:00")

    assert leg_of(shop).state is LegState.ACCEPTED
    assert leg_of(shop).attempts > life.ATTEMPTS_MAX


def test_a_rejected_leg_waits_for_a_person() -> None:
    """An exception with its reason; no money moves."""
    shop, leg = shop_with_leg()

    report(shop, Report.REJECTED)

    assert leg_of(shop).state is LegState.EXCEPTION
    assert shop.book.balance("L.REFUND.TRANSIT.CARD") == -5_000
    assert (steps.LEG_TIMER, leg.id) not in shop.book.timers


@pytest.mark.parametrize("reverse", [False, True])
def test_a_closed_instrument_falls_back_to_the_wallet_openly(reverse: bool) -> None:
    """A posting and an event; a reversal of the refund takes it from the wallet again (PM-3)."""
    shop, _ = shop_with_leg()

    report(shop, Report.CLOSED)
    wallet = shop.book.account(ACCOUNT).wallet_minor
    if reverse:
        shop.reverse("ord_1", "2026-03-13 10:00:00")

    assert leg_of(shop).state is LegState.REROUTED
    assert shop.book.notices[0] == BankRefundSettled("ord_1", "ref_1", leg_of(shop).id, 5_000, rerouted=True)
    assert wallet == 105_000
    assert shop.book.account(ACCOUNT).wallet_minor == (100_000 if reverse else 105_000)
    assert "leg_rerouted" in shop.ops()


def test_a_report_makes_the_cuts_that_are_due_first() -> None:
    """The log replays a rerouted leg behind the cut of its day, so the account has to have been cut."""
    shop, _ = shop_with_leg()
    shop.bought("ord_2", "2026-03-12 10:00:00", Tenders(9_000))

    report(shop, Report.CLOSED, "2026-04-06 10:00:00")

    assert [operation.kind for operation in shop.book.operations(ACCOUNT)][-2:] == ["CutStatement", "RerouteLeg"]


def test_a_payout_of_credit_balance_is_a_leg_too() -> None:
    """In transit first, paid from the bank when it settles; more than the balance is refused (P16, F05)."""
    shop = Shop()
    shop.repay("2026-03-10 10:00:00", 7_000)

    too_much = shop.plain(commands.PayOutCreditBalance(ACCOUNT, 7_001), "2026-03-11 10:00:00")
    shop.plain(commands.PayOutCreditBalance(ACCOUNT, 7_000, "CARD_A"), "2026-03-11 10:00:00")
    report(shop, Report.SETTLED)

    assert too_much.reason == "EXCEEDS_CREDIT_BALANCE"
    assert shop.ops()[-2:] == ["cb_payout", "payout_settled"]
    assert shop.book.balance("L.PAYOUT.TRANSIT") == 0
    assert shop.book.balance("A.BANK") == 100_000
    assert shop.book.notices == []


def test_the_first_pause_is_short_and_none_is_longer_than_an_hour() -> None:
    """Back-off in seconds, with a cap."""
    shop, _ = shop_with_leg()
    pauses = [due_at(shop) - at(REFUNDED)]
    for _ in range(15):
        last = due_at(shop)
        shop.book.turn_to(last)
        pauses.append(due_at(shop) - last)

    assert pauses[0] == timedelta(seconds=steps.RETRY_SECONDS)
    assert max(pauses) == timedelta(seconds=steps.RETRY_SECONDS_MAX)
    assert pauses == sorted(pauses)


@pytest.mark.parametrize(("names", "sent"), [((), 1), (("rail.payout", "refunds"), 1), (("rail.card",), 0)])
def test_nothing_new_is_sent_on_a_rail_that_is_stopped(names: tuple[str, ...], sent: int) -> None:
    """The refund is posted all the same and its leg waits; it goes out by its timer once the rail is let go, which a
    long stop makes no exception of."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(0, 0, 5_000))
    shop.book.stopped = frozenset(names)
    shop.refund("ord_1", REFUNDED, 0, tenders=Tenders(0, 0, 5_000))
    assert len(shop.book.actions) == sent
    if sent:
        return

    for _ in range(3 * life.ATTEMPTS_MAX):
        shop.book.turn_to(due_at(shop))
    pause = due_at(shop) - shop.book.now
    assert (shop.book.actions, leg_of(shop).state) == ([], LegState.PENDING)
    assert pause == timedelta(seconds=steps.RETRY_SECONDS * 2**steps.HELD_ATTEMPTS_MAX)

    shop.book.stopped = frozenset()
    shop.book.turn_to(due_at(shop))
    assert shop.book.actions == [SendLeg(leg_of(shop).id, ACCOUNT, leg_of(shop).rail, "pay_ord_1", 5_000)]


def test_what_was_sent_is_asked_about_while_its_rail_is_stopped() -> None:
    """The rail may have paid it: its word counts. What it never received is not sent by the question."""
    shop, _ = shop_with_leg()
    report(shop, Report.UNKNOWN)
    shop.book.stopped = frozenset(steps.SWITCHES)
    shop.book.turn_to(due_at(shop))
    report(shop, Report.SETTLED)

    asked = shop.book.actions[-1]
    assert isinstance(asked, QueryLeg)
    assert asked.only_ask
    assert leg_of(shop).state is LegState.SETTLED


def test_what_a_stopped_rail_never_received_goes_out_once_it_is_let_go() -> None:
    """However long that takes: it becomes no exception, and it is asked about every few minutes."""
    shop, _ = shop_with_leg()
    report(shop, Report.UNKNOWN)
    shop.book.stopped = frozenset(steps.SWITCHES)
    for _ in range(3 * life.ATTEMPTS_MAX):
        last = due_at(shop)
        shop.book.turn_to(last)
        pause = due_at(shop) - last
        report(shop, Report.ABSENT)
    assert (leg_of(shop).state, pause) == (
        LegState.UNKNOWN, timedelta(seconds=steps.RETRY_SECONDS * 2**steps.HELD_ATTEMPTS_MAX)
    )

    shop.book.stopped = frozenset()
    shop.book.turn_to(due_at(shop))
    asked = shop.book.actions[-1]
    assert isinstance(asked, QueryLeg)
    assert not asked.only_ask


def test_a_person_who_has_a_stopped_rail_asked_sends_nothing_on_it() -> None:
    """The leg is asked about, and goes out by its timer later."""
    shop, _ = shop_with_leg()
    report(shop, Report.REJECTED)
    shop.book.stopped = frozenset(steps.SWITCHES)
    shop.plain(commands.RetryLeg(ACCOUNT, leg_of(shop).id, "op-1", "again"), "2026-03-11 10:00:00")

    asked = shop.book.actions[-1]
    assert isinstance(asked, QueryLeg)
    assert asked.only_ask
