"""Codes in the clear, for as long as it takes to send them: opened just before a provider is asked (RD-1)."""

from typing import Protocol

from services.card_redemption.domain.codes import Envelope
from services.card_redemption.store.redemption_reads import find_verification_code
from services.kernel.secret import Secret
from services.runtime.ground.postgres import Reading
from services.runtime.ground.tables import Connection

NO_CODE = Secret("")


class Opening(Protocol):
    """What of the vault is needed here."""

    async def code_of(self, connection: Connection, card_id: str) -> Secret:
        """The good code of a card."""
        ...

    def opened(self, envelope: Envelope, owner_id: str) -> Secret:
        """What was sealed for this owner."""
        ...


class SealedCodes:
    """Reads the envelopes, and opens them in memory only."""

    def __init__(self, vault: Opening, reading: Reading) -> None:
        self._vault, self._reading = vault, reading

    async def codes_of(self, card_id: str, order_id: str) -> tuple[Secret, Secret]:
        """The code of the card, and the digits that came with the order, as long as they are kept."""
        async with self._reading() as connection:
            code = await self._vault.code_of(connection, card_id)
            sealed = await find_verification_code(connection, order_id)
        return code, NO_CODE if sealed is None else self._vault.opened(sealed, order_id)
