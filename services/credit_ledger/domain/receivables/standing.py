"""What is left of one debt of a customer: all he owes us is one figure, and only his log tells what paid it."""

from collections.abc import Iterator

from services.credit_ledger.domain.core.backwards import backwards
from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.commands import PostAdjustment
from services.credit_ledger.domain.model.redemptions import ClaimFromCustomer, DisbursePayout, NetReceivable


def left_of_claims(position: Position, order_id: str, claimed_minor: int) -> int:
    """What the customer still owes of the claims of one redemption, which sum to this. A debt has no number, so what
    was netted, or paid to the company, since the first of them counts as paid for them, before any other debt
    (RD-33)."""
    left = 0
    for body in reversed(list(_since_first_claim(position, order_id, claimed_minor))):
        match body:
            case ClaimFromCustomer(order_id=claimed, amount_minor=amount) if claimed == order_id:
                left = min(claimed_minor, left + amount)
            case NetReceivable(order_id=asked, payout_id="") if asked == order_id:
                pass  # before a further claim of its own, of which it left the ones before as they were
            case _:
                left = max(0, left - _paid_minor(body))
    return left


def _paid_minor(body: object) -> int:
    """How many fen of what the customer owes an operation paid: out of the wallet, of a payout, or as two people booked
    what he paid otherwise."""
    match body:
        case NetReceivable(amount_minor=paid) | DisbursePayout(netted_minor=paid):
            return paid
        case PostAdjustment(lines=lines):
            return max(0, -sum(line.amount_minor for line in lines if line.account == books.CUSTOMER_RECEIVABLE))
    return 0


def _since_first_claim(position: Position, order_id: str, claimed_minor: int) -> Iterator[object]:
    """What was logged, from the last back to the first claim of the redemption."""
    sought = claimed_minor
    for operation in backwards(position):
        if sought <= 0:
            return
        body = operation.body
        if isinstance(body, ClaimFromCustomer) and body.order_id == order_id:
            sought -= body.amount_minor
        yield body
