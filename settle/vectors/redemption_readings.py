"""What a redemption posted in both books, read back through the API, and the bank that pays its legs."""

from typing import Any

from settle.client.calls import call
from settle.client.engine import Engine
from settle.vectors.new_journals import NewJournals
from settle.vectors.scenario import Json
from settlement.credit_ledger.v1 import credit_service_pb2


class RedemptionReadings:
    """Reads one redemption's card, its customer's account, and the channel's root in the credit ledger."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._new = NewJournals(engine)
        self._card_id, self._account_id, self._channel = "", "", ""
        self._opened = 0
        self._paid: set[str] = set()
        self.posted: list[Json] = []

    async def begin(self, card_id: str, account_id: str, account_version: int, channel: str) -> None:
        """Look from here on: what the set-up posted is not part of the case."""
        self._card_id, self._account_id, self._channel = card_id, account_id, channel
        self._opened = account_version
        await self._new.of_cards(card_id)

    async def journals(self, event: int) -> None:
        """Take the journals that were posted since the last look."""
        found = await self._new.of_cards(self._card_id)
        found += await self._new.of_credit(self._account_id, self._opened)
        found += await self._new.of_credit(self._channel)
        self.posted += [_journal(event, journal) for journal in found]

    async def confirm_legs(self) -> None:
        """Have the bank pay what it was sent of this account's payouts, and the engine hear of it."""
        request = credit_service_pb2.ListLegsRequest(account_id=self._account_id)
        for leg in (await call(self._engine.credit.ListLegs, request)).legs:
            if leg.leg_id not in self._paid:
                self._paid.add(leg.leg_id)
                await self._engine.bank.confirm(leg.leg_id)


def _journal(event: int, journal: Any) -> Json:  # Any: a generated message
    lines = [[line.account, line.amount_minor] for line in journal.lines]
    return {"event": event, "op": journal.op, "ledger": "CNY", "lines": lines}
