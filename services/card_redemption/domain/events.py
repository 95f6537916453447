"""What the card service tells: facts for subscribers, in the past tense. Amounts are fen."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardIssued:
    """A card is on the books; an `inactive` one cannot be used yet."""

    card_id: str
    customer_id: str
    face_minor: int
    inactive: bool = False
    purchaser_id: str = ""
    purchase: str = ""


@dataclass(frozen=True, slots=True)
class CardDeposited:
    """An order took value of the card."""

    card_id: str
    order_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardDepositReturned:
    """An unshipped share came back."""

    card_id: str
    order_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardDepositCaptured:
    """A share became the merchant's."""

    card_id: str
    order_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CardRefunded:
    """A refunded share is on the card again."""

    card_id: str
    order_id: str
    refund_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardRefundReversed:
    """A refund was undone."""

    card_id: str
    order_id: str
    refund_id: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardRegistered:
    """A card of another issuer was submitted for the first time."""

    card_id: str
    customer_id: str
    issuer: str


@dataclass(frozen=True, slots=True)
class CardClaimed:
    """A redemption, or the card's closing, set it aside: nothing is spent of it."""

    card_id: str
    claimed_by: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class CardReleased:
    """It was given back."""

    card_id: str
    claimed_by: str


@dataclass(frozen=True, slots=True)
class CardWrittenOff:
    """A redemption paid for it (核销)."""

    card_id: str
    claimed_by: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardRevalued:
    """A redemption moved value of it, under this operation code; above 0 it came to the card."""

    card_id: str
    claimed_by: str
    op: str
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class CardRestored:
    """Its value is back, under the code of this number."""

    card_id: str
    claimed_by: str
    amount_minor: int
    balance_minor: int
    code_number: int


@dataclass(frozen=True, slots=True)
class CardFrozen:
    """It was frozen for a case; `frozen_from` is where it stood."""

    card_id: str
    case_id: str
    frozen_from: str


@dataclass(frozen=True, slots=True)
class CardThawed:
    """The freeze was lifted; it stands there again."""

    card_id: str
    case_id: str
    standing: str


@dataclass(frozen=True, slots=True)
class CardActivated:
    """Its owner can use it."""

    card_id: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class CardCodeRevealed:
    """Its code of this number was shown to its owner; the first time it was made."""

    card_id: str
    code_number: int
    operator_id: str


@dataclass(frozen=True, slots=True)
class CardTransferOffered:
    """Its owner gave it to somebody who has not activated it (转让)."""

    card_id: str
    customer_id: str
    receiver_id: str


@dataclass(frozen=True, slots=True)
class CardTransferWithdrawn:
    """The owner took it back."""

    card_id: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class CardTransferred:
    """The receiver activated it, and owns it."""

    card_id: str
    customer_id: str
    receiver_id: str


@dataclass(frozen=True, slots=True)
class CardVoided:
    """It is void; a replacement, if there is one, has its value."""

    card_id: str
    replacement_id: str
    amount_minor: int
    maker: str
    checker: str


@dataclass(frozen=True, slots=True)
class CardReplaced:
    """A new card is on the books, with the value of one that is void."""

    card_id: str
    customer_id: str
    face_minor: int
    replaces: str


@dataclass(frozen=True, slots=True)
class CardClosed:
    """Its value went to the wallet; it is closed unless more came back to it meanwhile."""

    card_id: str
    claimed_by: str
    amount_minor: int
    balance_minor: int
    account_id: str


@dataclass(frozen=True, slots=True)
class MerchantShareCleared:
    """What this book owed a merchant went to credit_ledger, which paid it."""

    merchant_id: str
    amount_minor: int
