"""Codes in the clear, for as long as it takes to send them: opened just before a provider is asked (RD-1)."""

from typing import Protocol

import asyncpg

from services.card_redemption.domain.codes import Envelope
from services.card_redemption.store.redemption_reads import find_redemption
from services.kernel.secret import Secret
from services.runtime.ground.tables import Connection

CONNECT_SECONDS = 10.0
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
    """Reads the envelopes on a connection of its own each time, and opens them in memory only."""

    def __init__(self, vault: Opening, dsn: str) -> None:
        self._vault, self._dsn = vault, dsn

    async def codes_of(self, card_id: str, order_id: str) -> tuple[Secret, Secret]:
        """The code of the card, and the digits that came with the order, as long as they are kept."""
        connection = await asyncpg.connect(self._dsn, timeout=CONNECT_SECONDS)
        try:
            code = await self._vault.code_of(connection, card_id)
            order = await find_redemption(connection, order_id)
        finally:
            await connection.close()
        sealed = None if order is None else order.verification_code
        return code, NO_CODE if sealed is None else self._vault.opened(sealed, order_id)
