"""Where codes are sealed and opened: nothing else of the service ever sees a key, and hardly anything a code (RD-1)."""

from services.card_redemption.vault.drafting import DraftSeal
from services.card_redemption.vault.vault import Presented, Vault, look_right, well_formed

__all__ = ["DraftSeal", "Presented", "Vault", "look_right", "well_formed"]
