"""The laws that every decision of the credit ledger obeys, asserted in production (DOMAIN 3.4).

The journals must be exactly the change of the rows: what an account or an agreement says and what the book says can
never drift apart. A broken law is a `Defect`: the message is parked, nothing is written.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.credit_ledger.domain import books
from services.credit_ledger.domain.account import CreditAccount
from services.credit_ledger.domain.agreement import Agreement
from services.credit_ledger.domain.instalment import Instalment
from services.credit_ledger.domain.merchant import MerchantShare
from services.kernel.errors import Defect
from services.kernel.journal import Journal


class Owed(NamedTuple):
    """What an agreement carries in the book."""

    unbilled_minor: int = 0
    billed_minor: int = 0
    fee_minor: int = 0
    late_minor: int = 0
    deposit_minor: int = 0
    held_minor: int = 0


def check(
    before: CreditAccount | None, after: CreditAccount, rows: Iterable[tuple[object, object]], journals: Iterable[Journal]
) -> None:
    """Raise `Defect` unless the figures are sound and the journals are their change. `before` is None for a new account."""
    expected = Counter(figures(after))
    if before is not None:
        expected.subtract(figures(before))
    for old, new in rows:
        expected.update(_booked(new))
        expected.subtract(_booked(old))
        if isinstance(new, Agreement):
            sound_agreement(new)
    sound_account(after)
    _matches(expected, journals)


def figures(account: CreditAccount) -> dict[str, int]:
    """The balances of an account's own ledger accounts, as the book signs them."""
    return {
        books.AVAILABLE: account.available_minor, books.HELD: account.held_minor, books.USED: account.used_minor,
        books.GRANT: -account.granted_minor, books.WALLET: -account.wallet_minor,
        books.CREDIT_BALANCE: -account.credit_balance_minor, books.CUSTOMER_RECEIVABLE: account.receivable_minor,
    }


def owed(agreement: Agreement) -> Owed:
    """What an agreement carries in the book, in one pass."""
    unbilled = billed = fee = late = 0
    for plan in agreement.plans:
        for item in plan.instalments:
            outstanding = item.principal_minor - item.paid_minor - item.refunded_minor - item.written_off_minor
            if item.billed:
                billed += outstanding
                fee += item.fee_minor - item.fee_paid_minor
                late += item.late_minor
            else:
                unbilled += outstanding
    remaining = agreement.hold.remaining
    return Owed(unbilled, billed, fee, late, remaining.deposit_minor, remaining.credit_minor)


def sound_account(account: CreditAccount) -> None:
    """Nothing negative: `available + held + used = granted` holds by construction, each of them at least 0."""
    lowest = min(
        account.available_minor, account.held_minor, account.used_minor, account.wallet_minor,
        account.credit_balance_minor, account.receivable_minor,
    )
    if lowest < 0:
        raise Defect(f"{account.id}: a negative figure in {account}")


def sound_agreement(agreement: Agreement) -> None:
    """Refunds within captures, captures within the hold, every instalment sound, plans and instalments agree."""
    if min(*agreement.hold.remaining, *agreement.refundable) < 0:
        raise Defect(f"{agreement.order_id}: more captured than held, or refunded than captured")
    for plan in agreement.plans:
        if not 0 <= plan.refunded_minor <= plan.principal_minor:
            raise Defect(f"{agreement.order_id}: {plan.refunded_minor} refunded of {plan.principal_minor}")
        if sum(item.principal_minor for item in plan.instalments) != plan.principal_minor:
            raise Defect(f"{agreement.order_id}: the instalments are not the plan")
        for item in plan.instalments:
            if not _sound(item):
                raise Defect(f"{agreement.order_id}: unsound {item}")


def _sound(item: Instalment) -> bool:
    outstanding = item.principal_minor - item.paid_minor - item.refunded_minor - item.written_off_minor
    return (
        outstanding >= 0 <= item.paid_minor and item.refunded_minor >= 0 <= item.written_off_minor
        and 0 <= item.fee_paid_minor <= item.fee_minor <= item.fee_initial_minor and item.late_minor >= 0
        and (item.billed or not (item.fee_paid_minor or item.late_minor))
    )


def _booked(row: object) -> dict[str, int]:
    if isinstance(row, Agreement):
        sums = owed(row)
        return {
            books.LOAN_UNBILLED: sums.unbilled_minor, books.LOAN_BILLED: sums.billed_minor, books.LOAN_FEE: sums.fee_minor,
            books.LOAN_LATE: sums.late_minor, books.DEPOSIT: -sums.deposit_minor,
            _PRINCIPAL: sums.unbilled_minor + sums.billed_minor, _HOLDS: sums.held_minor,
        }
    if isinstance(row, MerchantShare):
        return {books.MERCHANT_PAYABLE: -row.payable_minor, books.MERCHANT_RECEIVABLE: row.receivable_minor}
    return {}


def _matches(expected: Counter[str], journals: Iterable[Journal]) -> None:
    if expected.pop(_PRINCIPAL, 0) != expected[books.USED] or expected.pop(_HOLDS, 0) != expected[books.HELD]:
        raise Defect("the used or held limit is not what the agreements owe or hold")
    posted: Counter[str] = Counter()
    for journal in journals:
        for line in journal.lines:
            posted[line.account] += line.amount_minor
    for account in expected:
        if expected[account] != posted[account]:
            raise Defect(f"{account} moves by {expected[account]}, its journals say {posted[account]}")
    missing = [account for account in posted if posted[account] and account in _PROJECTED and account not in expected]
    if missing:
        raise Defect(f"posted to {missing} without a change")


_PRINCIPAL = "principal"
_HOLDS = "holds"
_PROJECTED: Sequence[str] = (
    books.LOAN_UNBILLED, books.LOAN_BILLED, books.LOAN_FEE, books.LOAN_LATE, books.DEPOSIT,
    books.MERCHANT_PAYABLE, books.MERCHANT_RECEIVABLE,
)
