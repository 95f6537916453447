"""Documents of operators at the edge: one that cannot be read is refused by a decision, so that it is on record."""

from collections.abc import Callable

from services.card_redemption.domain.four_eyes import RefuseDocument
from services.kernel.errors import SettlementError

NOBODY = "document"
"""The key of what proposes nothing that has a name."""


def documented(kind: str, operator_id: str, read: Callable[[], tuple[str, object]]) -> tuple[str, object]:
    """The key and the body of what a document proposes; of one that is refused, the refusal itself (RD-31)."""
    try:
        return read()
    except SettlementError as error:
        return NOBODY, RefuseDocument(kind, operator_id, error)
