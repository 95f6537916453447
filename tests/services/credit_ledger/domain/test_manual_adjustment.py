"""人工调账: a balanced journal of two people, on evidence, dated openly, keyed by an order (P22, MA-1 to MA-4)."""

from datetime import date
from typing import Any

import pytest

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.adjustment import AdjustedLine, Adjustment
from services.credit_ledger.domain.model.commands import PostAdjustment
from services.credit_ledger.domain.model.statement import Statement, statement_key
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Refused
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import Shop

SHIPPED, TODAY = "2026-03-10 10:00:00", "2026-03-20 15:00:00"
WALLET, BALANCE, OWED = "L.CUST.WALLET", "L.CREDITBAL", "A.CUST.RECV"


def _shop() -> Shop:
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(90_000))
    return shop


def _adjust(shop: Shop, *lines: tuple[str, int], when: str = TODAY, **other: Any) -> Any:  # what a refusal or a row is
    fields = {
        "order_id": "ord_1", "case_id": "case-7", "maker": "ann", "checker": "bob",
        "evidence": ("order page", "bill page"),
        "reason": "charged twice", "effective_date": date(2026, 3, 20), **other,
    }
    return shop.plain(PostAdjustment(ACCOUNT, lines=tuple(AdjustedLine(*line) for line in lines), **fields), when)


def _figures(shop: Shop) -> tuple[int, int, int]:
    account = shop.book.account(ACCOUNT)
    return account.wallet_minor, account.credit_balance_minor, account.receivable_minor


def test_a_fee_charged_in_error_goes_to_the_wallet() -> None:
    """Dr I.FEE.INST, Cr CUST.WALLET; the record names people, papers, case and date."""
    shop = _shop()

    row = _adjust(shop, ("I.FEE.INST", 500), (WALLET, -500))

    assert isinstance(row, Adjustment)
    assert (row.maker, row.checker, row.case_id, row.effective_date) == ("ann", "bob", "case-7", date(2026, 3, 20))
    assert _figures(shop) == (100_500, 0, 0)
    journal = shop.book.journals[-1]
    assert (journal.op, journal.order_id) == ("manual_adjust", "ord_1")
    assert [(line.account, line.sub, line.amount_minor) for line in journal.lines] == [
        ("I.FEE.INST", "", 500), (WALLET, ACCOUNT, -500),
    ]


def test_what_is_unexplained_waits_in_suspense_until_its_case_is_cleared() -> None:
    """Money that the bank got from nobody knows whom; later it is the customer's credit balance."""
    shop = _shop()

    _adjust(shop, ("A.BANK", 3_000), ("X.SUSPENSE", -3_000))
    waiting = shop.book.balance("X.SUSPENSE")
    _adjust(shop, ("X.SUSPENSE", 3_000), (BALANCE, -3_000))

    assert (waiting, shop.book.balance("X.SUSPENSE"), _figures(shop)) == (-3_000, 0, (100_000, 3_000, 0))
    assert {
        line.sub for journal in shop.book.journals for line in journal.lines if line.account == "X.SUSPENSE"
    } == {"case-7"}


@pytest.mark.parametrize(("lines", "reason"), [
    ([("A.BANK", 500), (WALLET, -499)], "UNBALANCED"),
    ([("A.BANK", 0), (WALLET, 0)], "INVALID_AMOUNT"),
    ([("A.BANK", 500)], "INVALID_ARGUMENT"),
    ([("A.BANK", 500), (WALLET, -200), (WALLET, -300)], "INVALID_ARGUMENT"),
    ([("A.LOAN.P.BILLED", -500), ("A.BANK", 500)], "ACCOUNT_NOT_ADJUSTABLE"),
    ([("LIM.USED", -500), ("LIM.AVAIL", 500)], "ACCOUNT_NOT_ADJUSTABLE"),
    ([(WALLET, 100_001), ("A.BANK", -100_001)], "INSUFFICIENT_WALLET"),
    ([(BALANCE, 1), ("A.BANK", -1)], "EXCEEDS_CREDIT_BALANCE"),
    ([(OWED, -1), ("A.BANK", 1)], "EXCEEDS_RECEIVABLE"),
])
def test_what_is_no_journal_or_not_there_is_refused(lines: list[tuple[str, int]], reason: str) -> None:
    """Nothing is written; up to the last fen it is possible."""
    shop = _shop()
    before = dict(shop.book.rows)

    refused = _adjust(shop, *lines)

    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert shop.book.rows == before
    assert isinstance(_adjust(shop, (WALLET, 100_000), ("A.BANK", -100_000)), Adjustment)


@pytest.mark.parametrize(("change", "reason"), [
    ({"checker": "ann"}, "FOUR_EYES"), ({"maker": ""}, "FOUR_EYES"), ({"evidence": ("a", "a")}, "EVIDENCE_REQUIRED"),
    ({"checker": " ANN"}, "FOUR_EYES"), ({"checker": "ａｎｎ"}, "FOUR_EYES"), ({"maker": "\u3000"}, "FOUR_EYES"),
    ({"evidence": ("page", " PAGE ")}, "EVIDENCE_REQUIRED"), ({"evidence": ("page", "\u3000")}, "EVIDENCE_REQUIRED"),
    ({"reason": ""}, "INVALID_ARGUMENT"), ({"case_id": ""}, "INVALID_ARGUMENT"),
    ({"order_id": "ord_2"}, "ORDER_NOT_FOUND"),
    ({"effective_date": date(2026, 3, 21)}, "INVALID_ARGUMENT"), ({"effective_date": date(2026, 3, 9)}, "BACKDATED"),
])
def test_one_person_without_papers_order_or_date_is_refused(change: dict[str, Any], reason: str) -> None:
    """Each is refused by its reason (MA-1 to MA-3)."""
    refused = _adjust(_shop(), ("A.BANK", 500), (WALLET, -500), **change)

    assert isinstance(refused, Refused)
    assert refused.reason == reason


@pytest.mark.parametrize(("effective", "reason"), [
    (date(2026, 3, 10), "BACKDATED"), (date(2026, 4, 4), "BACKDATED"), (date(2026, 4, 5), ""), (date(2026, 4, 6), ""),
])
def test_a_period_whose_statement_is_issued_takes_permission(effective: date, reason: str) -> None:
    """The cut of 5 April opens the next period with that very day."""
    shop, when = _shop(), "2026-04-06 09:00:00"

    asked = _adjust(shop, ("A.BANK", 500), (WALLET, -500), when=when, effective_date=effective)

    assert (asked.reason if isinstance(asked, Refused) else "") == reason
    permitted = _adjust(shop, ("A.BANK", 500), (WALLET, -500), when=when, effective_date=effective, reaches_back=True)
    assert isinstance(permitted, Adjustment)
    assert permitted.effective_date == effective


def test_the_customer_sees_it_and_the_next_statement_says_it() -> None:
    """A movement with its figures; the credit balance pays the next bill (MA-4, SC-2)."""
    shop = _shop()
    _adjust(shop, ("E.WAIVER", 2_000), (BALANCE, -2_000))

    shop.plain(commands.CutStatement(ACCOUNT, date(2026, 4, 5)), "2026-04-05 00:00:00")

    statement = shop.book.row(Statement, statement_key(ACCOUNT, date(2026, 4, 5)))
    assert isinstance(statement, Statement)
    assert statement.offset_minor == 2_000
    moved = {row.kind: row.moved for row in shop.between(statement)}
    assert moved["PostAdjustment"] == (("CREDIT_BALANCE", 2_000),)


def test_credit_balance_that_was_adjusted_away_is_owed_if_the_refund_it_came_from_is_undone() -> None:
    """As with a payout, what the balance lacks then, the customer owes (P24)."""
    shop = _shop()
    shop.repay("2026-04-06 10:00:00", 30_450)
    shop.refund("ord_1", "2026-04-07 10:00:00", 90_000)
    had = shop.book.account(ACCOUNT).credit_balance_minor
    _adjust(shop, (BALANCE, had), ("A.BANK", -had), when="2026-04-08 10:00:00", effective_date=date(2026, 4, 8))

    shop.reverse("ord_1", "2026-04-09 10:00:00")

    assert had > 0
    assert _figures(shop)[1:] == (0, had)


def test_a_closed_account_stays_as_it_is() -> None:
    """What comes to light later has to wait in another book."""
    shop = Shop(wallet=0)
    shop.place("ord_1", SHIPPED, Tenders(90_000))
    shop.release("ord_1", SHIPPED)
    shop.plain(commands.SetAccountState(ACCOUNT, AccountState.CLOSED), "2026-03-11 10:00:00")

    refused = _adjust(shop, ("A.BANK", 500), (WALLET, -500))

    assert isinstance(refused, Refused)
    assert refused.reason == "ACCOUNT_NOT_ACTIVE"
