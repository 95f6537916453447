"""The account itself: opened, given a limit, funded, suspended, closed (P1, 2.3)."""

from dataclasses import replace
from datetime import datetime

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, due_total
from services.credit_ledger.domain.model.amounts import filled, not_negative, positive
from services.credit_ledger.domain.model.commands import FundWallet, GrantLimit, OpenAccount, SetAccountState
from services.credit_ledger.domain.model.events import AccountOpened, AccountStateChanged, LimitGranted, WalletFunded
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.journal import Journal, Unit, post
from services.kernel.money import PPM


def must_open(body: OpenAccount) -> None:
    """Refuse the days and the rate of an account that cannot be."""
    if not 1 <= body.bill_day <= 31 or not 1 <= body.due_day <= 31:
        raise InvalidArgument("INVALID_ARGUMENT", "bill day and due day are days of a month")
    if not 0 <= body.late_fee_ppm_per_day <= PPM:
        raise InvalidArgument("INVALID_AMOUNT", f"{body.late_fee_ppm_per_day} ppm is no daily rate")


def unopened(body: OpenAccount, now: datetime) -> CreditAccount:
    """The empty account that `open_account` starts from; version 0, since nothing is written yet."""
    return CreditAccount(
        id=body.account_id, customer_id=body.customer_id, opened_at=now, bill_day=body.bill_day, due_day=body.due_day,
        surplus_policy=body.surplus_policy, late_fee_ppm_per_day=body.late_fee_ppm_per_day, version=0,
    )


def open_account(position: Position, body: OpenAccount) -> Applied:
    """The first input of every account; `position.account` is what `unopened` made."""
    limit = not_negative(body.limit_minor, position.replaying)
    account = replace(position.account, granted_minor=limit)
    position = position.plus(
        account=account, journals=_granted(account.id, limit),
        event=AccountOpened(account.id, account.customer_id, limit),
    )
    return Applied(position, account)


def grant_limit(position: Position, body: GrantLimit) -> Applied:
    """Set the granted limit; never below what is held and used."""
    account = position.account
    limit = not_negative(body.limit_minor, position.replaying)
    if limit < account.held_minor + account.used_minor and not position.replaying:
        raise FailedPrecondition("LIMIT_IN_USE", f"{account.held_minor + account.used_minor} is held or used")
    after = replace(account, granted_minor=limit)
    position = position.plus(
        account=after, journals=_granted(account.id, limit - account.granted_minor),
        event=LimitGranted(account.id, limit),
    )
    return Applied(position, after)


def fund_wallet(position: Position, body: FundWallet) -> Applied:
    """Money into the wallet, as far as a wallet may be filled."""
    account, amount = position.account, positive(body.amount_minor, position.replaying)
    after = replace(account, wallet_minor=account.wallet_minor + amount)
    if not position.replaying:
        filled(after.wallet_minor)
    position = position.plus(
        account=after, event=WalletFunded(account.id, amount),
        journals=post("wallet_fund", Unit.CNY, ((books.BANK, "", amount), (books.WALLET, account.id, -amount))),
    )
    return Applied(position, after)


def set_state(position: Position, body: SetAccountState) -> Applied:
    """ACTIVE <-> SUSPENDED; CLOSED is final, and only an account
    that owes nothing and is owed nothing may be closed."""
    account = position.account
    if account.state is body.state:
        return Applied(position, account, logged=False)
    if account.state is AccountState.CLOSED:
        raise FailedPrecondition("ACCOUNT_NOT_ACTIVE", f"{account.id} is closed")
    if body.state is AccountState.CLOSED and not position.replaying and not _clear(position):
        raise FailedPrecondition("ACCOUNT_NOT_CLEAR", f"{account.id} still holds, owes or is owed something")
    after = replace(account, state=body.state)
    position = position.plus(account=after, event=AccountStateChanged(account.id, body.state, body.reason))
    return Applied(position, after)


def _clear(position: Position) -> bool:
    account = position.account
    owes = account.held_minor or account.used_minor or account.credit_balance_minor or account.receivable_minor
    return not owes and not due_total(position.family(Agreement))


def _granted(account_id: str, amount: int) -> tuple[Journal, ...]:
    return post("limit_grant", Unit.LIMIT, ((books.AVAILABLE, account_id, amount), (books.GRANT, account_id, -amount)))
