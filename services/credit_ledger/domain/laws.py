"""The laws that every decision of the credit ledger obeys, asserted in production (DOMAIN 3.4).

The journals must be exactly the change of the rows: what an account or an agreement says and what the book says can
never drift apart. A broken law is a `Defect`: the message is parked, nothing is written.
"""

from collections.abc import Iterable, Mapping
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
    sound_account(after)
    expected = figures(after)
    if before is not None:
        _add(expected, figures(before), -1)
    for old, new in rows:
        _add(expected, _booked(old), -1)
        _add(expected, _booked(new), 1)
        if isinstance(new, Agreement):
            sound_agreement(new)
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
    unbilled = billed = fees = lates = 0
    for plan in agreement.plans:
        for _, _, _, principal, _, fee, paid, refunded, written_off, fee_paid, late, _, is_billed in plan.instalments:
            if is_billed:
                billed += principal - paid - refunded - written_off
                fees += fee - fee_paid
                lates += late
            else:
                unbilled += principal - paid - refunded - written_off
    remaining = agreement.hold.remaining
    return Owed(unbilled, billed, fees, lates, remaining.deposit_minor, remaining.credit_minor)


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
        if sum([item.principal_minor for item in plan.instalments]) != plan.principal_minor:
            raise Defect(f"{agreement.order_id}: the instalments are not the plan")
        for item in plan.instalments:
            if not _sound(item):
                raise Defect(f"{agreement.order_id}: unsound {item}")


def _sound(item: Instalment) -> bool:
    _, _, _, principal, fee_initial, fee, paid, refunded, written_off, fee_paid, late, _, billed = item
    return (
        paid >= 0 <= refunded and 0 <= written_off <= principal - paid - refunded
        and 0 <= fee_paid <= fee <= fee_initial and late >= 0
        and (billed or not (fee_paid or late))
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


def _add(sums: dict[str, int], more: Mapping[str, int], sign: int) -> None:
    for name, amount in more.items():
        sums[name] = sums.get(name, 0) + sign * amount


def _matches(expected: dict[str, int], journals: Iterable[Journal]) -> None:
    """Every account whose rows are known moves as its rows do, and no other account of that sort moves."""
    if expected.pop(_PRINCIPAL, 0) != expected[books.USED] or expected.pop(_HOLDS, 0) != expected[books.HELD]:
        raise Defect("the used or held limit is not what the agreements owe or hold")
    for journal in journals:
        for account, _, amount in journal.lines:
            if account in expected or account in _PROJECTED:
                expected[account] = expected.get(account, 0) - amount
    wrong = {account: amount for account, amount in expected.items() if amount}
    if wrong:
        raise Defect(f"rows and journals differ by {wrong}")


_PRINCIPAL = "principal"
_HOLDS = "holds"
_PROJECTED = frozenset({
    books.LOAN_UNBILLED, books.LOAN_BILLED, books.LOAN_FEE, books.LOAN_LATE, books.DEPOSIT,
    books.MERCHANT_PAYABLE, books.MERCHANT_RECEIVABLE,
})
