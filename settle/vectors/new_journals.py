"""The journals of both books that were posted since the last look, read page by page through the API."""

from collections.abc import Awaitable, Callable
from typing import Any

from settle.client.calls import call
from settle.client.engine import Engine
from settlement.card_redemption.v1 import card_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2

_PAGE = 500
_Ask = Callable[[str, int, str], Awaitable[Any]]  # Any: a generated answer


class NewJournals:
    """Remembers of each root how far it was read. At the first look all that is above the version `after` is new."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: dict[tuple[str, str], int] = {}

    async def of_credit(self, root: str, after: int = 0) -> list[Any]:  # Any: generated messages
        """Those of a root in the credit book."""
        return await self._read("credit", root, after, self._credit_page)

    async def of_cards(self, root: str, after: int = 0) -> list[Any]:  # Any: generated messages
        """Those of a root in the card book."""
        return await self._read("cards", root, after, self._card_page)

    async def _read(self, book: str, root: str, opened: int, page: _Ask) -> list[Any]:  # Any: generated messages
        after, token = self._seen.get((book, root), opened), ""
        found: list[Any] = []  # Any: generated messages
        while True:
            answer = await page(root, after, token)
            found += answer.journals
            token = answer.next_page_token
            if not token:
                self._seen[book, root] = max([after, *(journal.root_version for journal in found)])
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
