"""The laws that every decision of the credit ledger obeys, asserted in production (DOMAIN 3.4).

The journals must be exactly the change of the rows: what an account or an agreement says and what the book says can
never drift apart. A broken law is a `Defect`: the message is parked, nothing is written.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.kernel.errors import Defect
from services.kernel.journal import Journal
from services.kernel.money import BALANCE_MAX_MINOR, balance


class Owed(NamedTuple):
    """What an agreement carries in the book, as the book signs it."""

    unbilled_minor: int = 0
    billed_minor: int = 0
    fee_minor: int = 0
    late_minor: int = 0
    deposit_minor: int = 0
    held_minor: int = 0

    @property
    def principal_minor(self) -> int:
        """All unpaid principal."""
        return self.unbilled_minor + self.billed_minor


def check(
    before: CreditAccount | None, after: CreditAccount, rows: Iterable[tuple[object, object]],
    journals: Iterable[Journal], refusable: bool = True,
) -> None:
    """Raise `Defect` unless the figures are sound and the journals are their change. `before` is None for a new
    account. What is `refusable` is refused (INVALID_AMOUNT) where it fills a balance above all bounds."""
    sound_account(after)
    if refusable:
        bounded_account(before, after)
    old_figures = figures(before) if before is not None else (0,) * len(_FIGURES)
    expected = dict(zip(_FIGURES, map(int.__sub__, figures(after), old_figures), strict=True))
    for old, new in rows:
        if isinstance(new, Agreement):
            was = owed(old) if isinstance(old, Agreement) else _NOTHING_OWED
            _add(expected, _OWED, map(int.__sub__, sound_agreement(new), was))
        elif isinstance(new, MerchantShare):
            if refusable:
                bounded_share(old, new)
            _add(expected, _SHARE, map(int.__sub__, _share(new), _share(old)))
    _matches(expected, journals)


def figures(account: CreditAccount) -> tuple[int, ...]:
    """The balances of an account's own ledger accounts, as the book signs them, in the order of `_FIGURES`."""
    granted, held, used = account.granted_minor, account.held_minor, account.used_minor
    return (
        granted - held - used, held, used, -granted, -account.wallet_minor, -account.credit_balance_minor,
        account.receivable_minor,
    )


def owed(agreement: Agreement) -> Owed:
    """What an agreement carries in the book, in one pass."""
    unbilled = billed = fees = lates = 0
    for plan in agreement.plans:
        for item in plan.instalments:
            unpaid = item.principal_minor - item.paid_minor - item.refunded_minor - item.written_off_minor
            if item.billed:
                billed += unpaid
                fees += item.fee_minor - item.fee_paid_minor
                lates += item.late_minor
            else:
                unbilled += unpaid
    remaining = agreement.hold.remaining
    return Owed(
        unbilled_minor=unbilled, billed_minor=billed, fee_minor=fees, late_minor=lates,
        deposit_minor=-remaining.deposit_minor, held_minor=remaining.credit_minor,
    )


def sound_account(account: CreditAccount) -> None:
    """Nothing negative: `available + held + used = granted` holds by construction, each of them at least 0."""
    lowest = min(
        account.available_minor, account.held_minor, account.used_minor, account.wallet_minor,
        account.credit_balance_minor, account.receivable_minor,
    )
    if lowest < 0:
        raise Defect(f"{account.id}: a negative figure in {account}")


def bounded_account(before: CreditAccount | None, after: CreditAccount) -> None:
    """Refuse (INVALID_AMOUNT) what raises a figure above all bounds; one that stands there may always come down."""
    _bounded(before, after, ("wallet_minor", "credit_balance_minor", "receivable_minor"))


def bounded_share(before: object, after: MerchantShare) -> None:
    """The same for what a merchant and we owe each other."""
    _bounded(before, after, ("payable_minor", "receivable_minor"))


def sound_agreement(agreement: Agreement) -> Owed:
    """What it carries in the book, if refunds are within captures,
    captures within the hold, and every instalment and plan is sound."""
    if min(*agreement.hold.remaining, *agreement.refundable) < 0:
        raise Defect(f"{agreement.order_id}: more captured than held, or refunded than captured")
    for plan in agreement.plans:
        if not 0 <= plan.refunded_minor <= plan.principal_minor:
            raise Defect(f"{agreement.order_id}: {plan.refunded_minor} refunded of {plan.principal_minor}")
        whole = 0
        for item in plan.instalments:
            whole += item.principal_minor
            if not (
                item.paid_minor >= 0 <= item.refunded_minor
                and 0 <= item.written_off_minor <= item.principal_minor - item.paid_minor - item.refunded_minor
                and 0 <= item.fee_paid_minor <= item.fee_minor <= item.fee_initial_minor and item.late_minor >= 0
                and (item.billed or not (item.fee_paid_minor or item.late_minor))
            ):
                raise Defect(f"{agreement.order_id}: unsound {item}")
        if whole != plan.principal_minor:
            raise Defect(f"{agreement.order_id}: the instalments are not the plan")
    return owed(agreement)


def _bounded(before: object, after: CreditAccount | MerchantShare, figures: tuple[str, ...]) -> None:
    for name in figures:
        now = getattr(after, name)
        if now > BALANCE_MAX_MINOR and now > getattr(before, name, 0):
            balance(now, what=f"{name} of {after.id}")


def _share(row: object) -> tuple[int, int]:
    return (-row.payable_minor, row.receivable_minor) if isinstance(row, MerchantShare) else (0, 0)


def _add(sums: dict[str, int], names: Iterable[str], amounts: Iterable[int]) -> None:
    for name, amount in zip(names, amounts, strict=True):
        sums[name] = sums.get(name, 0) + amount


def _matches(expected: dict[str, int], journals: Iterable[Journal]) -> None:
    """Every account whose rows are known moves as its rows do, and no other account of that sort moves."""
    principal = expected.get(books.LOAN_UNBILLED, 0) + expected.get(books.LOAN_BILLED, 0)
    if principal != expected[books.USED] or expected.pop(_HOLDS, 0) != expected[books.HELD]:
        raise Defect("the used or held limit is not what the agreements owe or hold")
    for journal in journals:
        for account, _, amount in journal.lines:
            if account in expected:
                expected[account] -= amount
            elif account in _PROJECTED:
                expected[account] = -amount
    if any(expected.values()):
        raise Defect(f"rows and journals differ by {expected}")


_HOLDS = "holds"
_FIGURES = (
    books.AVAILABLE, books.HELD, books.USED, books.GRANT, books.WALLET, books.CREDIT_BALANCE, books.CUSTOMER_RECEIVABLE,
)
_OWED = (books.LOAN_UNBILLED, books.LOAN_BILLED, books.LOAN_FEE, books.LOAN_LATE, books.DEPOSIT, _HOLDS)
_SHARE = (books.MERCHANT_PAYABLE, books.MERCHANT_RECEIVABLE)
_PROJECTED = frozenset((*_OWED, *_SHARE))
_NOTHING_OWED = Owed()
