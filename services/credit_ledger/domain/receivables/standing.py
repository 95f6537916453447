"""What is left of one debt of a customer: all he owes us is one figure, and only his log tells what paid it."""

from collections.abc import Iterator

from services.credit_ledger.domain.core.backwards import backwards
from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model.redemptions import ClaimFromCustomer, DisbursePayout, NetReceivable


def left_of_claims(position: Position, order_id: str, claimed_minor: int) -> int:
    """What the customer still owes of the claims of one redemption, which sum to this. A debt has no number, so what
    was netted since the first of them counts as paid for them, before any other debt (RD-33)."""
    left = 0
    for body in reversed(list(_since_first_claim(position, order_id, claimed_minor))):
        match body:
            case ClaimFromCustomer(order_id=claimed, amount_minor=amount) if claimed == order_id:
                left = min(claimed_minor, left + amount)
            case NetReceivable(order_id=asked, payout_id="") if asked == order_id:
                pass  # before a further claim of its own, of which it left the ones before as they were
            case NetReceivable(amount_minor=paid) | DisbursePayout(netted_minor=paid):
                left = max(0, min(claimed_minor, left - paid))
    return left


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
