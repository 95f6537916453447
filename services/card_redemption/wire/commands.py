"""Commands of sagas, read from the wire."""

from services.card_redemption.domain import commands
from settlement.card_redemption.v1 import commands_pb2 as pb


def deposit_card(m: pb.DepositCard) -> commands.DepositCard:
    """Take this much of a card for an order."""
    return commands.DepositCard(
        card_id=m.card_id, order_id=m.order_id, customer_id=m.customer_id, merchant_id=m.merchant_id,
        amount_minor=m.amount_minor,
    )


def return_deposit(m: pb.ReturnDeposit) -> commands.ReturnDeposit:
    """Give an unshipped share back."""
    return commands.ReturnDeposit(m.card_id, m.order_id, m.merchant_id, m.amount_minor)


def capture_deposit(m: pb.CaptureDeposit) -> commands.CaptureDeposit:
    """Lines have shipped."""
    return commands.CaptureDeposit(m.card_id, m.order_id, m.merchant_id, m.amount_minor)


def refund_card(m: pb.RefundCard) -> commands.RefundCard:
    """Put a refunded share back on the card."""
    return commands.RefundCard(
        card_id=m.card_id, order_id=m.order_id, merchant_id=m.merchant_id, refund_id=m.refund_id,
        amount_minor=m.amount_minor, awaits_network=m.awaits_network,
    )


def reverse_card_refund(m: pb.ReverseCardRefund) -> commands.ReverseCardRefund:
    """Undo a refund."""
    return commands.ReverseCardRefund(
        card_id=m.card_id, order_id=m.order_id, merchant_id=m.merchant_id, refund_id=m.refund_id,
        amount_minor=m.amount_minor,
    )


def clear_merchant_share(m: pb.ClearMerchantShare) -> commands.ClearMerchantShare:
    """Give up this much of what this book owes a merchant."""
    return commands.ClearMerchantShare(m.merchant_id, m.amount_minor)
