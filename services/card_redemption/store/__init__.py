"""SQL of the card service: what lanes load and save, and what callers read."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.merchants.share import MerchantShare
from services.card_redemption.store.cards import load_cards, save_cards
from services.card_redemption.store.codes import load_codes, load_codes_of, save_codes
from services.card_redemption.store.merchant_shares import load_lenders, load_merchant_shares, save_merchant_shares
from services.card_redemption.store.tenders import load_tenders, save_tenders
from services.runtime.ground.tables import Table

TABLES = (
    Table(GiftCard, load_cards, save_cards, root=True, tells=True),
    Table(
        MerchantShare, load_merchant_shares, save_merchant_shares, root=True, tells=True, load_family=load_lenders
    ),
    Table(CardTender, load_tenders, save_tenders),
    Table(CardCode, load_codes, save_codes, load_family=load_codes_of),
)
"""What the lanes of this service handle. Roots come first: they are locked in the order of this list."""
