"""Which command posts what in the card book (DOMAIN 3.2): under which operation codes, on which accounts and sides."""

from collections.abc import Iterable, Mapping

from services.card_redemption.domain import commands
from services.card_redemption.domain.books import CLEARING, DEPOSIT, GIFT_CARD, MERCHANT_PAYABLE, OPENING
from services.kernel.journal import Posting, Unit


def _money(op: str, debited: Iterable[str], credited: Iterable[str]) -> Posting:
    return Posting.of(op, Unit.CNY, debited, credited)


_REFUNDED = (MERCHANT_PAYABLE, CLEARING)

POSTINGS: Mapping[type, tuple[Posting, ...]] = {
    commands.IssueCard: (_money("card_issue", (OPENING,), (GIFT_CARD,)),),
    commands.DepositCard: (_money("deposit", (GIFT_CARD,), (DEPOSIT,)),),
    commands.ReturnDeposit: (_money("deposit_return", (DEPOSIT,), (GIFT_CARD,)),),
    commands.CaptureDeposit: (_money("capture", (DEPOSIT,), (MERCHANT_PAYABLE,)),),
    commands.RefundCard: tuple(_money(op, _REFUNDED, (GIFT_CARD,)) for op in ("refund", "refund_accept")),
    commands.ReverseCardRefund: (_money("refund_reverse", (GIFT_CARD,), _REFUNDED),),
    commands.CloseCard: (_money("card_close", (GIFT_CARD,), (CLEARING,)),),
    commands.VoidCard: (_money("card_void", (GIFT_CARD,), (GIFT_CARD,)),),
    commands.ClearMerchantShare: (_money("merchant_settle", (MERCHANT_PAYABLE,), (CLEARING,)),),
}
"""By the type of the command."""

SUBS: Mapping[str, str] = {
    OPENING: "card", GIFT_CARD: "card", DEPOSIT: "order", MERCHANT_PAYABLE: "merchant", CLEARING: "settlement",
}
"""What the sub-account of a line names."""
