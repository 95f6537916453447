"""Giving a card to somebody else (转让), which is no redemption and can be taken back for a while (RD-26)."""


def may_withdraw(activated: bool) -> bool:
    """Whether the giver may still take a transfer back: until the receiver has activated the card."""
    return not activated
