"""Undoing a refund: exact negation where nothing moved, reverse and replay where something did (P24)."""

from dataclasses import replace
from datetime import timedelta

from services.credit_ledger.domain.log import replay
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import AgreementState
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route, SurplusPolicy
from services.kernel.calendar import due_date_by_days
from services.kernel.journal import Journal
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import DEFERRED, MERCHANT, Shop, at

SHIPPED = "2026-03-10 10:00:00"
LATER = CreditTerms(plan=PlanKind.DEFERRED)


def lines(journals: list[Journal], op: str) -> dict[str, int]:
    """What journals of an operation posted, by account."""
    posted: dict[str, int] = {}
    for journal in journals:
        for line in journal.lines if journal.op == op else ():
            posted[line.account] = posted.get(line.account, 0) + line.amount_minor
    return {account: amount for account, amount in posted.items() if amount}


def test_an_unmoved_account_gets_the_exact_negation() -> None:
    """The refund's own lines with the other sign, `fee_adjust` included; rows as before (E17)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000, 500, 0, 7), DEFERRED)
    before = (shop.agreement("ord_1").plans, shop.book.account(ACCOUNT).wallet_minor)
    start = len(shop.book.journals)
    shop.refund("ord_1", "2026-03-20 15:00:00", 100_000, tenders=Tenders(0, 500, 0, 7))
    refunded = shop.book.journals[start:]

    effect = shop.reverse("ord_1", "2026-03-21 10:00:00")

    posted = {**lines(refunded, "refund")}
    for account, amount in lines(refunded, "fee_adjust").items():
        posted[account] = posted.get(account, 0) + amount
    assert lines(shop.book.journals, "refund_reverse") == {account: -amount for account, amount in posted.items()}
    assert (shop.agreement("ord_1").plans, shop.book.account(ACCOUNT).wallet_minor) == before
    assert effect.agreement_state is AgreementState.EFFECTIVE


def test_later_events_keep_their_ids_where_the_replay_cuts_more_statements() -> None:
    """Nothing is billed while the refund stands; without it there are months of cuts in front of each later event."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(90_000))
    shop.refund("ord_1", "2026-03-20 15:00:00", 90_000)
    repaid = shop.repay("2026-08-06 10:00:00", 30_450)
    payout = shop.plain(commands.PayOutCreditBalance(ACCOUNT, 30_000, "CARD_A"), "2026-08-06 10:00:01")
    shop.plain(commands.ReportLeg(ACCOUNT, payout.leg_id, commands.LegReport.CLOSED), "2026-08-06 10:00:02")

    wallet = shop.book.account(ACCOUNT).wallet_minor
    shop.reverse("ord_1", "2026-08-07 10:00:00")

    assert [row.id for row in shop.book.family(Repayment, ACCOUNT)] == [repaid.repayment_id]
    assert shop.book.account(ACCOUNT).wallet_minor == wallet
    assert shop.repay("2026-08-08 10:00:00", 1).repayment_id != repaid.repayment_id


def test_a_statement_that_a_replay_adds_stands_in_front_of_the_next() -> None:
    """May had nothing to bill while the refund stood; its late statement has no period, and June's follows April's."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(90_000))
    shop.refund("ord_1", "2026-03-20 15:00:00", 90_000)
    shop.bought("ord_2", "2026-05-20 10:00:00", Tenders(10_000))

    shop.reverse("ord_1", "2026-06-07 10:00:00")

    april, may, june = sorted(shop.book.family(Statement, ACCOUNT), key=lambda row: row.bill_date)
    assert april.last_operation < may.first_operation == june.first_operation < june.last_operation
    assert may.last_operation == may.first_operation - 1


def test_later_events_are_replayed_without_the_refund() -> None:
    """A repayment that found little to pay after the refund finds more without it."""
    shop, never = Shop(), Shop()
    for one in (shop, never):
        one.bought("ord_1", SHIPPED, Tenders(90_000))
    shop.refund("ord_1", "2026-03-20 15:00:00", 60_000)
    for one in (shop, never):
        one.plain(commands.CutStatement(ACCOUNT, one.instalments("ord_1")[0].bill_date), "2026-04-05 00:00:00")
        one.repay("2026-04-06 10:00:00", 30_450)

    shop.reverse("ord_1", "2026-04-07 10:00:00")

    assert shop.agreement("ord_1").plans == never.agreement("ord_1").plans
    assert shop.book.account(ACCOUNT).used_minor == never.book.account(ACCOUNT).used_minor == 60_000


def test_issued_statements_and_charged_late_fees_stay_as_they_are() -> None:
    """The document keeps its amount; for the days in which nothing was owed there is no late fee (SC-2, FE-5)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), LATER)
    shop.bought("ord_2", SHIPPED, Tenders(10_000), LATER)
    shop.refund("ord_1", "2026-04-04 10:00:00", 100_000)
    shop.plain(
        commands.AccrueLateFees(ACCOUNT, shop.instalments("ord_2")[0].due_date.replace(day=20)), "2026-04-20 01:00:00"
    )
    issued = shop.book.family(Statement, ACCOUNT)

    shop.reverse("ord_1", "2026-04-21 10:00:00")
    accrued = shop.plain(
        commands.AccrueLateFees(ACCOUNT, shop.instalments("ord_2")[0].due_date.replace(day=22)), "2026-04-22 01:00:00"
    )

    assert shop.book.family(Statement, ACCOUNT) == issued
    assert [item.late_minor for item in shop.instalments("ord_2")] == [25 + 10]
    assert accrued.amount_minor == 100 + 10


def test_a_limit_or_wallet_that_was_used_since_then_comes_first() -> None:
    """Nothing negative: the operator grants or funds, then reverses."""
    shop = Shop(limit=100_000, wallet=500)
    shop.bought("ord_1", SHIPPED, Tenders(100_000, 500))
    shop.refund("ord_1", "2026-03-20 10:00:00", 100_000, tenders=Tenders(0, 500))
    shop.place("ord_2", "2026-03-20 11:00:00", Tenders(100_000, 500))

    limit = shop.reverse("ord_1", "2026-03-21 10:00:00")
    shop.plain(commands.GrantLimit(ACCOUNT, 200_000), "2026-03-21 11:00:00")
    wallet = shop.reverse("ord_1", "2026-03-21 12:00:00")
    shop.plain(commands.FundWallet(ACCOUNT, 500), "2026-03-21 13:00:00")
    shop.reverse("ord_1", "2026-03-21 14:00:00")

    assert (limit.reason, wallet.reason) == ("INSUFFICIENT_LIMIT", "INSUFFICIENT_WALLET")
    assert shop.outstanding("ord_1") == [33_333, 33_333, 33_334]


def test_a_refund_is_undone_once_and_only_if_it_happened() -> None:
    """NO_REFUND_TO_REVERSE for an unknown refund, another order's, and a second time."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000))
    shop.bought("ord_2", SHIPPED, Tenders(100_000))
    shop.refund("ord_1", "2026-03-20 10:00:00", 1)

    others = [shop.reverse("ord_1", "2026-03-21 10:00:00", "ref_9"), shop.reverse("ord_2", "2026-03-21 10:00:00")]
    shop.reverse("ord_1", "2026-03-21 10:00:00")
    again = shop.reverse("ord_1", "2026-03-21 10:00:00")

    assert {answer.reason for answer in (*others, again)} == {"NO_REFUND_TO_REVERSE"}


def test_money_paid_out_since_then_stays_gone_and_is_owed() -> None:
    """A payout of the credit balance that the refund had made: without it the customer owes the money (A.CUST.RECV)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), LATER)
    shop.repay("2026-03-11 10:00:00", 100_000)
    shop.refund("ord_1", "2026-03-12 10:00:00", 40_000)
    shop.plain(commands.PayOutCreditBalance(ACCOUNT, 40_000), "2026-03-13 10:00:00")

    shop.reverse("ord_1", "2026-03-14 10:00:00")

    account = shop.book.account(ACCOUNT)
    assert (account.credit_balance_minor, account.receivable_minor) == (0, 40_000)
    assert shop.book.balance("A.CUST.RECV") == 40_000


def test_a_refund_that_gave_back_to_instruments_is_not_undone() -> None:
    """LIFO: the money left the house as part of the refund itself."""
    shop = Shop(policy=SurplusPolicy.LIFO)
    shop.bought("ord_1", SHIPPED, Tenders(100_000), LATER)
    shop.repay("2026-03-11 10:00:00", 100_000)
    shop.refund("ord_1", "2026-03-12 10:00:00", 40_000)

    assert shop.reverse("ord_1", "2026-03-14 10:00:00").reason == "NO_REFUND_TO_REVERSE"


def test_a_bank_card_leg_is_recalled_or_owed() -> None:
    """Not yet paid: the leg ends. Paid: the customer owes it. Paid after the recall: owed then."""
    for settled, late in ((False, False), (True, False), (False, True)):
        shop = Shop()
        shop.bought("ord_1", SHIPPED, Tenders(0, 0, 5_000))
        shop.refund("ord_1", "2026-03-12 10:00:00", 0, tenders=Tenders(0, 0, 5_000))
        (leg,) = shop.book.family(RefundLeg, ACCOUNT)
        report = commands.ReportLeg(ACCOUNT, leg.id, commands.LegReport.SETTLED)
        if settled:
            shop.plain(report, "2026-03-12 11:00:00")

        shop.reverse("ord_1", "2026-03-14 10:00:00")
        if late:
            shop.plain(report, "2026-03-15 10:00:00")

        (leg,) = shop.book.family(RefundLeg, ACCOUNT)
        assert leg.state is (LegState.SETTLED if settled or late else LegState.RECALLED)
        assert shop.book.account(ACCOUNT).receivable_minor == (5_000 if settled or late else 0)
        assert shop.book.balance("L.REFUND.TRANSIT.CARD") == 0
        assert shop.book.balance("A.CH.CARD") == (0 if settled or late else 5_000)


def test_the_receivable_of_a_merchant_goes_first() -> None:
    """Netted since then: the rest is payable again."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), LATER)
    shop.plain(commands.SettleMerchant("mer_1", 100_000), "2026-03-11 02:00:00", "mer_1/00")
    shop.refund("ord_1", "2026-03-12 10:00:00", 40_000)
    shop.bought("ord_2", "2026-03-13 10:00:00", Tenders(25_000), LATER)
    shop.plain(commands.SettleMerchant("mer_1", 25_000, before_netting=True), "2026-03-14 02:00:00", "mer_1/00")

    shop.reverse("ord_1", "2026-03-15 10:00:00")

    assert (shop.book.balance("A.MERCH.RECV"), shop.book.balance("L.MERCH.PAY")) == (0, -25_000)


def test_what_the_card_book_had_paid_the_merchant_is_given_back_over_the_clearing() -> None:
    """The exact negation, under the saga of the reversal; a second refund and its debt stand (P24)."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), LATER)
    shop.refund("ord_1", "2026-03-12 10:00:00", 30_000, uncovered_gift_minor=6_000)
    shop.refund("ord_1", "2026-03-12 11:00:00", 10_000, uncovered_gift_minor=500)

    shop.reverse("ord_1", "2026-03-15 10:00:00")

    assert (shop.book.balance("L.MERCH.PAY"), shop.book.balance("A.MERCH.RECV")) == (-90_000, 500)
    cleared = [line for journal in shop.book.journals for line in journal.lines if line.account == "X.CLEARING"]
    assert [line.amount_minor for line in cleared] == [-6_000, -500, 6_000]
    assert len({line.sub for line in cleared}) == 3


def test_a_flash_refund_is_undone_once_the_network_confirmed_it() -> None:
    """While it waits there is nothing to undo."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(100_000), CreditTerms(plan=PlanKind.DEFERRED, route=Route.FLASH))
    shop.refund("ord_1", "2026-03-20 10:00:00", 40_000)

    waiting = shop.reverse("ord_1", "2026-03-20 11:00:00")
    shop.plain(commands.ConfirmFlashRefund(ACCOUNT, "ord_1"), "2026-03-20 12:00:00")
    shop.reverse("ord_1", "2026-03-20 13:00:00")

    assert waiting.reason == "NO_REFUND_TO_REVERSE"
    assert shop.outstanding("ord_1") == [100_000]
    assert [row.state for row in shop.book.family(CreditRefund, ACCOUNT)] == [RefundState.REVERSED]


def test_cuts_that_nobody_needed_are_made_up() -> None:
    """An account emptied by the refund was not billed for months; without it, its bills are issued now."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(90_000))
    shop.refund("ord_1", "2026-03-12 10:00:00", 90_000)
    shop.place("ord_2", "2026-06-20 10:00:00", Tenders(1_000))

    shop.reverse("ord_1", "2026-06-25 10:00:00")

    assert shop.statements() == {"2026-04-05": 0, "2026-05-05": 60_900, "2026-06-05": 91_350}
    assert shop.book.balance("A.LOAN.P.BILLED") == 90_000


BEYOND = 10**15
"""More than may come in since amounts are bounded."""


def test_nothing_that_was_accepted_once_is_refused_in_a_replay() -> None:
    """Amounts and fees of before they were bounded, one person under two spellings of before those were compared: an
    account that holds one could have no refund undone any more."""
    log = [
        commands.OpenAccount(ACCOUNT, "cus_1", 2 * BEYOND, late_fee_ppm_per_day=10**7),
        commands.FundWallet(ACCOUNT, BEYOND), commands.GrantLimit(ACCOUNT, 3 * BEYOND),
        commands.AuthorizeTenders(
            ACCOUNT, "ord_1", "cus_1", MERCHANT, Tenders(BEYOND, BEYOND),
            CreditTerms(plan=PlanKind.DEFERRED, flat_fee_minor=BEYOND, route=Route.FLASH),
        ),
        commands.CaptureTenders(ACCOUNT, "ord_1", MERCHANT, Tenders(BEYOND, BEYOND)),
        commands.RefundTenders(ACCOUNT, "ord_1", MERCHANT, "ref_1", Tenders(BEYOND)),
        commands.AdjustRefund(ACCOUNT, "ord_1", "alice", "ALICE ", ("bill",), "late"),
        commands.Repay(ACCOUNT, BEYOND), commands.PayOutCreditBalance(ACCOUNT, BEYOND),
    ]

    world = replay.fold([
        Operation(ACCOUNT, number, at("2026-03-10 10:00:00") + timedelta(days=2 * number), body)
        for number, body in enumerate(log, start=1)
    ], APPLY)

    assert (world.account.granted_minor, world.account.used_minor) == (3 * BEYOND, 0)


def test_a_plan_that_was_due_on_its_bill_date_keeps_its_dates() -> None:
    """It was scheduled when days were compared, and February was short: the refund went to the overdue instalment, the
    repayment to the credit balance. By the rule of today the log gave other books, and nothing could be undone (SD-3).
    """
    shop = Shop(bill_day=30, due_day=31)
    shop.bought("ord_1", "2026-01-31 10:00:00", Tenders(60_000), CreditTerms(instalment_count=2))
    as_scheduled_by_days(shop, "ord_1")
    shop.refund("ord_1", "2026-03-05 10:00:00", 30_000)
    shop.repay("2026-03-10 10:00:00", 30_000)
    shop.refund("ord_1", "2026-03-11 10:00:00", 1_000)

    undone = shop.reverse("ord_1", "2026-03-12 10:00:00", "ref_2")

    assert undone.op == "refund_reverse"
    assert [item.due_date.isoformat() for item in shop.instalments("ord_1")] == ["2026-02-28", "2026-03-31"]
    assert (shop.outstanding("ord_1"), shop.book.account(ACCOUNT).credit_balance_minor) == ([0, 30_000], 30_000)


def as_scheduled_by_days(shop: Shop, order_id: str) -> None:
    """What the rule of before had made of a shipment of now, with the fact that the migration notes."""
    agreement, account = shop.agreement(order_id), shop.book.account(ACCOUNT)
    (plan,) = agreement.plans
    dated = tuple(
        item._replace(due_date=due_date_by_days(item.bill_date, account.bill_day, account.due_day))
        for item in plan.instalments
    )
    shipped = next(row for row in shop.book.operations(ACCOUNT) if row.kind == "CaptureTenders")
    shop.book.given(
        replace(agreement, plans=(replace(plan, instalments=dated),)),
        replace(shipped, facts=replace(shipped.facts, due_by_days=True)),
    )
