"""A manual adjustment (人工调账): a balanced journal that two people post for an order, on evidence (P22, MA-1 to -4).

It moves what is the customer's beside the instalments against accounts of the company. What is owed on instalments has
its own operations: refund, reversal, repayment, waiver, charge-off. What nobody can explain yet waits in X.SUSPENSE
under its case; a later adjustment of the same case clears it.
"""

from collections import Counter
from dataclasses import replace

from services.credit_ledger.domain.adjustments.papers import dated, reasoned, two_people
from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.amounts import filled
from services.credit_ledger.domain.model.commands import PostAdjustment
from services.credit_ledger.domain.model.events import AdjustmentPosted
from services.kernel.errors import FailedPrecondition, InvalidArgument
from services.kernel.ids import derived
from services.kernel.journal import Unit, post

CUSTOMER = (books.WALLET, books.CREDIT_BALANCE, books.CUSTOMER_RECEIVABLE)
COMPANY = (books.BANK, books.FEE_INSTALMENT, books.FEE_DEFERRED, books.LATE_INCOME, books.WAIVER, books.SUSPENSE)
LINES_MIN, LINES_MAX = 2, 20


def post_adjustment(position: Position, body: PostAdjustment) -> Applied:
    """Post the journal; the original entries stay as they are."""
    agreement = position.agreement(body.order_id)
    if not position.replaying:
        two_people(body.maker, body.checker, body.evidence)
        reasoned(body.reason)
        _balanced(body)
    effective = dated(position, body.effective_date, agreement.hold.authorized_at, body.reaches_back)
    before = position.account
    account, short = _moved(before, body, position.replaying)
    adjustment = Adjustment(
        id=derived("adj", account.id, str(position.next_operation)), account_id=account.id, order_id=body.order_id,
        refund_id="", maker=body.maker, checker=body.checker, evidence=body.evidence, reason=body.reason,
        posted_at=position.at, effective_date=effective, case_id=body.case_id, lines=body.lines,
    )
    subs = {**dict.fromkeys(CUSTOMER, account.id), books.SUSPENSE: body.case_id}
    lines = [(line.account, subs.get(line.account, ""), line.amount_minor) for line in body.lines]
    shifted = ((books.CREDIT_BALANCE, account.id, -short), (books.CUSTOMER_RECEIVABLE, account.id, short))
    position = position.plus(
        adjustment, account=account, journals=post("manual_adjust", Unit.CNY, (*lines, *shifted), body.order_id),
        event=AdjustmentPosted(
            account_id=account.id, order_id=body.order_id, adjustment_id=adjustment.id, case_id=body.case_id,
            wallet_minor=account.wallet_minor - before.wallet_minor,
            credit_balance_minor=account.credit_balance_minor - before.credit_balance_minor,
            receivable_minor=account.receivable_minor - before.receivable_minor,
        ),
    )
    return Applied(position, adjustment, body.order_id, adjustment.id)


def _balanced(body: PostAdjustment) -> None:
    """Refuse what is no journal, and what this is not for."""
    if not body.case_id:
        raise InvalidArgument("INVALID_ARGUMENT", "an adjustment belongs to a case", {"field": "case_id"})
    names = [line.account for line in body.lines]
    strange = next((name for name in names if name not in CUSTOMER + COMPANY), None)
    if strange is not None:
        raise InvalidArgument("ACCOUNT_NOT_ADJUSTABLE", f"{strange} moves by operations of its own", {"field": "lines"})
    if not LINES_MIN <= len(names) <= LINES_MAX or len(set(names)) < len(names):
        detail = f"{LINES_MIN} to {LINES_MAX} lines, one per account"
        raise InvalidArgument("INVALID_ARGUMENT", detail, {"field": "lines"})
    if any(not line.amount_minor for line in body.lines):
        raise InvalidArgument("INVALID_AMOUNT", "a line of 0 moves nothing")
    rest = sum(line.amount_minor for line in body.lines)
    if rest:
        detail = f"the lines sum to {rest}; what is unexplained is a line of {books.SUSPENSE} (P22)"
        raise InvalidArgument("UNBALANCED", detail)


def _moved(account: CreditAccount, body: PostAdjustment, replaying: bool) -> tuple[CreditAccount, int]:
    """The account after it, and what the credit balance lacks in a replay: the customer owes that."""
    by_account: Counter[str] = Counter(dict(body.lines))
    wallet = account.wallet_minor - by_account[books.WALLET]
    balance = account.credit_balance_minor - by_account[books.CREDIT_BALANCE]
    owed = account.receivable_minor + by_account[books.CUSTOMER_RECEIVABLE]
    short = max(0, -balance) if replaying else 0
    if not replaying:
        _possible(account, wallet, balance, owed)
    moved = replace(
        account, wallet_minor=wallet, credit_balance_minor=balance + short, receivable_minor=owed + short
    )
    return moved, short


def _possible(account: CreditAccount, wallet: int, balance: int, owed: int) -> None:
    """Nothing of a customer's falls below 0 or rises above what may come in, and a closed account stays as it is."""
    if account.state is AccountState.CLOSED:
        raise FailedPrecondition("ACCOUNT_NOT_ACTIVE", f"{account.id} is {account.state}")
    if wallet < 0:
        raise FailedPrecondition("INSUFFICIENT_WALLET", f"the wallet holds {account.wallet_minor}")
    if balance < 0:
        raise FailedPrecondition("EXCEEDS_CREDIT_BALANCE", f"the credit balance is {account.credit_balance_minor}")
    if owed < 0:
        raise FailedPrecondition("EXCEEDS_RECEIVABLE", f"the customer owes {account.receivable_minor}")
    filled(max(wallet, balance, owed))

