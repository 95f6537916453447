"""The gRPC methods of CardService."""

from typing import Any

from services.card_redemption.domain import commands
from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.codes import SealedCode
from services.card_redemption.domain.record.attempt import EntryChannel
from services.card_redemption.rpc.presenting import Presenting, without_code
from services.card_redemption.rpc.rotating import rotate
from services.card_redemption.store import reads as store
from services.card_redemption.store.codes import find_code
from services.card_redemption.vault import Vault, well_formed
from services.card_redemption.wire import views as wire
from services.card_redemption.wire.record import CHANNELS
from services.kernel.errors import Defect, InvalidArgument, NotFound
from services.kernel.ids import derived
from services.kernel.secret import Secret
from services.kernel.shares import share_keys
from services.runtime.ground.paging import page_of
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.journal_pages import journal_page
from services.runtime.rpc.once import run_once
from services.runtime.rpc.reading import new_enough, read_when
from settlement.card_redemption.v1 import card_service_pb2 as pb
from settlement.card_redemption.v1 import card_service_pb2_grpc as rpc


class CardServicer(rpc.CardServiceServicer):
    """Issue cards, read them, say what may be done with them; what orders do with them arrives as commands of sagas."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.vault = Vault.of(edge.settings)
        self.presenting = Presenting(edge, self.vault)

    async def IssueCard(self, request: pb.IssueCardRequest, context: Context) -> pb.IssueCardResponse:
        """Put a card on the books."""
        card_id = request.card_id or derived("crd", request.request_id)
        code = self._given(Secret(request.code), card_id) if request.code else None
        body = commands.IssueCard(
            card_id=card_id, customer_id=request.customer_id, face_minor=request.face.minor_units,
            inactive=request.inactive, code=code, purchaser_id=request.customer_id, purchase=request.purchase,
            actor=request.customer_id, channel=_channel(request),
        )
        asked = without_code(request, code.blind_index) if code else request
        return pb.IssueCardResponse(card=await self.edge.ask(context, asked, key=card_id, body=body))

    def _given(self, code: Secret, card_id: str) -> SealedCode:
        if not well_formed(code):
            raise InvalidArgument("INVALID_ARGUMENT", "a code has 16 letters and digits", {"field": "code"})
        return self.vault.sealed_code(code, card_id)

    async def ActivateCard(self, request: pb.ActivateCardRequest, context: Context) -> pb.ActivateCardResponse:
        """Activate a card with its code."""
        async with self.presenting.code(request.customer_id, Secret(request.code)) as code:
            body = commands.ActivateCard(*code, actor=request.customer_id, channel=_channel(request))
            asked = without_code(request, code.blind_index)
            card = await self.edge.ask(context, asked, key=code.card_id, body=body)
        return pb.ActivateCardResponse(card=card)

    async def ActivateTransfer(
        self, request: pb.ActivateTransferRequest, context: Context
    ) -> pb.ActivateTransferResponse:
        """Activate a card that was given away, with its code."""
        async with self.presenting.code(request.receiver_id, Secret(request.code)) as code:
            body = commands.ActivateTransfer(*code, actor=request.receiver_id, channel=_channel(request))
            asked = without_code(request, code.blind_index)
            card = await self.edge.ask(context, asked, key=code.card_id, body=body)
        return pb.ActivateTransferResponse(card=card)

    async def TransferCard(self, request: pb.TransferCardRequest, context: Context) -> pb.TransferCardResponse:
        """Give a card away."""
        body = commands.TransferCard(
            card_id=request.card_id, customer_id=request.customer_id, receiver_id=request.receiver_id,
            actor=request.customer_id, channel=_channel(request),
        )
        return pb.TransferCardResponse(card=await self.edge.ask(context, request, key=request.card_id, body=body))

    async def WithdrawTransfer(
        self, request: pb.WithdrawTransferRequest, context: Context
    ) -> pb.WithdrawTransferResponse:
        """Take a card back that was given away."""
        owner = request.customer_id
        body = commands.WithdrawTransfer(request.card_id, owner, actor=owner, channel=_channel(request))
        return pb.WithdrawTransferResponse(card=await self.edge.ask(context, request, key=request.card_id, body=body))

    async def FreezeCard(self, request: pb.FreezeCardRequest, context: Context) -> pb.FreezeCardResponse:
        """Freeze a card for a case."""
        body = commands.FreezeCard(request.card_id, request.case_id, request.operator_id)
        return pb.FreezeCardResponse(card=await self.edge.ask(context, request, key=request.card_id, body=body))

    async def UnfreezeCard(self, request: pb.UnfreezeCardRequest, context: Context) -> pb.UnfreezeCardResponse:
        """Lift the freeze of a case."""
        body = commands.UnfreezeCard(request.card_id, request.case_id, request.operator_id)
        return pb.UnfreezeCardResponse(card=await self.edge.ask(context, request, key=request.card_id, body=body))

    async def VoidCard(self, request: pb.VoidCardRequest, context: Context) -> pb.VoidCardResponse:
        """Void a card; two people do it."""
        body = commands.VoidCard(request.card_id, request.maker, request.checker)
        return pb.VoidCardResponse(card=await self.edge.ask(context, request, key=request.card_id, body=body))

    async def CloseCard(self, request: pb.CloseCardRequest, context: Context) -> pb.CloseCardResponse:
        """Close a card; its value goes to the wallet."""
        body = commands.CloseCard(
            card_id=request.card_id, customer_id=request.customer_id, account_id=request.account_id,
            actor=request.customer_id, channel=_channel(request),
        )
        return pb.CloseCardResponse(card=await self.edge.ask(context, request, key=request.card_id, body=body))

    async def RevealCode(self, request: pb.RevealCodeRequest, context: Context) -> pb.RevealCodeResponse:
        """Show the owner the code of a card: the one place where it leaves the engine."""
        body = commands.RevealCode(
            card_id=request.card_id, customer_id=request.customer_id, fresh=self.vault.new_code(request.card_id),
            actor=request.operator_id or request.customer_id, channel=_channel(request),
        )
        shown: pb.CodeShown = await self.edge.ask(context, request, key=request.card_id, body=body)
        async with self.edge.read() as connection:
            code = await find_code(connection, shown.card_id, shown.number)
        if code is None:
            raise Defect(f"code {shown.number} of {shown.card_id} was shown, and is not there")
        return pb.RevealCodeResponse(
            card_id=shown.card_id, code=self.vault.code_in(code).reveal(), last4=shown.last4,
            verification_code=self.vault.verification_code(shown.card_id, shown.number).reveal(),
        )

    async def RotateKeys(self, request: pb.RotateKeysRequest, context: Context) -> pb.RotateKeysResponse:
        """Wrap the keys of all codes under the newest."""
        return await run_once(
            self.edge, request, pb.RotateKeysResponse, lambda: rotate(self.edge, self.vault, request)
        )

    async def ListCardHistory(
        self, request: pb.ListCardHistoryRequest, context: Context
    ) -> pb.ListCardHistoryResponse:
        """List what happened to a card."""
        page = page_of(request, (0,))
        async with self.edge.read() as connection:
            found = await store.list_history(connection, request.card_id, *page.after, page.limit)
        entries, following = page.cut(found, lambda row: (row["sequence"],), wire.history_entry)
        return pb.ListCardHistoryResponse(entries=entries, next_page_token=following)

    async def GetCard(self, request: pb.GetCardRequest, context: Context) -> pb.GetCardResponse:
        """Show a card at `min_version` or later."""

        async def look(connection: Connection) -> GiftCard:
            card = await store.find_card(connection, request.card_id)
            if card is None:
                raise NotFound("CARD_NOT_FOUND", f"there is no card {request.card_id}")
            return new_enough(card, request.min_version, "the card is at version")

        card = await read_when(self.edge, context, look, key=request.card_id)
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


def _channel(request: Any) -> EntryChannel:  # Any: each request is a type of its own
    return CHANNELS.from_wire[request.channel]
