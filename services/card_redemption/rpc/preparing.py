"""The two steps of a submission at the edge: codes become envelopes and indexes, drafts become tokens (RD-1, RD-24)."""

from typing import Any

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.redeeming import foreign_id
from services.card_redemption.domain.quotes import token as quote_token
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption import drafts
from services.card_redemption.domain.redemption.commands import ConfirmRedemption, PrepareRedemption
from services.card_redemption.domain.redemption.drafts import Draft
from services.card_redemption.domain.verification import Finding
from services.card_redemption.providers.remote import RemoteProvider
from services.card_redemption.rpc.presenting import Presenting, without_code
from services.card_redemption.rpc.quoting import QUOTE_KEY
from services.card_redemption.rpc.redemption_requests import instant_or_none, method
from services.card_redemption.store.reads import find_card
from services.card_redemption.vault import DraftSeal, Vault, look_right
from services.card_redemption.wire.redemptions import ENTRIES
from services.kernel.ids import money_account
from services.kernel.money import amount
from services.kernel.secret import Secret
from services.runtime.ground.tls import Certificates
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from settlement.card_redemption.v1 import redemption_service_pb2 as pb


class Preparing:
    """Drafts of one service process."""

    def __init__(self, edge: Edge, vault: Vault) -> None:
        self._edge, self._vault = edge, vault
        self._presenting = Presenting(edge, vault)
        self._key = edge.settings.key("draft")
        self._seal = DraftSeal(self._key)
        target = edge.settings.option("verifier_target")
        certificates = Certificates.of(edge.settings)
        self._provider = RemoteProvider(target, certificates=certificates) if target else None

    async def prepare(self, request: pb.PrepareRedemptionRequest, context: Context) -> pb.PrepareRedemptionResponse:
        """What a submission would come to, with a token for it; the code goes no further than here."""
        code = Secret(request.code)
        presented = await self._presenting.drafted(request.customer_id, code)
        masked = without_code(request, presented.blind_index)
        masked.verification_code = ""
        card_id = foreign_id(presented.blind_index) if request.issuer else presented.card_id
        draft = await self._draft(request, card_id, presented.blind_index)
        his = await self._his(presented.card_id, request.customer_id)
        body = PrepareRedemption(
            draft, method(request.method), presented.wrong_before, self._key,
            quote=quote_token.read(request.quote, self._edge.settings.key(QUOTE_KEY)),
            purchase=his.purchase if his is not None else "", his_of_ours=his is not None and not his.issuer,
            looks_right=look_right(code, Secret(request.verification_code), request.issuer),
        )
        answer: pb.PrepareRedemptionResponse = await self._edge.ask(
            context, masked, key=request.customer_id, body=body
        )
        answer.token = self._seal.sealed(answer.token)
        return answer

    async def confirm(self, request: pb.ConfirmRedemptionRequest, context: Context) -> Any:  # Any: what the codec tells
        """Submit a draft of ours; its code is only now looked at, so it counts among those that its customer tries."""
        draft = self._seal.opened(request.token)
        async with self._presenting.draft(draft.customer_id) as wrong_before:
            body = ConfirmRedemption(draft, await self._answers(draft), wrong_before)
            return await self._edge.ask(context, request, key=draft.card_id, body=body)

    async def _his(self, card_id: str, customer_id: str) -> GiftCard | None:
        """A card of this customer; of another's nothing is known here, as of none."""
        async with self._edge.read() as connection:
            card = await find_card(connection, card_id)
        return card if card is not None and card.customer_id == customer_id else None

    async def _answers(self, draft: Draft) -> bool:
        """Whether whoever verifies it answers at all: asked about an order that it cannot know, it says so (RD-4)."""
        if not draft.issuer or self._provider is None:
            return not draft.issuer
        answer = await self._provider.query(drafts.redemption_name(draft.nonce))
        return answer is None or answer.finding is not Finding.UNKNOWN

    async def _draft(self, request: pb.PrepareRedemptionRequest, card_id: str, blind_index: str) -> Draft:
        foreign = bool(request.issuer)
        redemption_id = drafts.redemption_name(request.request_id.lower())
        return Draft(
            nonce=request.request_id.lower(), customer_id=request.customer_id,
            account_id=request.account_id or money_account(request.customer_id), card_id=card_id,
            issuer=request.issuer, declared_minor=amount(request.declared.minor_units, "a face"),
            channel=request.channel, terms_version=0, method=PayoutMethod.JD_BALANCE, instrument=request.instrument,
            entry=ENTRIES.from_wire[request.entry], prepared_at=await self._edge.now(), risk_score=request.risk_score,
            scheduled_at=instant_or_none(request, "schedule_time"),
            deadline=instant_or_none(request, "condition_deadline"), agreement_id=request.agreement_id,
            evidence=tuple(request.evidence), blind_index=blind_index,
            code=self._vault.sealed_code(Secret(request.code), card_id) if foreign else None,
            verification=self._vault.sealed(Secret(request.verification_code), redemption_id) if foreign else None,
        )
