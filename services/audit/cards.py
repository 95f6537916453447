"""Gift cards: every value and every deposit is the projection of the entries of the card book."""

from services.audit.findings import CARD, Check

BESIDE = ""
ROLL_UP = ""
CHECKS: tuple[Check, ...] = ()
QUIET: tuple[Check, ...] = ()
_ = CARD
