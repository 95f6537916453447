"""EnterpriseService: agreements that two people put in force, and what an enterprise revokes in batches (1.9, A19)."""

from services.card_redemption.domain.enterprise.agreement import Agreement
from services.card_redemption.domain.enterprise.batch import RevocationBatch
from services.card_redemption.domain.enterprise.commands import ApproveAgreement, ProposeAgreement, RevokeBatch
from services.card_redemption.rpc.documented import documented
from services.card_redemption.store import agreements as store
from services.card_redemption.wire import enterprise as wire
from services.kernel.errors import NotFound, Unavailable
from services.runtime.ground.paging import page_of
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.reading import NotYet, new_enough, read_when
from settlement.card_redemption.v1 import enterprise_pb2
from settlement.card_redemption.v1 import enterprise_service_pb2 as pb
from settlement.card_redemption.v1 import enterprise_service_pb2_grpc as rpc


class EnterpriseServicer(rpc.EnterpriseServiceServicer):
    """Propose, approve, revoke in batches, read."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def ProposeAgreement(
        self, request: pb.ProposeAgreementRequest, context: Context
    ) -> pb.ProposeAgreementResponse:
        """Let the terms of an agreement wait for a second person."""

        def read() -> tuple[str, object]:
            terms = wire.terms_from_wire(request.terms)
            body = ProposeAgreement(request.agreement_id, request.customer_id, terms, request.operator_id)
            return body.agreement_id, body

        key, body = documented("PROPOSE_AGREEMENT", request.operator_id, read)
        return pb.ProposeAgreementResponse(agreement=await self.edge.ask(context, request, key=key, body=body))

    async def ApproveAgreement(
        self, request: pb.ApproveAgreementRequest, context: Context
    ) -> pb.ApproveAgreementResponse:
        """Put the terms in force that wait."""
        body = ApproveAgreement(request.agreement_id, request.proposal, request.operator_id)
        agreement = await self.edge.ask(context, request, key=body.agreement_id, body=body)
        return pb.ApproveAgreementResponse(agreement=agreement)

    async def RevokeBatch(self, request: pb.RevokeBatchRequest, context: Context) -> pb.RevokeBatchResponse:
        """Revoke redemptions of an enterprise; each has a result of its own."""
        async with self.edge.read() as connection:
            cards = await store.cards_under(
                connection, request.agreement_id, request.customer_id, request.redemption_ids
            )
        redemptions = tuple((each, cards.get(each, "")) for each in request.redemption_ids)
        body = RevokeBatch(request.agreement_id, request.customer_id, redemptions)
        told = await self.edge.ask(context, request, key=body.agreement_id, body=body)
        return pb.RevokeBatchResponse(batch=await self._over(request, context, told))

    async def GetAgreement(self, request: pb.GetAgreementRequest, context: Context) -> pb.GetAgreementResponse:
        """Show an agreement at `min_version` or later."""

        async def look(connection: Connection) -> Agreement:
            found = await store.find_agreement(connection, request.agreement_id)
            return new_enough(_theirs(found, request), request.min_version, "the agreement is at version")

        found = await read_when(self.edge, context, look, key=request.agreement_id)
        return pb.GetAgreementResponse(agreement=wire.agreement(found))

    async def ListAgreements(self, request: pb.ListAgreementsRequest, context: Context) -> pb.ListAgreementsResponse:
        """List agreements by id."""
        page = page_of(request, ("",))
        async with self.edge.read() as connection:
            found = await store.list_agreements(connection, request.customer_id, *page.after, page.limit)
        agreements, following = page.cut(found, lambda agreement: (agreement.id,), wire.agreement)
        return pb.ListAgreementsResponse(agreements=agreements, next_page_token=following)

    async def GetRevocationBatch(
        self, request: pb.GetRevocationBatchRequest, context: Context
    ) -> pb.GetRevocationBatchResponse:
        """Show a batch."""
        async with self.edge.read() as connection:
            _theirs(await store.find_agreement(connection, request.agreement_id), request)
            found = await store.find_batch(connection, request.agreement_id, request.batch_id)
        if found is None:
            raise NotFound("BATCH_NOT_FOUND", f"there is no batch {request.batch_id}")
        return pb.GetRevocationBatchResponse(batch=wire.batch(found))

    async def _over(
        self, request: pb.RevokeBatchRequest, context: Context, told: enterprise_pb2.RevocationBatch
    ) -> enterprise_pb2.RevocationBatch:
        """The batch once all of it is decided, which then is the stored answer; or as far as it comes while its caller
        waits."""
        if not told.pending or not request.HasField("wait_timeout"):
            return told

        async def look(connection: Connection) -> RevocationBatch:
            found = await store.find_batch(connection, told.agreement_id, told.batch_id)
            if found is None or found.pending:
                raise NotYet(Unavailable("UNAVAILABLE", "the batch is not decided yet"))
            return found

        seconds = request.wait_timeout.seconds + request.wait_timeout.nanos / 1e9
        try:
            found = await read_when(self.edge, context, look, seconds, key=told.agreement_id)
        except Unavailable:
            return told
        return await self.edge.keep(request, told, wire.batch(found))


def _theirs(
    found: Agreement | None, request: pb.GetAgreementRequest | pb.GetRevocationBatchRequest
) -> Agreement:
    """The agreement, if there is one and it is theirs; another's and none look alike."""
    if found is None or (request.customer_id and found.customer_id != request.customer_id):
        raise NotFound("AGREEMENT_NOT_FOUND", f"there is no agreement {request.agreement_id}")
    return found
