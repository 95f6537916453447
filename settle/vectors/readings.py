"""What is read back through the API: new journals by event, repayment tables, statements."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from settle.client.calls import call
from settle.client.engine import Engine
from settle.vectors.scenario import Json
from settle.vectors.world import World
from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import journal_pb2
from settlement.credit_ledger.v1 import credit_service_pb2, statement_service_pb2

_LEDGERS = {journal_pb2.JOURNAL_UNIT_CNY: "CNY", journal_pb2.JOURNAL_UNIT_LIMIT: "LIMIT"}
_PAGE = 500
Ask = Callable[[str, int, str], Awaitable[Any]]  # Any: a generated answer


class Readings:
    """Reads one world; `posted` grows by what each event caused."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self._seen: dict[str, int] = {}
        self.posted: list[Json] = []

    async def journals(self, event: int, merchant: bool) -> None:
        """Take the journals that were posted since the last look; `merchant` looks at the merchant's roots too."""
        world = self._world
        reads = [self._new(self._credit_page, world.account_id, world.account_version)]
        if world.card_version:
            reads.append(self._new(self._card_page, world.card_id, world.card_version))
        if merchant:
            credit_roots, card_roots = await self._merchant_roots()
            reads += [self._new(self._credit_page, root, 0) for root in credit_roots]
            reads += [self._new(self._card_page, root, 0, "card ") for root in card_roots]
        for found in await asyncio.gather(*reads):
            self.posted += [_journal(event, journal) for journal in found]

    async def instalments(self, order: str) -> list[Json]:
        """The order's repayment table, as rows of the page."""
        rows: list[Json] = []
        token = ""
        while True:
            request = credit_service_pb2.ListInstalmentsRequest(
                account_id=self._world.account_id, order_id=self._world.order_id(order), page_token=token
            )
            answer = await call(self._engine.credit.ListInstalments, request)
            rows += [_row(instalment) for instalment in answer.instalments]
            token = answer.next_page_token
            if not token:
                return sorted(rows)

    async def statement(self, bill_date: str) -> Json:
        """The issued statement of a bill date."""
        request = statement_service_pb2.GetStatementRequest(account_id=self._world.account_id, bill_date=bill_date)
        found = (await call(self._engine.statements.GetStatement, request)).statement
        issued: Json = {"bill_date": found.bill_date, "amount": found.amount.minor_units}
        if found.offset.minor_units:
            issued["offset"] = found.offset.minor_units
        return issued

    async def _merchant_roots(self) -> tuple[list[str], list[str]]:
        """The merchant's roots in the credit book and, if the case has a card, in the card book, by the same names."""
        request = credit_service_pb2.GetMerchantBalanceRequest(merchant_id=self._world.merchant_id)
        credit = list((await call(self._engine.credit.GetMerchantBalance, request)).root_ids)
        if not self._world.card_version:
            return credit, []
        cards = card_service_pb2.GetMerchantBalanceRequest(merchant_id=self._world.merchant_id)
        return credit, list((await call(self._engine.cards.GetMerchantBalance, cards)).root_ids)

    async def _new(self, page: Ask, root: str, opened: int, book: str = "") -> list[Any]:  # Any: generated messages
        after, token = self._seen.get(book + root, opened), ""
        found: list[Any] = []  # Any: generated messages
        while True:
            answer = await page(root, after, token)
            found += answer.journals
            token = answer.next_page_token
            if not token:
                self._seen[book + root] = max([after, *(journal.root_version for journal in found)])
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
    return {"event": event, "op": journal.op, "ledger": _LEDGERS[journal.unit], "lines": lines}


def _row(row: Any) -> Json:  # Any: a generated message
    return [
        row.no,
        row.principal_minor,
        row.paid_minor,
        row.refunded_minor,
        row.outstanding_minor,
        row.fee_minor,
        row.fee_paid_minor,
    ]
