"""SQL of the card service: what lanes load and save, and what callers read."""

from services.card_redemption.store.cards import TABLES

__all__ = ["TABLES"]
