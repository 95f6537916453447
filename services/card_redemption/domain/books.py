"""The accounts of the card book, and the lines that each operation posts (DOMAIN 3.1, 3.2).

The sub-account is in braces there, the second field of a line here; debit is positive.
"""

Lines = tuple[tuple[str, str, int], ...]
"""Journal lines: account, sub-account, fen."""

GIFT_CARD = "L.GIFTCARD"
DEPOSIT = "L.DEPOSIT"
MERCHANT_PAYABLE = "L.MERCH.PAY"
CLEARING = "X.CLEARING"
OPENING = "X.OPENING"
"""The contra account of cards that were sold outside this engine; an account of our own, beside DOMAIN 3.1."""


def issued(card_id: str, face_minor: int) -> Lines:
    """A new card stands against the opening account."""
    return (OPENING, card_id, face_minor), (GIFT_CARD, card_id, -face_minor)


def deposited(card_id: str, order_id: str, amount_minor: int) -> Lines:
    """An order takes value of a card (P3)."""
    return (GIFT_CARD, card_id, amount_minor), (DEPOSIT, order_id, -amount_minor)


def deposit_returned(card_id: str, order_id: str, amount_minor: int) -> Lines:
    """The card has it back (P6)."""
    return (DEPOSIT, order_id, amount_minor), (GIFT_CARD, card_id, -amount_minor)


def captured(order_id: str, merchant_id: str, amount_minor: int) -> Lines:
    """It is the merchant's (P4)."""
    return (DEPOSIT, order_id, amount_minor), (MERCHANT_PAYABLE, merchant_id, -amount_minor)


def refunded(card_id: str, merchant_id: str, saga_id: str, covered_minor: int, uncovered_minor: int) -> Lines:
    """A refund comes out of what is owed to the merchant, the rest from credit_ledger, which claims it (P12, P23)."""
    return (
        (MERCHANT_PAYABLE, merchant_id, covered_minor), (CLEARING, saga_id, uncovered_minor),
        (GIFT_CARD, card_id, -covered_minor - uncovered_minor),
    )


def cleared(merchant_id: str, saga_id: str, amount_minor: int) -> Lines:
    """What is owed to a merchant goes to the book that pays it (3.3)."""
    return (MERCHANT_PAYABLE, merchant_id, amount_minor), (CLEARING, saga_id, -amount_minor)


def replaced(card_id: str, replacement_id: str, amount_minor: int) -> Lines:
    """The value of a card that is void stands on its replacement (OP-10)."""
    return (GIFT_CARD, card_id, amount_minor), (GIFT_CARD, replacement_id, -amount_minor)


def closed(card_id: str, saga_id: str, amount_minor: int) -> Lines:
    """The value of a card goes to the book that has its owner's wallet (OP-10)."""
    return (GIFT_CARD, card_id, amount_minor), (CLEARING, saga_id, -amount_minor)


def negated(lines: Lines) -> Lines:
    """The exact negation of what was posted (P24)."""
    return tuple((account, sub, -amount_minor) for account, sub, amount_minor in lines)
