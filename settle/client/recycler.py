"""Where a customer recycles gift cards: submit one, ask whether it can be taken back, take it back, see how it is."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from settle.client.calls import call
from settle.client.customer import Customer
from settle.client.engine import Engine
from settle.client.requests import WAIT, fresh, money
from settlement.card_redemption.v1 import card_service_pb2, channel_pb2, record_service_pb2
from settlement.card_redemption.v1 import redemption_service_pb2 as pb

Answer = Any  # a generated message
ISSUER = "OTHER"
VERIFICATION_CODE = "123456"


class Recycler:
    """One customer before the redemption service. `pause` lets the time pass that a draft has to be looked at."""

    def __init__(self, engine: Engine, customer: Customer, pause: Callable[[], Awaitable[None]]) -> None:
        self._engine = engine
        self._customer = customer
        self._pause = pause

    async def own_card(self, card_id: str, face_minor: int, code: str) -> None:
        """The customer gets a card of ours with this code."""
        request = card_service_pb2.IssueCardRequest(
            request_id=fresh(), card_id=card_id, customer_id=self._customer.customer_id, face=money(face_minor),
            code=code,
        )
        await call(self._engine.cards.IssueCard, request)

    async def submit(
        self, channel: str, code: str, face_minor: int, issuer: str = "", deadline: datetime | None = None,
        *, risk_score: int = 0,
    ) -> Answer:
        """Prepare and confirm, to be paid into the wallet; answers the accepted redemption. A condition has until its
        `deadline`; risk control may score it."""
        preparing = pb.PrepareRedemptionRequest(
            request_id=fresh(), customer_id=self._customer.customer_id, code=code, issuer=issuer,
            verification_code=VERIFICATION_CODE if issuer else "", declared=money(face_minor), channel=channel,
            method=channel_pb2.PAYOUT_METHOD_JD_BALANCE, account_id=self._customer.account_id, risk_score=risk_score,
        )
        if deadline is not None:
            preparing.condition_deadline.FromDatetime(deadline)
        token = (await call(self._engine.redemptions.PrepareRedemption, preparing)).token
        await self._pause()
        confirming = pb.ConfirmRedemptionRequest(request_id=fresh(), token=token, wait_timeout=WAIT)
        return (await call(self._engine.redemptions.ConfirmRedemption, confirming)).redemption

    async def can_cancel(self, redemption_id: str) -> Answer:
        """Whether it can be taken back now, until when and for what fee."""
        return await call(self._engine.redemptions.CanCancel, pb.CanCancelRequest(redemption_id=redemption_id))

    async def cancel(self, redemption_id: str) -> Answer:
        """Take it back; answers the redemption."""
        request = pb.RequestCancelRequest(
            request_id=fresh(), redemption_id=redemption_id, customer_id=self._customer.customer_id, wait_timeout=WAIT
        )
        return (await call(self._engine.redemptions.RequestCancel, request)).redemption

    async def now(self, redemption_id: str) -> Answer:
        """The redemption as it is."""
        request = pb.GetRedemptionRequest(redemption_id=redemption_id)
        return (await call(self._engine.redemptions.GetRedemption, request)).redemption

    async def attempts(self) -> list[Answer]:
        """What the permanent record has of this customer's attempts, all of them."""
        request = record_service_pb2.ListAttemptsRequest(actor=self._customer.customer_id, page_size=100)
        return list((await call(self._engine.record.ListAttempts, request)).attempts)
