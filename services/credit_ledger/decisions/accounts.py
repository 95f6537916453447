"""The account that a message is about, as decisions begin with it."""

from datetime import datetime

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.statements.cut import up_to_now
from services.kernel.decision import Known
from services.kernel.errors import NotFound
from services.kernel.participant import refuse_if_busy


def account_of(known: Known, account_id: str) -> CreditAccount:
    """The account; ACCOUNT_NOT_FOUND if there is none."""
    account = known.find(CreditAccount, account_id)
    if account is None:
        raise NotFound("ACCOUNT_NOT_FOUND", f"there is no account {account_id}")
    return account


def opened(known: Known, account: CreditAccount, at: datetime, saga_id: str = "") -> Position:
    """The position of an account at an instant, every due cut made."""
    return up_to_now(Position(known, at, account, account, account, saga_id=saga_id))


def unclaimed(known: Known, account_id: str, at: datetime) -> Position:
    """The position of an account for a writer that is no saga: it waits while one has claimed the account (BZ-2)."""
    account = account_of(known, account_id)
    refuse_if_busy(account)
    return opened(known, account, at)
