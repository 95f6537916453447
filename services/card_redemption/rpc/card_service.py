"""The gRPC methods of CardService."""

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.commands import IssueCard
from services.card_redemption.store import reads as store
from services.card_redemption.wire import views as wire
from services.kernel.errors import NotFound
from services.kernel.ids import derived
from services.kernel.shares import share_keys
from services.runtime.ground.paging import page_of
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import RESERVE_SECONDS, Edge
from services.runtime.rpc.journal_pages import journal_page
from services.runtime.rpc.reading import new_enough, read_when
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.card_redemption.v1 import card_service_pb2_grpc as rpc


class CardServicer(rpc.CardServiceServicer):
    """Issue and read cards; what orders do with them arrives as commands of sagas."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    async def IssueCard(self, request: pb.IssueCardRequest, context: Context) -> pb.IssueCardResponse:
        """Put a card on the books."""
        card_id = request.card_id or derived("crd", request.request_id)
        body = IssueCard(card_id, request.customer_id, request.face.minor_units)
        return pb.IssueCardResponse(card=await self.edge.ask(context, request, key=card_id, body=body))

    async def GetCard(self, request: pb.GetCardRequest, context: Context) -> pb.GetCardResponse:
        """Show a card at `min_version` or later."""

        async def look(connection: Connection) -> GiftCard:
            card = await store.find_card(connection, request.card_id)
            if card is None:
                raise NotFound("CARD_NOT_FOUND", f"there is no card {request.card_id}")
            return new_enough(card, request.min_version, "the card is at version")

        seconds_max = (context.time_remaining() or self.edge.settings.deadline_seconds_max) - RESERVE_SECONDS
        card = await read_when(self.edge, context, look, seconds_max, request.card_id)
        return pb.GetCardResponse(card=wire.card(card))

    async def ListCards(self, request: pb.ListCardsRequest, context: Context) -> pb.ListCardsResponse:
        """List a customer's cards by id."""
        page = page_of(request, ("",))
        async with self.edge.read() as connection:
            found = await store.list_cards(connection, request.customer_id, *page.after, page.limit)
        cards, following = page.cut(found, lambda card: (card.id,), wire.card)
        return pb.ListCardsResponse(cards=cards, next_page_token=following)

    async def GetMerchantBalance(
        self, request: pb.GetMerchantBalanceRequest, context: Context
    ) -> pb.GetMerchantBalanceResponse:
        """Show what this book owes a merchant."""
        async with self.edge.read() as connection:
            payable, settling = await store.merchant_balance(connection, request.merchant_id)
        return pb.GetMerchantBalanceResponse(
            merchant_id=request.merchant_id, payable_minor=payable, settling_minor=settling,
            root_ids=share_keys(request.merchant_id),
        )

    async def ListJournals(self, request: pb.ListJournalsRequest, context: Context) -> pb.ListJournalsResponse:
        """List the journals of a card in posting order."""
        journals, following = await journal_page(self.edge, request)
        return pb.ListJournalsResponse(journals=journals, next_page_token=following)
