"""The rows that decisions find among what is known."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Known
from services.kernel.errors import NotFound
from services.kernel.shares import share_key, share_keys


def card_of(known: Known, card_id: str) -> GiftCard:
    """The card; CARD_NOT_FOUND if there is none."""
    card = known.find(GiftCard, card_id)
    if card is None:
        raise NotFound("CARD_NOT_FOUND", f"there is no card {card_id}")
    return card


def tender_of(known: Known, order_id: str, card_id: str) -> CardTender:
    """What an order took of a card; CARD_NOT_FOUND if that is nothing."""
    tender = known.find(CardTender, order_id)
    if tender is None or tender.card_id != card_id:
        raise NotFound("CARD_NOT_FOUND", f"{order_id} took nothing of {card_id}")
    return tender


def share_of(known: Known, merchant_id: str, card_id: str) -> MerchantShare:
    """The share that the card's orders at this merchant use, a new one if it is the first time."""
    key = share_key(merchant_id, card_id)
    return known.find(MerchantShare, key) or MerchantShare(key, merchant_id)


def shares_of(known: Known, merchant_id: str) -> tuple[MerchantShare, ...]:
    """All shares of a merchant in their order; the first is the root of a settlement with it."""
    return tuple(known.find(MerchantShare, key) or MerchantShare(key, merchant_id) for key in share_keys(merchant_id))
