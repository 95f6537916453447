"""What an account may come to owe in fees: no more than lets every bill and every sum of bills be written (CV-1).

Principal is within the limit. Fees are not: a deferral of 1 fen may cost 10^13, and the limit is free again at once.
"""

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.agreement import Agreement, fees_total
from services.credit_ledger.domain.model.terms import CreditTerms
from services.kernel.money import FUNDS_MAX_MINOR, balance, of_rate

SMALL_MINOR = 10**10
"""Fees up to this, a hundred million yuan, are never counted:
no account has the millions of orders that it would take."""


def fees_of(terms: CreditTerms, credit_minor: int) -> int:
    """All fees of a credit share under these terms, if nothing of it is refunded."""
    if not credit_minor:
        return 0
    return terms.flat_fee_minor if terms.deferred else terms.instalment_count * of_rate(credit_minor, terms.fee_ppm)


def within_fees(position: Position, fee_minor: int) -> None:
    """Refuse (INVALID_AMOUNT) fees that, with all that the account
    owes or will, come above what a balance is filled to."""
    if fee_minor > SMALL_MINOR:
        owed = fees_total(position.family(Agreement))
        balance(owed + fee_minor, FUNDS_MAX_MINOR, f"the fees of {position.account.id}")
