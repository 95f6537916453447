"""A read that waits holds no connection: with one in the pool, whoever needs nothing new is served meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.credit_ledger.rpc.credit_service import CreditServicer
from services.credit_ledger.rpc.statement_service import StatementServicer
from services.kernel.messages import Op
from services.runtime.ground.postgres import Pool, open_pool
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.credit_ledger.v1 import statement_service_pb2 as statement_pb
from tests.services.credit_ledger.desk import EndlessContext, LedgerEdge
from tests.services.credit_ledger.ledger import Ledger

ACCOUNT, SHOP, BILL_DATE = "acc_1", "m1", "2026-03-05"
WAITING = [
    pb.GetCreditAccountRequest(account_id=ACCOUNT), pb.ListInstalmentsRequest(account_id=ACCOUNT),
    pb.ListMovementsRequest(account_id=ACCOUNT), statement_pb.ListStatementsRequest(account_id=ACCOUNT),
    statement_pb.GetStatementRequest(account_id=ACCOUNT, bill_date=BILL_DATE),
]
"""Every read that can be told the least version it shall answer from."""


class PooledEdge(LedgerEdge):
    """An edge whose reads come out of a pool: `taken` tells that one has its connection. `lane` may be closed."""

    def __init__(self, ledger: Ledger, pool: Pool) -> None:
        super().__init__(ledger)
        self._pool = pool
        self.taken, self.asked, self.lane = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.lane.set()

    async def ask(self, context: Any, request: Any, *, key: str, body: object, background: bool = False) -> Any:
        """Decide once the lane is open."""
        self.asked.set()
        await self.lane.wait()
        return await super().ask(context, request, key=key, body=body)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """A pooled connection."""
        async with self._pool.acquire() as connection:
            self.taken.set()
            yield connection


class OneConnection:
    """The methods of the service over a pool of one, and its ledger."""

    def __init__(self, ledger: Ledger, pool: Pool) -> None:
        edge: Any = PooledEdge(ledger, pool)
        self.ledger, self.edge = ledger, edge
        self.context: Any = EndlessContext()
        self._servicers = (CreditServicer(edge), StatementServicer(edge))

    async def call(self, request: Any) -> Any:
        """Call the method of this request."""
        name = type(request).__name__.removesuffix("Request")
        (servicer,) = (one for one in self._servicers if hasattr(one, name))
        return await getattr(servicer, name)(request, self.context)

    async def waits(self, request: Any) -> "asyncio.Task[Any]":
        """A call of this method that has begun to read."""
        self.edge.taken.clear()
        waiting = asyncio.create_task(self.call(request))
        await self.edge.taken.wait()
        return waiting

    async def served(self) -> pb.GetCreditAccountResponse:
        """What somebody gets who needs nothing new; OVERLOADED if the pool has nothing for them."""
        answer: pb.GetCreditAccountResponse = await self.call(pb.GetCreditAccountRequest(account_id=ACCOUNT))
        return answer


@pytest_asyncio.fixture(loop_scope="session")
async def one(ledger: Ledger, database: Settings) -> AsyncIterator[OneConnection]:
    """An account with an order and a statement."""
    pool = await open_pool(replace(database, pool_connections_max=1, pool_seconds_max=0.5))
    await ledger.ask(ACCOUNT, commands.OpenAccount(ACCOUNT, "c1", 500_000))
    terms, tenders = CreditTerms(instalment_count=3), Tenders(12_000)
    await ledger.command(commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_1", customer_id="c1", merchant_id=SHOP, tenders=tenders, terms=terms
    ))
    await ledger.command(commands.CaptureTenders(ACCOUNT, "ord_1", SHOP, tenders))
    await ledger.pass_time(days=4)
    yield OneConnection(ledger, pool)
    await pool.close()


@pytest.mark.parametrize("request_of_one", WAITING, ids=lambda request: str(type(request).__name__))
async def test_a_read_that_waits_for_a_version_lets_others_read(one: OneConnection, request_of_one: Any) -> None:
    """And it answers as soon as the version is there."""
    before = (await one.served()).account.version
    request_of_one.min_version = before + 1
    waiting = await one.waits(request_of_one)

    versions = [(await one.served()).account.version for _ in range(3)]
    await one.ledger.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 100))
    answer = await waiting

    assert versions == [before] * 3
    assert getattr(answer, "account_version", before + 1) == before + 1


async def test_a_read_that_has_a_statement_cut_lets_others_read(one: OneConnection) -> None:
    """The lane may take its time; the reader then sees the statement."""
    one.ledger.now += timedelta(days=31)
    one.edge.lane.clear()
    waiting = asyncio.create_task(one.call(pb.GetCreditAccountRequest(account_id=ACCOUNT)))
    await one.edge.asked.wait()

    legs = await one.call(pb.ListLegsRequest(account_id=ACCOUNT))
    one.edge.lane.set()
    answer = await waiting

    assert list(legs.legs) == []
    assert answer.account.last_bill_date == "2026-04-05"


async def test_a_preview_that_waits_for_a_claim_lets_others_read(one: OneConnection) -> None:
    """And it answers as soon as the account is free."""
    held = commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_2", customer_id="c1", merchant_id=SHOP, tenders=Tenders(1_000),
        terms=CreditTerms(),
    )
    await one.ledger.command(held, "saga_1", Op.TRY)
    waiting = await one.waits(
        pb.PreviewRefundRequest(account_id=ACCOUNT, order_id="ord_1", merchant_id=SHOP, credit_minor=1_000)
    )

    pending = [(await one.served()).account.pending_settlement_id for _ in range(3)]
    await one.ledger.command(held, "saga_1", Op.CANCEL)
    answer = await waiting

    assert pending == ["saga_1"] * 3
    assert answer.preview.effect.credit_minor == 1_000
