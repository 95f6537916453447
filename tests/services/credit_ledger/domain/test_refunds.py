"""Refunds, rule by rule: principal first, fees by their own rules, surplus down the waterfall."""

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import AgreementState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route, Strategy, SurplusPolicy
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import DEFERRED, THREE, Shop, steps_of

SHIPPED = "2026-03-10 10:00:00"


def test_a_refund_lowers_principal_before_any_fee() -> None:
    """Half the credit is refunded, every instalment and its fee are halved, number and dates stay (RA-1, PR-1)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    dates = [(item.no, item.bill_date, item.due_date) for item in shop.instalments("ord_1")]

    effect = shop.refund("ord_1", "2026-03-20 15:00:00", 50_000)

    assert shop.outstanding("ord_1") == [16_667, 16_666, 16_667]
    assert shop.fees("ord_1") == [250, 250, 250]
    assert [(item.no, item.bill_date, item.due_date) for item in shop.instalments("ord_1")] == dates
    assert steps_of(effect) == {"PR-1": 50_000, "FE-4": 750}


def test_a_partial_refund_in_the_free_period_leaves_its_share_of_the_fee() -> None:
    """Only all of the credit, given back in it, leaves none (FE-1, FE-4)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))

    shop.refund("ord_1", "2026-03-12 15:00:00", 50_000)
    of_half = shop.fees("ord_1")
    shop.refund("ord_1", "2026-03-13 15:00:00", 50_000)

    assert (of_half, shop.fees("ord_1")) == ([250, 250, 250], [0, 0, 0])


def test_a_full_refund_settles_early_and_a_cancel_revokes() -> None:
    """Two different ends, and neither owes anything (CR-9, I-1)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    shop.place("ord_2", SHIPPED, Tenders(50_000))

    shop.refund("ord_1", "2026-03-20 15:00:00", 100_000)
    shop.release("ord_2", "2026-03-20 15:00:00")

    assert shop.agreement("ord_1").state is AgreementState.SETTLED_EARLY
    assert shop.agreement("ord_2").state is AgreementState.REVOKED
    assert shop.book.account(ACCOUNT).available_minor == 500_000


def test_a_paid_off_plan_is_not_reopened_by_a_refund() -> None:
    """The plan stays PAID_OFF, the account gets credit balance, the limit does not grow (A23)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.repay("2026-04-06 12:00:00", 100_000)

    effect = shop.refund("ord_1", "2026-04-07 15:00:00", 40_000)

    assert shop.agreement("ord_1").state is AgreementState.PAID_OFF
    assert (effect.credit_balance_minor, effect.limit_restored_minor, effect.available_minor) == (40_000, 0, 500_000)


def test_partial_refunds_of_a_deferral_on_different_days_follow_one_formula() -> None:
    """6.00 over 30 days; a quarter back on day 10, a quarter on day 20: 2.00 / 4.00 of theirs are earned (FE-2)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), DEFERRED)

    shop.refund("ord_1", "2026-03-20 10:00:00", 25_000)
    shop.refund("ord_1", "2026-03-30 10:00:00", 25_000)

    assert shop.fees("ord_1") == [300 + 50 + 100]


def test_the_term_of_a_deferral_caps_the_days() -> None:
    """With e = min(elapsed, T), after the term the whole fee is earned, and all of it stays due (FE-2)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(
        plan=PlanKind.DEFERRED, flat_fee_minor=600, term_days=10, defer_months=3, free_days=0,
    ))

    effect = shop.refund("ord_1", "2026-04-30 10:00:00", 100_000)

    assert shop.fees("ord_1") == [600]
    assert shop.instalments("ord_1")[0].billed
    assert effect.agreement_state is AgreementState.SETTLED_EARLY
    assert shop.book.balance("A.LOAN.FEE") == 600


def test_an_early_billed_fee_is_not_billed_again() -> None:
    """9.4: it counts as billed from the refund on; its own cut finds it as due and posts no second fee."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), DEFERRED)
    shop.refund("ord_1", "2026-03-25 10:00:00", 100_000)

    shop.plain(commands.CutStatement(ACCOUNT, shop.instalments("ord_1")[0].bill_date), "2026-04-05 00:00:00")

    assert "bill" not in shop.ops()
    assert shop.statements() == {"2026-04-05": 300}


def test_a_paid_instalment_fee_is_kept_and_an_unpaid_one_goes() -> None:
    """Full refund outside the free period after one of three was paid (FE-4, golden E02)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    shop.repay("2026-04-10 12:00:00", 33_833)

    effect = shop.refund("ord_1", "2026-04-12 15:00:00", 100_000)

    assert shop.fees("ord_1") == [500, 0, 0]
    assert effect.credit_balance_minor == 33_333


def test_a_partly_paid_fee_comes_back_with_a_full_refund_in_the_free_period() -> None:
    """Whatever was paid of it (FE-1, section 12)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(instalment_count=3, fee_ppm=5000, free_days=60))
    shop.repay("2026-04-06 12:00:00", 200)

    effect = shop.refund("ord_1", "2026-04-07 15:00:00", 100_000)

    assert (effect.fee_back_minor, effect.credit_balance_minor) == (200, 200)
    assert shop.book.balance("I.FEE.INST") == shop.book.balance("A.LOAN.FEE") == 0


def test_a_fee_never_falls_below_what_was_paid_of_it() -> None:
    """450 of 500 paid, half refunded: the fee would be 250, and stays at 450 (FE-4)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    shop.repay("2026-04-06 12:00:00", 450)

    shop.refund("ord_1", "2026-04-07 15:00:00", 50_000)

    assert shop.fees("ord_1") == [450, 250, 250]


def test_the_surplus_runs_down_its_waterfall() -> None:
    """Own late fee and fee, then the oldest other bill, then a
    deferral ahead of its bill, then credit balance (RA-5)."""
    shop = Shop()
    shop.bought(
        "ord_1", SHIPPED, Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED, flat_fee_minor=600, term_days=30)
    )
    shop.repay("2026-03-20 12:00:00", 70_000)
    shop.bought("ord_2", "2026-03-21 10:00:00", Tenders(20_000))
    shop.plain(
        commands.AccrueLateFees(ACCOUNT, shop.instalments("ord_1")[0].due_date.replace(day=20)), "2026-04-20 10:00:00"
    )
    shop.bought("ord_3", "2026-04-20 11:00:00", Tenders(10_000), CreditTerms(plan=PlanKind.DEFERRED, defer_months=2))

    effect = shop.refund("ord_1", "2026-04-21 10:00:00", 100_000)

    assert steps_of(effect)["RA-3"] == 30_000
    assert steps_of(effect)["RA-5(1)"] == 75 + 600
    assert steps_of(effect)["RA-5(2)"] == 17 + 100 + 6_666
    assert steps_of(effect)["RA-5(3)"] == 10_000
    assert steps_of(effect)["RA-5(4)"] == 70_000 - 675 - 6_783 - 10_000
    assert shop.outstanding("ord_2") == [0, 6_666, 6_668]


def test_a_surplus_goes_back_to_the_latest_repayment_first() -> None:
    """Each instrument gets up to what it brought, never twice, the rest goes to the credit balance (RA-6, LIFO)."""
    shop = Shop(policy=SurplusPolicy.LIFO)
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.bought("ord_2", SHIPPED, Tenders(50_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.repay("2026-03-11 10:00:00", 90_000, "CARD_A")
    shop.repay("2026-03-12 10:00:00", 60_000, "CARD_B")

    first = shop.refund("ord_1", "2026-03-13 10:00:00", 70_000)
    second = shop.refund("ord_1", "2026-03-13 10:00:00", 30_000)

    assert [(back.instrument, back.amount_minor) for back in first.given_back] == [
        ("CARD_B", 60_000), ("CARD_A", 10_000)
    ]
    assert [(back.instrument, back.amount_minor) for back in second.given_back] == [("CARD_A", 30_000)]


@pytest.mark.parametrize(("strategy", "left"), [
    (Strategy.PROPORTIONAL, [16_667, 16_666, 16_667]), (Strategy.EQUAL, [16_666, 16_666, 16_668]),
    (Strategy.NEXT_FIRST, [0, 16_666, 33_334]), (Strategy.LAST_FIRST, [33_333, 16_667, 0]),
])
def test_the_strategy_is_frozen_in_the_terms(strategy: Strategy, left: list[int]) -> None:
    """The terms of an order are those of its authorization (PR-2, 2.4)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(instalment_count=3, strategy=strategy))

    shop.refund("ord_1", "2026-03-20 15:00:00", 50_000)

    assert shop.outstanding("ord_1") == left


def test_a_refund_of_nothing_is_accepted_and_does_nothing() -> None:
    """No journal, no event, no version (PR-6)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    before = dict(shop.book.rows)

    effect = shop.refund("ord_1", "2026-03-20 15:00:00", 0)

    assert effect.moved == Tenders()
    assert shop.book.rows == before


@pytest.mark.parametrize(("credit", "reason"), [(100_001, "REFUND_EXCEEDS_REMAINING"), (-1, "INVALID_AMOUNT")])
def test_more_than_is_left_and_less_than_nothing_are_refused(credit: int, reason: str) -> None:
    """The cap is checked under the lock that writes (PR-5)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))

    result = shop.refund("ord_1", "2026-03-20 15:00:00", credit)

    assert result.reason == reason


def test_money_goes_back_only_to_the_tender_it_came_from() -> None:
    """An order paid by credit alone has nothing to give to a wallet (RA-7)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))

    result = shop.refund("ord_1", "2026-03-20 15:00:00", 0, tenders=Tenders(wallet_minor=1))

    assert isinstance(result, Refused)
    assert result.reason == "REFUND_EXCEEDS_REMAINING"


def test_an_order_that_has_not_shipped_or_was_cancelled_has_no_refund() -> None:
    """Before shipment it is cancelled; after a cancel there is nothing (CR-3)."""
    shop = Shop()
    shop.place("ord_1", SHIPPED, Tenders(100_000))

    held = shop.refund("ord_1", SHIPPED, 1)
    shop.release("ord_1", SHIPPED)
    cancelled = shop.refund("ord_1", SHIPPED, 1)

    assert held.reason == cancelled.reason == "AGREEMENT_STATE"


def test_a_merchant_that_was_paid_owes_the_refund() -> None:
    """First what we still owe, then a receivable, netted at the next settlement (P23, A25)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.plain(commands.SettleMerchant("mer_1", 80_000), "2026-03-11 02:00:00", "mer_1/00")
    shop.refund("ord_1", "2026-03-12 10:00:00", 50_000)
    shop.bought("ord_2", "2026-03-13 10:00:00", Tenders(40_000), CreditTerms(plan=PlanKind.DEFERRED))

    settled = shop.plain(commands.SettleMerchant("mer_1", 10_000), "2026-03-14 02:00:00", "mer_1/00")

    assert (settled.netted_minor, settled.paid_minor) == (30_000, 10_000)
    assert shop.plain(
        commands.SettleMerchant("mer_1", 1), "2026-03-14 03:00:00", "mer_1/00"
    ).reason == "EXCEEDS_PAYABLE"


@pytest.mark.parametrize("route", [Route.DIRECT, Route.FLASH])
def test_a_merchant_owes_what_the_card_book_had_paid_it(route: Route) -> None:
    """In the refund's own journal, against X.CLEARING of its saga; this book's payable goes first for its own
    shares only (P23, OP-3). With the flash network it is due at once, like the other tenders."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED, route=route))

    shop.refund("ord_1", "2026-03-12 10:00:00", 30_000, uncovered_gift_minor=6_000)

    assert (shop.book.balance("L.MERCH.PAY"), shop.book.balance("A.MERCH.RECV")) == (-70_000, 6_000)
    cleared = [
        (journal.op, line.amount_minor, line.sub)
        for journal in shop.book.journals for line in journal.lines if line.account == "X.CLEARING"
    ]
    op = "refund" if route is Route.DIRECT else "refund_accept"
    assert [(name, amount) for name, amount, _ in cleared] == [(op, -6_000)]
    assert all(sub for _, _, sub in cleared)


def test_a_charged_off_loss_is_recovered_by_a_refund_before_anything_else() -> None:
    """The limit it used is gone for good; what is above the loss is surplus (P25)."""
    shop = Shop()
    shop.bought("ord_1", "2026-01-10 10:00:00", Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED))
    shop.repay("2026-02-06 10:00:00", 30_000)
    early = shop.plain(commands.ChargeOff(ACCOUNT, "ord_1"), "2026-05-16 10:00:00")
    shop.plain(commands.ChargeOff(ACCOUNT, "ord_1"), "2026-05-17 10:00:00")

    effect = shop.refund("ord_1", "2026-05-18 10:00:00", 80_000)

    assert isinstance(early, Refused)
    assert shop.book.account(ACCOUNT).granted_minor == shop.book.account(ACCOUNT).available_minor == 430_000
    assert (effect.recovered_minor, effect.credit_balance_minor, effect.limit_restored_minor) == (70_000, 10_000, 0)
    assert effect.agreement_state is AgreementState.CHARGED_OFF
    assert shop.book.balance("E.WRITEOFF") == 0


def test_terms_are_those_of_the_authorization() -> None:
    """2.4: three instalments of 0.5 % stay that, whatever later orders bring."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    shop.bought("ord_2", SHIPPED, Tenders(100_000), CreditTerms(instalment_count=12))

    assert shop.agreement("ord_1").terms == THREE
