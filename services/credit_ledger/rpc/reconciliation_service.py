"""ReconciliationService: how far the daily comparison with the rail is, and what differed (PM-7)."""

from services.credit_ledger.domain.model.reconciliation import ACQUIRER, Reconciliation, StartReconciliation
from services.credit_ledger.store import reconciliations
from services.credit_ledger.wire import views
from services.runtime.ground.paging import page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.credit_ledger.v1 import reconciliation_service_pb2 as pb
from settlement.credit_ledger.v1 import reconciliation_service_pb2_grpc as rpc


class ReconciliationServicer(rpc.ReconciliationServiceServicer):
    """The comparison of the rail's own list with the legs."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def StartReconciliation(
        self, request: pb.StartReconciliationRequest, context: Context
    ) -> pb.StartReconciliationResponse:
        """Compare now, without waiting for the night; one that is under way goes on."""
        done = await self.edge.ask(context, request, key=ACQUIRER, body=StartReconciliation(ACQUIRER))
        return pb.StartReconciliationResponse(reconciliation=done)

    async def GetReconciliation(
        self, request: pb.GetReconciliationRequest, context: Context
    ) -> pb.GetReconciliationResponse:
        """Show how far it is, and how many differences are open."""
        async with self.edge.read() as connection:
            found = await reconciliations.find_reconciliation(connection, ACQUIRER)
            count = await reconciliations.count_open_differences(connection)
        shown = views.reconciliation(found or Reconciliation(ACQUIRER, version=0))
        shown.open_differences = count
        return pb.GetReconciliationResponse(reconciliation=shown)

    async def ListDifferences(self, request: pb.ListDifferencesRequest, context: Context) -> pb.ListDifferencesResponse:
        """List differences with their age, by key."""
        page = page_of(request, ("",))
        async with self.edge.read() as connection:
            now = await self.edge.clock.now(connection)
            found = await reconciliations.list_differences(
                connection, request.include_resolved, *page.after, page.limit
            )
        shown, following = page.cut(found, lambda difference: (difference.key,), lambda row: views.difference(row, now))
        return pb.ListDifferencesResponse(differences=shown, next_page_token=following)
