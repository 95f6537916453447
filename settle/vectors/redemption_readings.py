"""What a redemption posted in both books, read back through the API, and the bank that pays its legs."""

from collections.abc import Awaitable, Callable
from typing import Any

from settle.client.calls import call
from settle.client.engine import Engine
from settle.vectors.scenario import Json
from settlement.card_redemption.v1 import card_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2

_PAGE = 500
Ask = Callable[[str, int, str], Awaitable[Any]]  # Any: a generated answer


class RedemptionReadings:
    """Reads one redemption's card, its customer's account, and the channel's root in the credit ledger."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._roots: list[tuple[Ask, str]] = []
        self._seen: dict[int, int] = {}
        self._account_id = ""
        self._paid: set[str] = set()
        self.posted: list[Json] = []

    async def begin(self, card_id: str, account_id: str, account_version: int, channel: str) -> None:
        """Look from here on: what the set-up posted is not part of the case."""
        self._account_id = account_id
        self._roots = [(self._card_page, card_id), (self._credit_page, account_id), (self._credit_page, channel)]
        self._seen = {1: account_version}
        await self._new(0)

    async def journals(self, event: int) -> None:
        """Take the journals that were posted since the last look."""
        for place in range(len(self._roots)):
            self.posted += [_journal(event, journal) for journal in await self._new(place)]

    async def confirm_legs(self) -> None:
        """Have the bank pay what it was sent of this account's payouts, and the engine hear of it."""
        request = credit_service_pb2.ListLegsRequest(account_id=self._account_id)
        for leg in (await call(self._engine.credit.ListLegs, request)).legs:
            if leg.leg_id not in self._paid:
                self._paid.add(leg.leg_id)
                await self._engine.bank.confirm(leg.leg_id)

    async def _new(self, place: int) -> list[Any]:  # Any: generated messages
        page, root = self._roots[place]
        after, token = self._seen.get(place, 0), ""
        found: list[Any] = []  # Any: generated messages
        while True:
            answer = await page(root, after, token)
            found += answer.journals
            token = answer.next_page_token
            if not token:
                self._seen[place] = max([after, *(journal.root_version for journal in found)])
                return found

    async def _credit_page(self, root: str, after: int, token: str) -> Any:  # Any: a generated answer
        request = credit_service_pb2.ListJournalsRequest(
            root_id=root, after_version=after, page_size=_PAGE, page_token=token
        )
        return await call(self._engine.credit.ListJournals, request)

    async def _card_page(self, root: str, after: int, token: str) -> Any:  # Any: a generated answer
        request = card_service_pb2.ListJournalsRequest(
            root_id=root, after_version=after, page_size=_PAGE, page_token=token
        )
        return await call(self._engine.cards.ListJournals, request)


def _journal(event: int, journal: Any) -> Json:  # Any: a generated message
    lines = [[line.account, line.amount_minor] for line in journal.lines]
    return {"event": event, "op": journal.op, "ledger": "CNY", "lines": lines}
