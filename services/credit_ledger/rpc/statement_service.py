"""StatementService: the cut of one account, the nightly run over all, and the issued documents."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.statement import Statement
from services.credit_ledger.domain.statements.still_due import still_due
from services.credit_ledger.rpc.reading import account_at, cut_request
from services.credit_ledger.store import reads
from services.credit_ledger.wire import views
from services.kernel.calendar import business_date, start_of
from services.kernel.errors import FailedPrecondition, Internal, NotFound, ResourceExhausted, Unavailable
from services.runtime.ground.paging import page_of
from services.runtime.ground.scalars import date_from_wire
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.once import run_once
from settlement.credit_ledger.v1 import statement_pb2
from settlement.credit_ledger.v1 import statement_service_pb2 as pb
from settlement.credit_ledger.v1 import statement_service_pb2_grpc as rpc

PAGE_SIZE = 12
ACCOUNTS_MAX = 10_000
BATCH_ACCOUNTS = 64
"""So many cuts of a run are under way at most, behind all settlements: no queue fills, however many accounts."""
STOP_SECONDS = 3.0
"""The run ends a call 3 seconds before its deadline; the caller goes on from where it stood."""


class StatementServicer(rpc.StatementServiceServicer):
    """Cutting statements, one or a whole night's, and reading them (DOMAIN 1.5, 2.6)."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def CutStatement(self, request: pb.CutStatementRequest, context: Context) -> pb.CutStatementResponse:
        """Cut the statement of one bill date, or answer the one that is there already."""
        body = CutStatement(request.account_id, date_from_wire(request.bill_date))
        return pb.CutStatementResponse(statement=await self.edge.ask(context, request, key=body.account_id, body=body))

    async def RunStatements(self, request: pb.RunStatementsRequest, context: Context) -> pb.RunStatementsResponse:
        """Cut every due statement in key order, in bounded batches; what is done stays done, whenever the run ends."""
        return await run_once(self.edge, request, pb.RunStatementsResponse, lambda: self._run(request, context))

    async def _run(self, request: pb.RunStatementsRequest, context: Context) -> pb.RunStatementsResponse:
        bill_date = date_from_wire(request.bill_date)
        if start_of(bill_date) > await self.edge.now():
            raise FailedPrecondition("BILL_DATE_AHEAD", f"the cut of {bill_date} is still to come")
        response = pb.RunStatementsResponse(next_account_id=request.after_account_id)
        left = request.accounts_max or ACCOUNTS_MAX
        while left > 0 and (context.time_remaining() or STOP_SECONDS + 1) > STOP_SECONDS:
            due = await self._due(bill_date, response.next_account_id, min(left, BATCH_ACCOUNTS))
            if not due:
                response.next_account_id = ""
                break
            done = await asyncio.gather(*(self._cut(request, context, account_id, at) for account_id, at in due))
            response.accounts_cut += sum(done)
            response.accounts_busy += len(done) - sum(done)
            response.next_account_id = due[-1][0]
            left -= len(due)
        return response

    async def ListStatements(self, request: pb.ListStatementsRequest, context: Context) -> pb.ListStatementsResponse:
        """List the statements of an account, the latest first."""
        page = page_of(request, (date.max,), PAGE_SIZE)
        async with account_at(self.edge, context, request.account_id, request.min_version) as (connection, account):
            found = await reads.list_statements(connection, account.id, *page.after, page.limit)
            shown = await self._shown(connection, account, found)
        for statement in shown:
            statement.ClearField("lines")
        statements, following = page.cut(
            list(zip(found, shown, strict=True)), lambda pair: (pair[0].bill_date,), lambda pair: pair[1]
        )
        return pb.ListStatementsResponse(statements=statements, next_page_token=following)

    async def GetStatement(self, request: pb.GetStatementRequest, context: Context) -> pb.GetStatementResponse:
        """Show one statement with its lines and what is still due of it."""
        async with account_at(self.edge, context, request.account_id, request.min_version) as (connection, account):
            found = await reads.find_statement(connection, account.id, date_from_wire(request.bill_date))
            if found is None:
                raise NotFound("STATEMENT_NOT_FOUND", f"{account.id} has no statement of {request.bill_date}")
            (shown,) = await self._shown(connection, account, [found])
        return pb.GetStatementResponse(statement=shown)

    async def _shown(
        self, connection: Connection, account: CreditAccount, found: Sequence[Statement]
    ) -> list[statement_pb2.Statement]:
        """Statements with what is still due of them; only the latest of an account can have anything due."""
        orders = {line.order_id for row in found if row.bill_date == account.last_bill_date for line in row.lines}
        agreements = await reads.list_agreements_of_orders(connection, sorted(orders)) if orders else []
        today = business_date(await self.edge.clock.now(connection))
        return [
            views.statement(row, still_due(row, row.bill_date == account.last_bill_date, agreements, today))
            for row in found
        ]

    async def _due(self, bill_date: date, after: str, limit: int) -> list[tuple[str, datetime]]:
        async with self.edge.read() as connection:
            return await reads.list_due_cuts(connection, start_of(bill_date), after, limit)

    async def _cut(self, run: pb.RunStatementsRequest, context: Context, account_id: str, cut_at: datetime) -> bool:
        """One account of the run under a request id of its own; False if it could not be had: its timer cuts it."""
        request = cut_request(UUID(run.request_id), account_id, cut_at)
        try:
            body = CutStatement(account_id, business_date(cut_at))
            await self.edge.ask(context, request, key=account_id, body=body, background=True)
        except (Unavailable, ResourceExhausted, Internal):
            return False
        return True
