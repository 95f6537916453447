"""The gRPC methods of CardService."""

import asyncio

from services.card_redemption import store, wire
from services.card_redemption.domain.commands import IssueCard
from services.kernel.errors import Aborted, NotFound
from services.kernel.ids import derived
from services.kernel.shares import share_keys
from services.runtime.ground.paging import page_of
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.journal_pages import journal_page
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.card_redemption.v1 import card_service_pb2_grpc as rpc

POLL_SECONDS = 0.02
"""How often a read looks again for the version that it was asked for."""
RESERVE_SECONDS = 0.1
"""What of a call's time is kept for the answer."""


class CardService(rpc.CardServiceServicer):
    """Issue and read cards; what orders do with them arrives as commands of sagas."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def IssueCard(self, request: pb.IssueCardRequest, context: Context) -> pb.IssueCardResponse:
        """Put a card on the books."""
        card_id = request.card_id or derived("crd", request.request_id)
        body = IssueCard(card_id, request.customer_id, request.face.minor_units)
        return pb.IssueCardResponse(card=await self.edge.ask(context, request, key=card_id, body=body))

    async def GetCard(self, request: pb.GetCardRequest, context: Context) -> pb.GetCardResponse:
        """A card, not older than `min_version`."""
        remaining = context.time_remaining()
        seconds = self.edge.settings.deadline_seconds_max if remaining is None else remaining
        deadline = asyncio.get_running_loop().time() + seconds - RESERVE_SECONDS
        while True:
            async with self.edge.read() as connection:
                card = await store.find_card(connection, request.card_id)
            if card is None:
                raise NotFound("CARD_NOT_FOUND", f"there is no card {request.card_id}")
            if card.version >= request.min_version:
                return pb.GetCardResponse(card=wire.card(card))
            if asyncio.get_running_loop().time() > deadline:
                raise Aborted("STALE_VERSION", f"the card is at version {card.version}")
            await asyncio.sleep(POLL_SECONDS)

    async def ListCards(self, request: pb.ListCardsRequest, context: Context) -> pb.ListCardsResponse:
        """A customer's cards."""
        page = page_of(request, ("",))
        async with self.edge.read() as connection:
            found = await store.list_cards(connection, request.customer_id, *page.after, page.limit)
        shown, following = page.cut(found, lambda card: (card.id,))
        return pb.ListCardsResponse(cards=map(wire.card, shown), next_page_token=following)

    async def GetMerchantBalance(
        self, request: pb.GetMerchantBalanceRequest, context: Context
    ) -> pb.GetMerchantBalanceResponse:
        """What this book owes a merchant."""
        async with self.edge.read() as connection:
            payable, settling = await store.merchant_balance(connection, request.merchant_id)
        return pb.GetMerchantBalanceResponse(
            merchant_id=request.merchant_id, payable_minor=payable, settling_minor=settling,
            root_ids=share_keys(request.merchant_id),
        )

    async def ListJournals(self, request: pb.ListJournalsRequest, context: Context) -> pb.ListJournalsResponse:
        """The journals of a card in posting order."""
        journals, following = await journal_page(self.edge, request)
        return pb.ListJournalsResponse(journals=journals, next_page_token=following)
