"""Facts, written to the wire. The same fact always gives the same bytes."""

from services.card_redemption.domain import events
from settlement.card_redemption.v1 import events_pb2 as pb


def card_issued(fact: events.CardIssued) -> pb.CardIssued:
    """A card is on the books."""
    return pb.CardIssued(
        card_id=fact.card_id, customer_id=fact.customer_id, face_minor=fact.face_minor, inactive=fact.inactive,
        purchaser_id=fact.purchaser_id, purchase=fact.purchase,
    )


def card_deposited(fact: events.CardDeposited) -> pb.CardDeposited:
    """An order took value of the card."""
    return pb.CardDeposited(
        card_id=fact.card_id, order_id=fact.order_id, amount_minor=fact.amount_minor,
        balance_minor=fact.balance_minor,
    )


def card_deposit_returned(fact: events.CardDepositReturned) -> pb.CardDepositReturned:
    """An unshipped share came back."""
    return pb.CardDepositReturned(
        card_id=fact.card_id, order_id=fact.order_id, amount_minor=fact.amount_minor,
        balance_minor=fact.balance_minor,
    )


def card_deposit_captured(fact: events.CardDepositCaptured) -> pb.CardDepositCaptured:
    """A share became the merchant's."""
    return pb.CardDepositCaptured(card_id=fact.card_id, order_id=fact.order_id, amount_minor=fact.amount_minor)


def card_refunded(fact: events.CardRefunded) -> pb.CardRefunded:
    """A refunded share is on the card again."""
    return pb.CardRefunded(
        card_id=fact.card_id, order_id=fact.order_id, refund_id=fact.refund_id, amount_minor=fact.amount_minor,
        balance_minor=fact.balance_minor,
    )


def card_refund_reversed(fact: events.CardRefundReversed) -> pb.CardRefundReversed:
    """A refund was undone."""
    return pb.CardRefundReversed(
        card_id=fact.card_id, order_id=fact.order_id, refund_id=fact.refund_id, amount_minor=fact.amount_minor,
        balance_minor=fact.balance_minor,
    )


def merchant_share_cleared(fact: events.MerchantShareCleared) -> pb.MerchantShareCleared:
    """What this book owed a merchant went to credit_ledger, which paid it."""
    return pb.MerchantShareCleared(merchant_id=fact.merchant_id, amount_minor=fact.amount_minor)
