"""Which command posts what in the card book (DOMAIN 3.2): under which operation codes, on which accounts and sides."""

from collections.abc import Iterable, Mapping, Sequence

from services.card_redemption.domain import commands
from services.card_redemption.domain.books import CLEARING, DEPOSIT, GIFT_CARD, MERCHANT_PAYABLE, OPENING
from services.card_redemption.domain.redemption import books
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

_FACED = (GIFT_CARD, books.RECYCLER)
"""What a face is paid from: a card of ours, or its recycler."""
_OURS = (books.PAYOUT_TRANSIT, books.SPREAD)
_BACK = (books.PAYOUT_TRANSIT, CLEARING, books.SPREAD)
OF_REDEMPTIONS: Sequence[Posting] = (
    _money("settle", _FACED, _OURS),
    _money("escrow", (GIFT_CARD,), (books.ESCROW,)),
    _money("escrow_release", (books.ESCROW, books.RECYCLER), _OURS),
    _money("escrow_revoke", (books.ESCROW,), (GIFT_CARD,)),
    _money("face_topup", _FACED, _OURS),
    *(
        _money(op, _BACK, (*_FACED, books.PAYOUT_TRANSIT))
        for op in ("face_clawback", "fault_reversal", "fraud_close")
    ),
    _money("fraud_close", (books.ESCROW,), (GIFT_CARD,)),
    _money("payout_hold", (books.PAYOUT_TRANSIT,), (books.PAYOUT_TRANSIT,)),
    _money("manual_adjust", (books.GOODWILL,), (CLEARING,)),
    _money("voucher_issue", (books.GOODWILL,), (books.VOUCHER,)),
    _money("voucher_use", (books.VOUCHER,), (CLEARING,)),
    _money("channel_fee", (books.CHANNEL_COST,), (books.RECYCLER,)),
    _money("channel_remit", (CLEARING,), (books.RECYCLER,)),
)
"""What a redemption posts, whatever asked for the step (P22, P26, P27, P29, P31 to P35, OP-8)."""

SUBS: Mapping[str, str] = {
    OPENING: "card", GIFT_CARD: "card", DEPOSIT: "order", MERCHANT_PAYABLE: "merchant", CLEARING: "settlement",
    books.ESCROW: "order", books.SPREAD: "order", books.CHANNEL_COST: "order", books.RECYCLER: "channel",
    books.PAYOUT_TRANSIT: "payout", books.VOUCHER: "voucher", books.GOODWILL: "goodwill",
}
"""What the sub-account of a line names; of goodwill its voucher, or the redemption that a dispute adjusts."""
