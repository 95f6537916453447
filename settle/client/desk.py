"""The desk: a customer's account, wallet and gift card, and what both books say of them, through the public API."""

import asyncio
import time
from typing import Any

from settle.client.calls import call
from settle.client.customer import Customer
from settle.client.engine import Engine
from settle.client.requests import fresh, money
from settlement.card_redemption.v1 import card_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2, leg_pb2, statement_service_pb2

Answer = Any  # a generated message
LEG_SECONDS = 20.0
POLL_SECONDS = 0.05
PAGE = 500
BILL_DAY, DUE_DAY = 5, 15


class Desk:
    """One customer's money."""

    def __init__(self, engine: Engine, customer: Customer) -> None:
        self._engine = engine
        self._customer = customer

    async def open_account(self, limit_minor: int, wallet_minor: int, card_minor: int) -> Answer:
        """Grant a limit, fill the wallet, issue a gift card; answers the account."""
        opening = credit_service_pb2.OpenAccountRequest(
            request_id=fresh(), account_id=self._customer.account_id, customer_id=self._customer.customer_id,
            limit=money(limit_minor), bill_day=BILL_DAY, due_day=DUE_DAY,
        )
        await call(self._engine.credit.OpenAccount, opening)
        funding = credit_service_pb2.FundWalletRequest(
            request_id=fresh(), account_id=self._customer.account_id, amount=money(wallet_minor)
        )
        await call(self._engine.credit.FundWallet, funding)
        if card_minor:
            issuing = card_service_pb2.IssueCardRequest(
                request_id=fresh(), card_id=self._customer.card_id, customer_id=self._customer.customer_id,
                face=money(card_minor),
            )
            await call(self._engine.cards.IssueCard, issuing)
        return await self.account()

    async def account(self) -> Answer:
        """Read the account."""
        request = credit_service_pb2.GetCreditAccountRequest(account_id=self._customer.account_id)
        return (await call(self._engine.credit.GetCreditAccount, request)).account

    async def card(self) -> Answer:
        """Read the gift card."""
        request = card_service_pb2.GetCardRequest(card_id=self._customer.card_id)
        return (await call(self._engine.cards.GetCard, request)).card

    async def bill(self, bill_date: str) -> Answer:
        """Cut the statement of a bill date now, unless the clock did it; answers the statement."""
        request = statement_service_pb2.CutStatementRequest(
            request_id=fresh(), account_id=self._customer.account_id, bill_date=bill_date
        )
        return (await call(self._engine.statements.CutStatement, request)).statement

    async def repay(self, amount_minor: int) -> Answer:
        """Repay from the bank account."""
        request = credit_service_pb2.RepayRequest(
            request_id=fresh(), account_id=self._customer.account_id, amount=money(amount_minor)
        )
        return await call(self._engine.credit.Repay, request)

    async def instalments(self, order_id: str) -> list[Answer]:
        """Read the order's repayment table."""
        request = credit_service_pb2.ListInstalmentsRequest(
            account_id=self._customer.account_id, order_id=order_id, page_size=PAGE
        )
        return list((await call(self._engine.credit.ListInstalments, request)).instalments)

    async def journals(self, order_id: str, settlement_id: str = "") -> list[Answer]:
        """Read what both books posted for an order, or for one of its settlements."""
        credit = credit_service_pb2.ListJournalsRequest(root_id=self._customer.account_id, order_id=order_id)
        cards = card_service_pb2.ListJournalsRequest(root_id=self._customer.card_id, order_id=order_id)
        found = [
            *(await call(self._engine.credit.ListJournals, credit)).journals,
            *(await call(self._engine.cards.ListJournals, cards)).journals,
        ]
        return [journal for journal in found if settlement_id in ("", journal.settlement_id)]

    async def legs(self, order_id: str) -> list[Answer]:
        """Read the order's payments to the outside world."""
        request = credit_service_pb2.ListLegsRequest(account_id=self._customer.account_id)
        legs = (await call(self._engine.credit.ListLegs, request)).legs
        return [leg for leg in legs if leg.order_id == order_id]

    async def leg(self, order_id: str, state: int) -> Answer:
        """Read the order's payment to the bank card once it has come to this state; else as it is after a while."""
        deadline = time.monotonic() + LEG_SECONDS
        legs = await self.legs(order_id)
        while not (legs and legs[0].state == state) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            legs = await self.legs(order_id)
        return legs[0] if legs else leg_pb2.Leg()
