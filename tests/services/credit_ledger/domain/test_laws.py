"""The laws asserted in production find what they are there for:
a fen in a row that no journal knows, and the other way round."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.credit_ledger.domain.core import laws
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.instalment import Instalment
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.errors import Defect
from services.kernel.journal import Unit, post
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import Shop


def rows() -> tuple[CreditAccount, Agreement]:
    """An account with one shipped order."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(90_000, 500))
    return shop.book.account(ACCOUNT), shop.agreement("ord_1")


def with_first(agreement: Agreement, **changes: int) -> Agreement:
    """The agreement with another first instalment."""
    (plan,) = agreement.plans
    first, *rest = plan.instalments
    changed: Instalment = first._replace(**changes)  # type: ignore[arg-type]  # field names by keyword
    return replace(agreement, plans=(replace(plan, instalments=(changed, *rest)),))


def test_nothing_changed_and_nothing_posted_is_lawful() -> None:
    """The empty decision."""
    account, agreement = rows()

    laws.check(account, account, [(agreement, agreement)], ())


@pytest.mark.parametrize("change", [
    lambda account: replace(account, used_minor=account.used_minor - 1),
    lambda account: replace(account, wallet_minor=account.wallet_minor + 1),
    lambda account: replace(account, credit_balance_minor=1),
    lambda account: replace(account, granted_minor=account.granted_minor + 1),
])
def test_a_figure_that_no_journal_moved_is_a_defect(change: Callable[[CreditAccount], CreditAccount]) -> None:
    """Every figure of the account is the projection of its entries."""
    account, agreement = rows()

    with pytest.raises(Defect):
        laws.check(account, change(account), [(agreement, agreement)], ())


@pytest.mark.parametrize("changes", [
    {"paid_minor": 1}, {"refunded_minor": -1}, {"principal_minor": 1}, {"fee_paid_minor": 1}, {"fee_minor": 451},
    {"late_minor": -1}, {"paid_minor": 30_001}, {"written_off_minor": 1},
])
def test_an_unsound_or_unposted_instalment_is_a_defect(changes: dict[str, int]) -> None:
    """Its parts make its principal, nothing is negative, no fee
    above the first one, no fee paid before it is billed."""
    account, agreement = rows()

    with pytest.raises(Defect):
        laws.check(account, account, [(agreement, with_first(agreement, **changes))], ())


def test_a_journal_without_its_row_is_a_defect() -> None:
    """Loan principal cannot move in the book alone."""
    account, agreement = rows()
    stray = post("refund", Unit.CNY, ((books.LOAN_UNBILLED, ACCOUNT, -1), (books.CREDIT_BALANCE, ACCOUNT, 1)))

    with pytest.raises(Defect):
        laws.check(account, account, [(agreement, agreement)], stray)


def test_more_refunded_than_captured_is_a_defect() -> None:
    """The last line of defence behind the cap of a refund (PR-5)."""
    account, agreement = rows()

    with pytest.raises(Defect):
        laws.check(account, account, [(agreement, replace(agreement, refunded=Tenders(90_001)))], ())
