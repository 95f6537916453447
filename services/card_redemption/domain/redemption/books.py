"""What redemptions post in the card book, as lines (P26, P27, P29, P31 to P35, OP-8, OP-9).

A face that settles, changes or is undone moves by one formula: from a face before to a face after. Of a card of ours
its value pays (L.GIFTCARD, or L.ESCROW if it waited there), of another issuer's the recycler does.
"""

from services.card_redemption.domain.books import CLEARING, GIFT_CARD, Lines
from services.card_redemption.domain.redemption.order import RedemptionOrder

ESCROW = "L.ESCROW"
PAYOUT_TRANSIT = "L.PAYOUT.TRANSIT"
VOUCHER = "L.VOUCHER"
SPREAD = "I.SPREAD"
RECYCLER = "A.CH.RECYCLER"
CHANNEL_COST = "E.CHANNEL"
GOODWILL = "E.GOODWILL"


def faced(order: RedemptionOrder, before_minor: int, after_minor: int, customer: Lines, held: str = GIFT_CARD) -> Lines:
    """The face that counts goes from one to another; `customer` is the other side of it, the change of the payout."""
    terms = order.terms
    payout_minor = terms.payout_minor(after_minor) - terms.payout_minor(before_minor)
    if order.by_recycler:
        ours_minor = terms.commission_minor(after_minor) - terms.commission_minor(before_minor)
        return (RECYCLER, terms.channel, payout_minor + ours_minor), *customer, (SPREAD, order.id, -ours_minor)
    face_minor = after_minor - before_minor
    sub = order.id if held == ESCROW else order.card_id
    return (held, sub, face_minor), *customer, (SPREAD, order.id, payout_minor - face_minor)


def to_pay(payout_id: str, amount_minor: int) -> Lines:
    """The customer's side of a payout that was decided; the credit ledger pays it (P28, BK-6)."""
    return ((PAYOUT_TRANSIT, payout_id, -amount_minor),)


def claimed(saga_id: str, amount_minor: int) -> Lines:
    """The customer's side of what was paid and is owed back: the credit ledger claims it under the same saga (3.3)."""
    return ((CLEARING, saga_id, amount_minor),)


def escrowed(order: RedemptionOrder) -> Lines:
    """The value of a card of ours waits for the condition; another issuer's has none (P33)."""
    if order.by_recycler:
        return ()
    return (GIFT_CARD, order.card_id, order.face_minor), (ESCROW, order.id, -order.face_minor)


def escrow_revoked(order: RedemptionOrder) -> Lines:
    """The condition was not met: the card has it back (P33)."""
    return tuple((account, sub, -amount_minor) for account, sub, amount_minor in escrowed(order))


def voucher_issued(voucher_id: str, value_minor: int) -> Lines:
    """A consolation that we owe from now on (P35)."""
    return (GOODWILL, voucher_id, value_minor), (VOUCHER, voucher_id, -value_minor)


def voucher_used(voucher_id: str, saga_id: str, amount_minor: int) -> Lines:
    """It was spent; the credit ledger pays for it (P35, 3.3)."""
    return (VOUCHER, voucher_id, amount_minor), (CLEARING, saga_id, -amount_minor)


def channel_fee(order: RedemptionOrder, amount_minor: int) -> Lines:
    """The recycler keeps this much of what it owes (P29)."""
    return (CHANNEL_COST, order.id, amount_minor), (RECYCLER, order.terms.channel, -amount_minor)


def adjusted(order: RedemptionOrder, saga_id: str, amount_minor: int) -> Lines:
    """A dispute gave the customer so much back; it goes into the wallet, in the credit ledger (P22, 3.3)."""
    return (GOODWILL, order.id, amount_minor), (CLEARING, saga_id, -amount_minor)


def remitted(order: RedemptionOrder, saga_id: str, amount_minor: int) -> Lines:
    """The recycler paid; the money arrives in the credit ledger (P29, 3.3)."""
    return (CLEARING, saga_id, amount_minor), (RECYCLER, order.terms.channel, -amount_minor)
