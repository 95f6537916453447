"""What callers see of an account: figures, repayment tables, movements, journals, legs, previews."""

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.effects import Preview
from services.credit_ledger.rpc.reading import account_at, previewed
from services.credit_ledger.store import agreements, reads
from services.credit_ledger.wire import effects, views
from services.credit_ledger.wire.scalars import LEG_STATES, tenders_of
from services.kernel.calendar import business_date
from services.kernel.errors import Defect, InvalidArgument
from services.kernel.shares import share_keys
from services.runtime.ground.paging import page_of
from services.runtime.ground.scalars import instant_from_wire
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.journal_pages import journal_page
from settlement.credit_ledger.v1 import credit_service_pb2 as pb

_NEVER = 2**62
"""Behind every number of an operation."""


class AccountViews:
    """The reads of CreditService."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def GetCreditAccount(
        self, request: pb.GetCreditAccountRequest, context: Context
    ) -> pb.GetCreditAccountResponse:
        """Show an account with what is due."""
        async with account_at(self.edge, context, request.account_id, request.min_version) as (connection, account):
            open_agreements = await agreements.load_open_agreements(connection, [account.id])
        return pb.GetCreditAccountResponse(account=views.account_with_dues(account, open_agreements))

    async def ListInstalments(self, request: pb.ListInstalmentsRequest, context: Context) -> pb.ListInstalmentsResponse:
        """List repayment tables, order by order."""
        page = page_of(request, ("",))
        async with account_at(self.edge, context, request.account_id, request.min_version) as (connection, account):
            found = await reads.list_agreements(connection, account.id, request.order_id, *page.after, page.limit)
        today = business_date(self.edge.clock.now())

        def table(agreement: Agreement) -> pb.ListInstalmentsResponse:
            rows = views.instalments(agreement, today)
            return pb.ListInstalmentsResponse(
                instalments=[row for row in rows if not request.state or row.state == request.state]
            )

        tables, following = page.cut(found, lambda agreement: (agreement.order_id,), table)
        return pb.ListInstalmentsResponse(
            instalments=[row for part in tables for row in part.instalments],
            next_page_token=following, account_version=account.version,
        )

    async def ListMovements(self, request: pb.ListMovementsRequest, context: Context) -> pb.ListMovementsResponse:
        """List the log of an account, the latest first."""
        page = page_of(request, (_NEVER,))
        async with account_at(self.edge, context, request.account_id, request.min_version) as (connection, account):
            found = await reads.list_operations(
                connection, account.id, *page.after, page.limit, order_id=request.order_id, kind=_kind(request.kind),
                saga_id=request.settlement_id,
                from_at=instant_from_wire(request.from_time) if request.HasField("from_time") else None,
                until_at=instant_from_wire(request.until_time) if request.HasField("until_time") else None,
            )
        movements, following = page.cut(found, lambda operation: (operation.number,), views.movement)
        return pb.ListMovementsResponse(
            movements=movements, account_version=account.version, next_page_token=following
        )

    async def ListJournals(self, request: pb.ListJournalsRequest, context: Context) -> pb.ListJournalsResponse:
        """List the journals of a root in posting order."""
        journals, following = await journal_page(self.edge, request)
        return pb.ListJournalsResponse(journals=journals, next_page_token=following)

    async def ListLegs(self, request: pb.ListLegsRequest, context: Context) -> pb.ListLegsResponse:
        """List payments to the outside world by id."""
        page = page_of(request, ("",))
        state = LEG_STATES.from_wire[request.state].value if request.state else ""
        async with self.edge.read() as connection:
            found = await reads.list_legs(connection, request.account_id, state, *page.after, page.limit)
        legs, following = page.cut(found, lambda leg: (leg.id,), views.leg)
        return pb.ListLegsResponse(legs=legs, next_page_token=following)

    async def GetMerchantBalance(
        self, request: pb.GetMerchantBalanceRequest, context: Context
    ) -> pb.GetMerchantBalanceResponse:
        """Show what we owe a merchant or what it owes us, one netted against the other (OP-3)."""
        async with self.edge.read() as connection:
            balance = await reads.merchant_balance(connection, request.merchant_id)
        return pb.GetMerchantBalanceResponse(
            merchant_id=request.merchant_id, payable_minor=balance.payable_minor,
            receivable_minor=balance.receivable_minor, root_ids=share_keys(request.merchant_id),
        )

    async def PreviewRefund(self, request: pb.PreviewRefundRequest, context: Context) -> pb.PreviewRefundResponse:
        """Compute what stands behind a quote and keep nothing of it (U1)."""
        tenders = tenders_of(request)
        body: commands.PreviewRefund | commands.PreviewRelease
        if request.release:
            release = commands.ReleaseTenders(request.account_id, request.order_id, request.merchant_id, tenders)
            body = commands.PreviewRelease(release)
        else:
            refund = commands.RefundTenders(
                request.account_id, request.order_id, request.merchant_id, "", tenders, goods_back=request.goods_back
            )
            body = commands.PreviewRefund(refund)
        done = await previewed(self.edge, context, request.account_id, body)
        if not isinstance(done.result, Preview):
            raise Defect(f"a preview came to {done}")
        return pb.PreviewRefundResponse(preview=effects.preview(done.result))


def _kind(shown: str) -> str:
    if not shown:
        return ""
    if shown not in views.KIND_OF:
        raise InvalidArgument("INVALID_ARGUMENT", f"no movement is of kind {shown}")
    return views.KIND_OF[shown]
