"""Settlements with merchants: this book gives up what it owes, credit_ledger pays it in the same saga (3.3)."""

from collections.abc import Sequence
from datetime import datetime

from services.card_redemption.decisions.rows import shares_of
from services.card_redemption.domain.commands import ClearMerchantShare
from services.card_redemption.domain.merchants.clearing import cleared, parts_of, settling
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Decision, Known
from services.kernel.messages import Message
from services.kernel.participant import claimed_by, saga_of, take_part


def clear(known: Known, body: ClearMerchantShare, message: Message, now: datetime) -> Decision:
    """Give up the settled part of the payable, taken from the shares in their order.

    TRY claims it, so that CONFIRM cannot be refused; there is one settlement with a merchant at a time.
    """
    shares, saga_id = shares_of(known, body.merchant_id), saga_of(message).saga_id
    own = claimed_by(shares[0], message)

    def parts() -> Sequence[int]:
        return [share.settling_minor for share in shares] if own else parts_of(shares, body.amount_minor)

    def execute(root: MerchantShare, at: datetime) -> Decision:
        return cleared((root, *shares[1:]), parts(), body, saga_id)

    return take_part(
        shares[0], message, now, execute,
        keep=lambda root: settling((root, *shares[1:]), parts()),
        let_go=lambda root: settling((root, *shares[1:]), (0,) * len(shares)),
    )
