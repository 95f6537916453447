"""What a customer owes us is paid out of the wallet before anything new is asked (RD-33)."""

from dataclasses import replace

from services.credit_ledger.domain.core.position import Applied, Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.redemption_events import ReceivableNetted
from services.credit_ledger.domain.model.redemptions import NetReceivable
from services.credit_ledger.domain.receivables.standing import left_of_claims
from services.kernel.journal import Unit, post


def settled_first(position: Position, order_id: str, claimed_minor: int = 0) -> tuple[Position, int]:
    """The position with what the customer owes us paid as far as the wallet goes, and how much that is. What is left of
    earlier claims of the same redemption, which sum to `claimed_minor`, stays; where less is owed than that, it was
    paid otherwise, and all is a debt as any other. In a replay it stands in the log."""
    owed, in_wallet = position.account.receivable_minor, position.account.wallet_minor
    if position.replaying or owed <= 0 or in_wallet <= 0:
        return position, 0
    left = left_of_claims(position, order_id, claimed_minor) if claimed_minor else 0
    amount = min(owed - left if owed >= left else owed, in_wallet)
    if not amount:
        return position, 0
    return netted(position, NetReceivable(position.account.id, order_id, "", amount)), amount


def netted(position: Position, body: NetReceivable) -> Position:
    """The position with this booked by a decision of its own, which the log tells."""
    return net(position, body).position.log(body, position.at, body.order_id, body.payout_id)


def net(position: Position, body: NetReceivable) -> Applied:
    """Book it. The figure is in the body: no replay decides it again."""
    account, amount = position.account, body.amount_minor
    paid_by = (books.TRANSIT_PAYOUT, body.payout_id) if body.payout_id else (books.WALLET, account.id)
    after = replace(account, receivable_minor=account.receivable_minor - amount)
    if not body.payout_id:
        after = replace(after, wallet_minor=account.wallet_minor - amount)
    position = position.plus(
        account=after,
        journals=post("payout_stopped" if body.payout_id else "receivable_netted", Unit.CNY, (
            (*paid_by, amount), (books.CUSTOMER_RECEIVABLE, account.id, -amount),
        ), body.order_id),
        event=ReceivableNetted(account.id, body.order_id, body.payout_id, amount),
    )
    payout = position.find(RedemptionPayout, body.payout_id) if body.payout_id else None
    if payout is not None:
        position = position.plus(replace(payout, netted_minor=payout.netted_minor + amount))
    return Applied(position, None, body.order_id, body.payout_id)
