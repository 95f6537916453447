"""What the credit ledger has to refuse because the account that a redemption names is nobody's, or another customer's,
is asked of the customer's own money account: a draft's account is not looked at (OP-6)."""

from collections.abc import Mapping
from datetime import datetime

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.domain.redemption.states import Step
from services.card_redemption.domain.redemption.stepping import Stepped, stepped
from services.kernel.ids import money_account

NOT_HIS = "ACCOUNT_NOT_FOUND"
"""Why it refused."""
BEGINNINGS: Mapping[Kind, Step] = {
    Kind.PAID_CANCEL: Step.CANCEL_BEGUN, Kind.VOUCHER_USE: Step.VOUCHER_USING, Kind.ADJUSTMENT: Step.ADJUSTING,
}
"""What is asked so, and the step that begins it, which is told a second time; payouts have their own way (PM-3)."""


def asked_elsewhere(order: RedemptionOrder, card: GiftCard, step: Step, now: datetime, saga_id: str) -> Stepped | None:
    """It is asked for at the customer's money account, where the redemption stays, so that what was shown as possible
    is (OP-6, RD-35). None where it was that account already."""
    own = money_account(order.customer_id)
    if order.account_id == own:
        return None
    return stepped(order, card, now, step, settlement_id=saga_id, account_id=own, reason=NOT_HIS)
