"""Every message of the card service and the pure rule that decides it."""

from services.card_redemption.decisions.rules import RULES, TIMERS

__all__ = ["RULES", "TIMERS"]
