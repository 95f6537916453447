"""What the card service is asked to do, by sagas of the order service and by callers. Amounts are fen.

Who calls says by whom and through which channel: that is recorded for good (RD-31).
"""

from dataclasses import dataclass

from services.card_redemption.domain.codes import SealedCode
from services.card_redemption.domain.record.attempt import EntryChannel


@dataclass(frozen=True, slots=True)
class DepositCard:
    """Take this much of a card for an order (P3)."""

    card_id: str
    order_id: str
    customer_id: str
    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReturnDeposit:
    """Give an unshipped share back (P6)."""

    card_id: str
    order_id: str
    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CaptureDeposit:
    """Lines have shipped: their share is the merchant's (P4)."""

    card_id: str
    order_id: str
    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RefundCard:
    """Put a refunded share back on the card (P12; 退换货时,e卡支付金额会原路退回至卡内)."""

    card_id: str
    order_id: str
    merchant_id: str
    refund_id: str
    amount_minor: int
    awaits_network: bool = False


@dataclass(frozen=True, slots=True)
class ReverseCardRefund:
    """Undo a refund (P24)."""

    card_id: str
    order_id: str
    merchant_id: str
    refund_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ClearMerchantShare:
    """Give up this much of what this book owes a merchant; credit_ledger pays it. The key is its first share (3.3)."""

    merchant_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class IssueCard:
    """Put a new card on the books; one that is `inactive` is activated with its code before it is used. A code that is
    not given is made when its owner first asks for it."""

    card_id: str
    customer_id: str
    face_minor: int
    inactive: bool = False
    code: SealedCode | None = None
    purchaser_id: str = ""
    purchase: str = ""
    actor: str = ""
    channel: EntryChannel = EntryChannel.ENGINE


@dataclass(frozen=True, slots=True)
class ActivateCard:
    """Activate the card whose code this is. `wrong_before` is how often its caller gave a wrong code of late."""

    card_id: str
    blind_index: str
    wrong_before: int
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class ActivateTransfer:
    """Activate, as its receiver, the card whose code this is (RD-26)."""

    card_id: str
    blind_index: str
    wrong_before: int
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class TransferCard:
    """Give a card to somebody (转让)."""

    card_id: str
    customer_id: str
    receiver_id: str
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class WithdrawTransfer:
    """Take it back (RD-26)."""

    card_id: str
    customer_id: str
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class FreezeCard:
    """Freeze a card for a case."""

    card_id: str
    case_id: str
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class UnfreezeCard:
    """Lift the freeze of a case."""

    card_id: str
    case_id: str
    actor: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class VoidCard:
    """Void a card; two people do it, and a replacement gets its value (OP-10)."""

    card_id: str
    actor: str
    checker: str
    channel: EntryChannel = EntryChannel.SUPPORT


@dataclass(frozen=True, slots=True)
class RevealCode:
    """Show the owner the code of a card; `fresh` is sealed for it if it has none yet."""

    card_id: str
    customer_id: str
    fresh: SealedCode
    actor: str
    channel: EntryChannel


@dataclass(frozen=True, slots=True)
class CloseCard:
    """Close a card (销卡): its value goes to the wallet of this account, or of the customer's own money account."""

    card_id: str
    customer_id: str
    account_id: str
    actor: str
    channel: EntryChannel
