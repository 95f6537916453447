"""Statements: immutable documents, what they still ask for,
and what they show of the time between (SC-2, SC-3, 2.6)."""

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.statement import Statement, StatementState, statement_key
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind
from services.credit_ledger.domain.statements import cut
from services.credit_ledger.domain.statements.still_due import still_due
from services.kernel.calendar import business_date, start_of
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import Shop, at

LATER = CreditTerms(plan=PlanKind.DEFERRED)
APRIL = at("2026-04-05 00:00:00").date()


def billed_shop() -> Shop:
    """One bill of 1000.00, issued on April 5."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), LATER)
    shop.plain(commands.CutStatement(ACCOUNT, APRIL), "2026-04-05 00:00:00")
    return shop


def asked(shop: Shop, when: str) -> tuple[int, StatementState]:
    """What the April statement asks for at an instant."""
    issued = {row.bill_date: row for row in shop.book.family(Statement, ACCOUNT)}
    found = still_due(
        issued[APRIL], max(issued) == APRIL, shop.book.family(Agreement, ACCOUNT), business_date(at(when))
    )
    return found.amount_minor, found.state


def test_a_refund_lowers_what_is_still_due_at_once_and_not_the_document() -> None:
    """No late fee can arise on what was refunded (SC-2)."""
    shop = billed_shop()
    issued = shop.book.row(Statement, statement_key(ACCOUNT, APRIL))

    shop.refund("ord_1", "2026-04-06 10:00:00", 40_000)

    assert shop.book.row(Statement, statement_key(ACCOUNT, APRIL)) is issued
    assert asked(shop, "2026-04-06 10:00:00") == (60_000, StatementState.PARTIALLY_PAID)


def test_a_statement_is_issued_then_overdue_then_paid_then_closed() -> None:
    """2.6; due on the 15th, overdue on the 16th, closed by the next one, which carries what is left."""
    shop = billed_shop()
    states = [asked(shop, when)[1] for when in ("2026-04-15 23:59:59", "2026-04-16 00:00:00")]

    shop.repay("2026-04-17 10:00:00", 100_000)
    states.append(asked(shop, "2026-04-17 10:00:00")[1])
    shop.bought("ord_2", "2026-04-18 10:00:00", Tenders(5_000), LATER)
    shop.plain(commands.CutStatement(ACCOUNT, at("2026-05-05 00:00:00").date()), "2026-05-05 00:00:00")
    states.append(asked(shop, "2026-05-05 00:00:00")[1])

    assert states == [StatementState.ISSUED, StatementState.OVERDUE, StatementState.PAID, StatementState.CLOSED]


def test_what_happened_in_between_is_on_the_next_statement() -> None:
    """Refund, repayment, late fee and waiver of the period, each once, none of the period before (SC-2)."""
    shop = billed_shop()
    shop.repay("2026-04-06 10:00:00", 10_000)
    shop.refund("ord_1", "2026-04-07 10:00:00", 30_000)
    shop.plain(commands.AccrueLateFees(ACCOUNT, at("2026-04-20 00:00:00").date()), "2026-04-20 01:00:00")
    shop.plain(commands.WaiveLateFees(ACCOUNT, "goodwill"), "2026-04-21 10:00:00")

    shop.repay("2026-05-05 00:00:00", 1)

    april, may = shop.book.family(Statement, ACCOUNT)
    assert [row.kind for row in shop.between(april)] == [
        "OpenAccount", "FundWallet", "AuthorizeTenders", "CaptureTenders",
    ]
    assert [(row.kind, sum(entry.amount_minor for entry in row.facts.accrued)) for row in shop.between(may)] == [
        ("Repay", 0), ("RefundTenders", 0), ("AccrueLateFees", 150), ("WaiveLateFees", -150),
    ]


def test_credit_balance_pays_the_next_bill_by_itself() -> None:
    """Offset at the cut, the limit of the principal part comes back; the document says so (SC-3)."""
    shop = Shop()
    shop.repay("2026-03-09 10:00:00", 30_000)
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(90_000))

    statement = shop.plain(commands.CutStatement(ACCOUNT, APRIL), "2026-04-05 00:00:00")

    assert (statement.amount_minor, statement.offset_minor) == (30_450, 30_000)
    assert shop.book.account(ACCOUNT).available_minor == 500_000 - 90_000 + 29_550


def test_a_cut_is_made_once() -> None:
    """By command, by timer, by a write: the second one finds the first one's document."""
    shop = billed_shop()
    rows = dict(shop.book.rows)

    again = shop.plain(commands.CutStatement(ACCOUNT, APRIL), "2026-04-05 00:00:00")
    shop.book.turn_to(at("2026-04-05 23:00:00"))

    assert again is rows[Statement, statement_key(ACCOUNT, APRIL)]
    assert shop.book.rows == rows


def test_a_timer_comes_within_hours_and_every_account_has_its_own_moment() -> None:
    """A bill day's midnight must not stop settlements; the cut itself stays at midnight."""
    moments = {cut.cut_timer(f"acc_{n}", start_of(APRIL)).due_at - start_of(APRIL) for n in range(500)}

    assert max(moments).total_seconds() < cut.SPREAD_SECONDS
    assert len(moments) > 450


@pytest.mark.parametrize(("bill_date", "when", "reason"), [
    ("2026-04-06", "2026-04-06 10:00:00", "INVALID_ARGUMENT"), ("2026-05-05", "2026-05-04 23:59:59", "BILL_DATE_AHEAD"),
    ("2023-12-05", "2026-04-06 10:00:00", "STATEMENT_NOT_FOUND"),
    ("2026-03-05", "2026-04-06 10:00:00", "STATEMENT_NOT_FOUND"),
])
def test_a_statement_of_another_day_is_refused(bill_date: str, when: str, reason: str) -> None:
    """No bill day, still to come, before the account, before the last cut."""
    result = billed_shop().plain(commands.CutStatement(ACCOUNT, at(f"{bill_date} 00:00:00").date()), when)

    assert isinstance(result, Refused)
    assert result.reason == reason


def test_a_bill_of_february_is_due_in_march_where_the_due_day_would_not_come_after_it() -> None:
    """Bill day 30, due day 31: the instalment and the document name the same day,
    and it is not overdue before (SD-3, N6)."""
    shop = Shop(bill_day=30, due_day=31)
    shop.bought("ord_1", "2026-02-10 10:00:00", Tenders(100_000), LATER)

    statement = shop.plain(commands.CutStatement(ACCOUNT, at("2026-02-28 00:00:00").date()), "2026-02-28 00:00:00")
    late = shop.plain(commands.AccrueLateFees(ACCOUNT, at("2026-03-31 00:00:00").date()), "2026-03-31 10:00:00")

    assert statement.due_date == shop.instalments("ord_1")[0].due_date == at("2026-03-31 00:00:00").date()
    assert late.amount_minor == 0


def test_an_account_with_nothing_to_bill_has_no_cut_to_come() -> None:
    """No timer, no monthly empty documents; the next shipment sets the cut again."""
    shop = billed_shop()
    shop.repay("2026-04-06 10:00:00", 100_000)
    shop.plain(commands.CutStatement(ACCOUNT, at("2026-05-05 00:00:00").date()), "2026-05-05 00:00:00")
    idle = shop.book.account(ACCOUNT).next_cut_at

    shop.bought("ord_2", "2026-08-10 10:00:00", Tenders(5_000), LATER)

    assert idle is None
    assert shop.book.account(ACCOUNT).next_cut_at == at("2026-09-05 00:00:00")
    assert list(shop.statements()) == ["2026-04-05", "2026-05-05"]
