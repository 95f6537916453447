"""Every window and cut at -1 s, 0 and +1 s; month ends, leap
days, bill days of 31, Shanghai midnight against UTC (U4)."""

from datetime import UTC, datetime, timedelta

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import AgreementState, HoldState
from services.credit_ledger.domain.model.effects import CreditEffect
from services.credit_ledger.domain.model.instalment import InstalmentState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route
from services.kernel.calendar import business_date
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import DEFERRED, THREE, Shop, at

PLAIN = CreditTerms(plan=PlanKind.DEFERRED)


@pytest.mark.parametrize(("when", "billed", "ops"), [
    ("2026-04-04 23:59:59", False, ["refund", "refund"]),
    ("2026-04-05 00:00:00", True, ["bill", "refund", "refund"]),
    ("2026-04-05 00:00:01", True, ["bill", "refund", "refund"]),
])
def test_a_refund_at_the_cut_comes_after_it(when: str, billed: bool, ops: list[str]) -> None:
    """The decision makes the cut by itself, no timer and no command needed (SC-1, CV-12, SC-6)."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), PLAIN)

    shop.refund("ord_1", when, 100_000)

    assert shop.ops()[-len(ops):] == ops
    assert shop.instalments("ord_1")[0].billed is billed
    assert shop.statements() == ({"2026-04-05": 100_000} if billed else {})


@pytest.mark.parametrize(("when", "bill_date"), [
    ("2026-03-04 23:59:59", "2026-03-05"), ("2026-03-05 00:00:00", "2026-04-05"), ("2026-03-05 00:00:01", "2026-04-05"),
])
def test_a_shipment_on_the_bill_day_is_billed_a_month_later(when: str, bill_date: str) -> None:
    """The first bill day after the capture date (SD-3)."""
    shop = Shop()

    shop.bought("ord_1", when, Tenders(100_000))

    assert shop.instalments("ord_1")[0].bill_date.isoformat() == bill_date


def test_the_business_date_is_shanghais_not_utcs() -> None:
    """16:00 UTC on April 4 is the cut of April 5; a second earlier is April 4 in Shanghai and in London."""
    cut = datetime(2026, 4, 4, 16, tzinfo=UTC)
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(90_000))

    before = shop.book.ask(ACCOUNT, commands.Repay(ACCOUNT, 1), cut - timedelta(seconds=1))
    after = shop.book.ask(ACCOUNT, commands.Repay(ACCOUNT, 1), cut)

    assert (before.credit_balance_minor, after.credit_balance_minor) == (1, 0)


@pytest.mark.parametrize(("when", "fee"), [
    ("2026-03-17 23:59:59", 0), ("2026-03-18 00:00:00", 160), ("2026-03-18 00:00:01", 160),
])
def test_the_free_period_includes_its_last_day(when: str, fee: int) -> None:
    """Day 7 of 7 is free until its last second; on day 8, 8/30 of 6.00 are earned (A7, FE-1, FE-2)."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), DEFERRED)

    shop.refund("ord_1", when, 100_000)

    assert shop.fees("ord_1") == [fee]
    assert shop.book.balance("A.LOAN.FEE") == fee


@pytest.mark.parametrize(("seconds", "accepted"), [(86_399, True), (86_400, True), (86_401, False)])
def test_the_network_may_confirm_for_24_hours_inclusive(seconds: int, accepted: bool) -> None:
    """At 24 h + 1 s it is a matter for two people, and only then (PM-2)."""
    shop = Shop()
    shop.bought(
        "ord_1", "2026-03-10 10:00:00", Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED, route=Route.FLASH)
    )
    shop.refund("ord_1", "2026-03-20 15:00:00", 100_000)
    now = at("2026-03-20 15:00:00") + timedelta(seconds=seconds)
    by_hand = commands.AdjustRefund(ACCOUNT, "ord_1", "maker", "checker", ("order page", "bill page"))

    adjusted_early = shop.book.ask(ACCOUNT, by_hand, now) if accepted else None
    confirmed = shop.book.ask(ACCOUNT, commands.ConfirmFlashRefund(ACCOUNT, "ord_1"), now)

    assert adjusted_early is None or isinstance(adjusted_early, Refused)
    assert isinstance(confirmed, CreditEffect) is accepted
    assert shop.outstanding("ord_1") == [0 if accepted else 100_000]
    if not accepted:
        assert confirmed.reason == "CHANNEL_TIMEOUT"
        assert isinstance(shop.book.ask(ACCOUNT, by_hand, now), CreditEffect)


@pytest.mark.parametrize(("checker", "evidence", "reason"), [
    (" MAKER", ("order page", "bill page"), "FOUR_EYES"), ("checker", ("page", "ＰＡＧＥ"), "EVIDENCE_REQUIRED"),
])
def test_a_refund_is_put_right_by_two_people_with_two_papers(
    checker: str, evidence: tuple[str, ...], reason: str
) -> None:
    """One person under two spellings is one, and so is a paper (MA-1, MA-3)."""
    shop = Shop()
    shop.bought(
        "ord_1", "2026-03-10 10:00:00", Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED, route=Route.FLASH)
    )
    shop.refund("ord_1", "2026-03-20 15:00:00", 100_000)

    refused = shop.plain(
        commands.AdjustRefund(ACCOUNT, "ord_1", "maker", checker, evidence), "2026-03-21 15:00:01"
    )

    assert refused.reason == reason


@pytest.mark.parametrize(("seconds", "accepted"), [(-1, True), (0, True), (1, False)])
def test_a_hold_lasts_thirty_days_inclusive(seconds: int, accepted: bool) -> None:
    """Capture checks it by itself; what expired is released and revoked, and never captured (A14)."""
    shop = Shop()
    shop.place("ord_1", "2024-01-31 23:59:59", Tenders(100_000, 500))
    now = at("2024-01-31 23:59:59") + timedelta(days=30, seconds=seconds)

    result = shop.book.saga(ACCOUNT, commands.CaptureTenders(ACCOUNT, "ord_1", "mer_1", Tenders(100_000, 500)), now)

    assert isinstance(result, CreditEffect) is accepted
    if not accepted:
        assert result.reason == "HOLD_EXPIRED"
        shop.release("ord_1", "2024-03-02 00:00:00", cause=commands.ReleaseCause.EXPIRED)
        assert shop.agreement("ord_1").state is AgreementState.REVOKED
        assert shop.agreement("ord_1").hold.state is HoldState.EXPIRED
        assert shop.book.account(ACCOUNT).available_minor == 500_000


def test_an_instalment_is_overdue_on_the_day_after_its_due_date() -> None:
    """2.5: OVERDUE when date > due; the due date itself still belongs to the customer."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(90_000))
    shop.plain(commands.CutStatement(ACCOUNT, at("2026-04-05 00:00:00").date()), "2026-04-05 00:00:00")
    first, second, _ = shop.instalments("ord_1")

    states = [first.state(business_date(at(when))) for when in ("2026-04-15 23:59:59", "2026-04-16 00:00:00")]

    assert states == [InstalmentState.BILLED, InstalmentState.OVERDUE]
    assert second.state(business_date(at("2027-01-01 00:00:00"))) is InstalmentState.SCHEDULED


@pytest.mark.parametrize(("through", "late"), [("2026-04-15", 0), ("2026-04-16", 50), ("2026-05-01", 800)])
def test_a_late_fee_counts_days_after_the_due_date(through: str, late: int) -> None:
    """None on the due date, one day's on the next; over a month end it counts dates (FE-5)."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), PLAIN)
    now = f"{through} 01:00:00"

    result = shop.plain(commands.AccrueLateFees(ACCOUNT, at(now).date()), now)

    assert result.amount_minor == late
    assert shop.book.balance("A.LOAN.LATE") == late


def test_a_late_fee_is_not_charged_twice_for_a_day_and_not_for_tomorrow() -> None:
    """A segment is closed by its end; a date ahead is refused."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), PLAIN)
    body = commands.AccrueLateFees(ACCOUNT, at("2026-04-20 00:00:00").date())

    first, again = (shop.plain(body, "2026-04-20 01:00:00").amount_minor for _ in range(2))
    ahead = shop.plain(commands.AccrueLateFees(ACCOUNT, at("2026-04-21 00:00:00").date()), "2026-04-20 23:59:59")

    assert (first, again) == (250, 0)
    assert isinstance(ahead, Refused)


def test_a_leap_day_and_a_bill_day_of_31_over_short_months() -> None:
    """Bill dates January 31, February 29, March 31; every cut is
    made once, in order, by the first write that comes later."""
    shop = Shop(bill_day=31, due_day=10)
    shop.bought("ord_1", "2024-01-30 23:59:59", Tenders(90_000))

    shop.repay("2024-04-01 00:00:00", 1)

    assert [item.bill_date.isoformat() for item in shop.instalments("ord_1")] == [
        "2024-01-31", "2024-02-29", "2024-03-31"
    ]
    assert [item.due_date.isoformat() for item in shop.instalments("ord_1")] == [
        "2024-02-10", "2024-03-10", "2024-04-10"
    ]
    assert shop.statements() == {"2024-01-31": 30_450, "2024-02-29": 60_900, "2024-03-31": 91_350}


@pytest.mark.parametrize(("captured", "quoted_day"), [("2026-02-27 10:00:00", 1), ("2024-02-28 10:00:00", 1)])
def test_elapsed_days_cross_a_month_end_and_a_leap_day(captured: str, quoted_day: int) -> None:
    """One day of a 30-day term is earned on the next date, be it March 1 or February 29."""
    shop = Shop()
    terms = CreditTerms(plan=PlanKind.DEFERRED, flat_fee_minor=300, term_days=30, free_days=0)
    shop.bought("ord_1", captured, Tenders(100_000), terms)
    next_day = (at(captured) + timedelta(days=1)).strftime("%Y-%m-%d 00:00:00")

    shop.refund("ord_1", next_day, 100_000)

    assert shop.fees("ord_1") == [10 * quoted_day]


def test_due_cuts_are_made_in_order_before_anything_else() -> None:
    """Three cuts behind, a shipment first makes them all; the new plan is on none of them (SC-6)."""
    shop = Shop()
    shop.bought("ord_1", "2026-01-10 10:00:00", Tenders(90_000), THREE)
    shop.place("ord_2", "2026-01-11 10:00:00", Tenders(50_000), PLAIN)
    shop.release("ord_2", "2026-01-12 10:00:00")

    shop.bought("ord_3", "2026-04-05 00:00:00", Tenders(60_000), PLAIN)

    assert list(shop.statements()) == ["2026-02-05", "2026-03-05", "2026-04-05"]
    assert shop.instalments("ord_3")[0].bill_date.isoformat() == "2026-05-05"
