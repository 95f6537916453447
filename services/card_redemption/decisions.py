"""Which rule decides which message, and what it needs to see."""

from collections.abc import Mapping

from services.card_redemption.domain import issuing, tendering
from services.card_redemption.domain.card import CardTender, GiftCard
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.kernel.decision import Rule
from services.kernel.messages import Message


def _card(message: Message) -> tuple[tuple[type, str], ...]:
    return ((GiftCard, message.key),)


def _tender(message: Message) -> tuple[tuple[type, str], ...]:
    order_id: str = getattr(message.body, "order_id", "")
    return ((GiftCard, message.key), (CardTender, order_id))


RULES: Mapping[type, Rule] = {
    IssueCard: Rule(_card, issuing.issue),
    DepositCard: Rule(_tender, tendering.deposit),
    ReturnDeposit: Rule(_tender, tendering.return_deposit),
    CaptureDeposit: Rule(_tender, tendering.capture_deposit),
    RefundCard: Rule(_tender, tendering.refund),
    ReverseCardRefund: Rule(_tender, tendering.reverse_refund),
}
TIMERS: Mapping[str, Rule] = {}
