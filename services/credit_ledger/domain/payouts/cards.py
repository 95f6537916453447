"""Money of cards that this book pays: their value into the wallet, and what their vouchers were spent on (3.3)."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.amounts import positive
from services.credit_ledger.domain.model.effects import CustomerEffect
from services.credit_ledger.domain.model.redemption_events import VoucherUsePaid, WalletCredited
from services.credit_ledger.domain.model.redemptions import CreditWallet, PayVoucherUse
from services.credit_ledger.domain.receivables.owners import owned_by
from services.kernel.journal import Unit, post

VOUCHER_USE = "voucher_use"


def credit_wallet(position: Position, body: CreditWallet) -> Applied:
    """A card is closed: its value, or what would come back to it, goes into the wallet (OP-10, PM-3)."""
    amount = positive(body.amount_minor, position.replaying)
    if not position.replaying:
        owned_by(position, body.customer_id)
    account, op = position.account, body.cause.lower()
    position = position.plus(
        account=replace(account, wallet_minor=account.wallet_minor + amount),
        journals=post(op, Unit.CNY, (
            (books.CLEARING, position.saga_id, amount), (books.WALLET, account.id, -amount),
        ), body.order_id),
        event=WalletCredited(account.id, body.order_id, body.cause, amount),
    )
    return Applied(
        position, _effect(position, op, body.order_id, amount), body.order_id, moved=(("WALLET", amount),)
    )


def pay_voucher_use(position: Position, body: PayVoucherUse) -> Applied:
    """The bank pays for what the voucher was spent on; the card's book takes its value (P35)."""
    amount = positive(body.amount_minor, position.replaying)
    if not position.replaying:
        owned_by(position, body.customer_id)
    position = position.plus(
        journals=post(VOUCHER_USE, Unit.CNY, (
            (books.CLEARING, position.saga_id, amount), (books.BANK, "", -amount),
        ), body.order_id),
        event=VoucherUsePaid(position.account.id, body.order_id, body.voucher_id, amount),
    )
    return Applied(
        position, _effect(position, VOUCHER_USE, body.order_id, amount), body.order_id, body.voucher_id,
        moved=(("VOUCHER", amount),),
    )


def _effect(position: Position, op: str, order_id: str, amount_minor: int) -> CustomerEffect:
    return CustomerEffect(
        op=op, order_id=order_id, account_id=position.account.id, account_version=position.before.version + 1,
        posted_at=position.at, amount_minor=amount_minor,
    )
