"""Money from the customer, and credit balance back to the customer (SD-5, P9, P16)."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.dues.spending import lines_of, spend
from services.credit_ledger.domain.legs.life import launched
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.amounts import filled, positive
from services.credit_ledger.domain.model.commands import PayOutCreditBalance, Repay
from services.credit_ledger.domain.model.effects import PaidOutBalance, Repaid
from services.credit_ledger.domain.model.events import CreditBalancePaidOut, RepaymentReceived
from services.credit_ledger.domain.model.leg import Rail
from services.credit_ledger.domain.model.repayment import Repayment
from services.kernel.errors import FailedPrecondition
from services.kernel.ids import derived
from services.kernel.journal import Unit, post

BILLED, AHEAD = "SD-5(1)", "SD-5(2)"


def repay(position: Position, body: Repay) -> Applied:
    """Spend a repayment on what is billed, then on deferrals ahead of their bill; the rest is credit balance (SC-4)."""
    amount, account = positive(body.amount_minor, position.replaying), position.account
    spent = spend(position.family(Agreement), amount, BILLED, AHEAD)
    repayment = Repayment(
        id=derived("rep", account.id, str(position.next_operation)), account_id=account.id,
        number=position.next_operation, received_at=position.at, amount_minor=amount, instrument=body.instrument,
    )
    after = replace(
        account, used_minor=account.used_minor - spent.principal_minor,
        credit_balance_minor=account.credit_balance_minor + spent.rest_minor,
    )
    if not position.replaying:
        filled(after.credit_balance_minor)
    position = position.plus(
        *spent.agreements, repayment, account=after,
        journals=post("repay", Unit.CNY, (
            (books.BANK, "", amount), *lines_of(spent.uses, account.id),
            (books.CREDIT_BALANCE, account.id, -spent.rest_minor),
        )) + books.limit_restored("repay", account.id, spent.principal_minor),
        event=RepaymentReceived(account.id, repayment.id, amount, spent.principal_minor, spent.rest_minor),
    )
    result = Repaid(
        repayment_id=repayment.id, account_id=account.id, account_version=position.before.version + 1,
        amount_minor=amount, uses=spent.uses, credit_balance_minor=spent.rest_minor,
        limit_restored_minor=spent.principal_minor, available_minor=after.available_minor,
    )
    return Applied(position, result, reference=repayment.id)


def pay_out(position: Position, body: PayOutCreditBalance) -> Applied:
    """Send credit balance to an instrument. A replay pays what
    was paid: what the balance lacks then, the customer owes."""
    amount, account = positive(body.amount_minor, position.replaying), position.account
    if amount > account.credit_balance_minor and not position.replaying:
        raise FailedPrecondition("EXCEEDS_CREDIT_BALANCE", f"the credit balance is {account.credit_balance_minor}")
    covered = min(amount, account.credit_balance_minor)
    after = replace(
        account, credit_balance_minor=account.credit_balance_minor - covered,
        receivable_minor=account.receivable_minor + amount - covered,
    )
    identity = leg_id(f"{account.id}/payout/{position.next_operation}")
    position = position.plus(
        account=after,
        journals=post("cb_payout", Unit.CNY, (
            (books.CREDIT_BALANCE, account.id, covered), (books.CUSTOMER_RECEIVABLE, account.id, amount - covered),
            (books.TRANSIT_PAYOUT, body.instrument, -amount),
        )),
        event=CreditBalancePaidOut(account.id, amount, identity),
    )
    position = launched(position, identity, rail=Rail.PAYOUT, reference=body.instrument, amount_minor=amount)
    result = PaidOutBalance(account.id, position.before.version + 1, amount, identity, after.credit_balance_minor)
    return Applied(position, result, reference=identity)
