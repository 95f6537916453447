"""What an operation found and changed: with it a reversal stands in front of a refund again, without the log before it.

Kept with the operation, as an undo log keeps the row that a change replaced. What never changes of an agreement is not
in it.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, AgreementState, Plan
from services.credit_ledger.domain.model.tenders import Tenders

SHAPE = 1
"""The version of this shape. What was kept in another shape counts as not kept: a reversal reads the whole log then."""


class AccountBefore(NamedTuple):
    """An account in front of a refund, as far as a replay reads it: what statements say of the log it only writes."""

    granted_minor: int
    held_minor: int
    used_minor: int
    wallet_minor: int
    credit_balance_minor: int
    receivable_minor: int
    shipments: int
    state: AccountState
    next_cut_at: datetime | None
    last_bill_date: date | None

    @classmethod
    def of(cls, account: CreditAccount) -> "AccountBefore":
        """What is kept of an account."""
        return cls(
            granted_minor=account.granted_minor, held_minor=account.held_minor, used_minor=account.used_minor,
            wallet_minor=account.wallet_minor, credit_balance_minor=account.credit_balance_minor,
            receivable_minor=account.receivable_minor, shipments=account.shipments, state=account.state,
            next_cut_at=account.next_cut_at, last_bill_date=account.last_bill_date,
        )

    def put_back(self, now: CreditAccount) -> CreditAccount:
        """The account as it was then."""
        return replace(now, **self._asdict())


class AgreementBefore(NamedTuple):
    """An agreement in front of an operation that changed it."""

    order_id: str
    state: AgreementState
    captured: Tenders
    released: Tenders
    expired: bool
    refunded: Tenders
    written_off_minor: int
    charged_back_at: datetime | None
    plans: tuple[Plan, ...]

    @classmethod
    def of(cls, agreement: Agreement) -> "AgreementBefore":
        """What is kept of an agreement."""
        hold = agreement.hold
        return cls(
            order_id=agreement.order_id, state=agreement.state, captured=hold.captured, released=hold.released,
            expired=hold.expired, refunded=agreement.refunded, written_off_minor=agreement.written_off_minor,
            charged_back_at=agreement.charged_back_at, plans=agreement.plans,
        )

    def put_back(self, now: Agreement) -> Agreement:
        """The agreement as it was then."""
        hold = replace(now.hold, captured=self.captured, released=self.released, expired=self.expired)
        return replace(
            now, state=self.state, hold=hold, refunded=self.refunded, written_off_minor=self.written_off_minor,
            charged_back_at=self.charged_back_at, plans=self.plans,
        )


class Before(NamedTuple):
    """What is kept with one operation: the agreements that it changed and, of a refund, the account."""

    shape: int = SHAPE
    agreements: tuple[AgreementBefore, ...] = ()
    account: AccountBefore | None = None


NOTHING_BEFORE = Before()
"""An operation that changed no agreement and is no refund."""
