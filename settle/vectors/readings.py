"""What is read back through the API: new journals by event, repayment tables, statements."""

import asyncio
from typing import Any

from settle.client.calls import call
from settle.client.engine import Engine
from settle.vectors.new_journals import NewJournals
from settle.vectors.scenario import Json
from settle.vectors.world import World
from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import journal_pb2
from settlement.credit_ledger.v1 import credit_service_pb2, statement_service_pb2

_LEDGERS = {journal_pb2.JOURNAL_UNIT_CNY: "CNY", journal_pb2.JOURNAL_UNIT_LIMIT: "LIMIT"}


class Readings:
    """Reads one world; `posted` grows by what each event caused."""

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self._new = NewJournals(engine)
        self.posted: list[Json] = []

    async def journals(self, event: int, merchant: bool) -> None:
        """Take the journals that were posted since the last look; `merchant` looks at the merchant's roots too."""
        world = self._world
        reads = [self._new.of_credit(world.account_id, world.account_version)]
        if world.card_version:
            reads.append(self._new.of_cards(world.card_id, world.card_version))
        if merchant:
            credit_roots, card_roots = await self._merchant_roots()
            reads += [self._new.of_credit(root) for root in credit_roots]
            reads += [self._new.of_cards(root) for root in card_roots]
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
