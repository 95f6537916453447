"""What redemptions come to cost a customer: the fee of a cancel, and what was paid for a card and has to come back."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.amounts import not_negative, positive
from services.credit_ledger.domain.model.effects import CustomerEffect
from services.credit_ledger.domain.model.redemption_events import CancelFeeCharged, CustomerClaimed
from services.credit_ledger.domain.model.redemptions import ChargeCancelFee, ClaimFromCustomer
from services.credit_ledger.domain.receivables.netting import settled_first
from services.credit_ledger.domain.receivables.owners import owned_by
from services.kernel.journal import Unit, post

FEE = "cancel_fee"


def charge_cancel_fee(position: Position, body: ChargeCancelFee) -> Applied:
    """Charge the fee to the wallet; what that lacks is owed (P30, A16). A replay charges it to the wallet of then."""
    fee = positive(body.fee_minor, position.replaying)
    if not position.replaying:
        owned_by(position, body.customer_id)
    position, before = settled_first(position, body.order_id)
    account = position.account
    paid = min(fee, max(0, account.wallet_minor))
    owed = fee - paid
    position = position.plus(
        account=replace(
            account, wallet_minor=account.wallet_minor - paid, receivable_minor=account.receivable_minor + owed
        ),
        journals=post(FEE, Unit.CNY, (
            (books.WALLET, account.id, paid), (books.CUSTOMER_RECEIVABLE, account.id, owed),
            (books.CANCEL_FEE, "", -fee),
        ), body.order_id),
        event=CancelFeeCharged(account.id, body.order_id, fee, paid),
    )
    effect = CustomerEffect(
        op=FEE, order_id=body.order_id, account_id=account.id, account_version=position.before.version + 1,
        posted_at=position.at, amount_minor=fee, paid_minor=paid, owed_minor=owed, netted_minor=before,
    )
    return Applied(position, effect, body.order_id, moved=(("CANCEL_FEE", fee),))


def claim(position: Position, body: ClaimFromCustomer) -> Applied:
    """The customer owes what was paid; the card's book has the other leg (P32, P34, 3.3)."""
    amount = positive(body.amount_minor, position.replaying)
    claimed_before = not_negative(body.claimed_before_minor, position.replaying)
    if not position.replaying:
        owned_by(position, body.customer_id)
    position, before = settled_first(position, body.order_id, claimed_before)
    account, op = position.account, body.cause.lower()
    position = position.plus(
        account=replace(account, receivable_minor=account.receivable_minor + amount),
        journals=post(op, Unit.CNY, (
            (books.CUSTOMER_RECEIVABLE, account.id, amount), (books.CLEARING, position.saga_id, -amount),
        ), body.order_id),
        event=CustomerClaimed(account.id, body.order_id, body.cause, amount),
    )
    effect = CustomerEffect(
        op=op, order_id=body.order_id, account_id=account.id, account_version=position.before.version + 1,
        posted_at=position.at, amount_minor=amount, owed_minor=amount, netted_minor=before,
    )
    return Applied(position, effect, body.order_id, moved=(("RECEIVABLE", amount),))
