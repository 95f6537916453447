"""Whose account it is."""

from services.credit_ledger.domain.core.position import Position
from services.kernel.errors import NotFound


def owned_by(position: Position, customer_id: str) -> None:
    """Refuse (ACCOUNT_NOT_FOUND) what is about the account of another customer."""
    account = position.account
    if account.customer_id != customer_id:
        raise NotFound("ACCOUNT_NOT_FOUND", f"{account.id} is not {customer_id}'s")
