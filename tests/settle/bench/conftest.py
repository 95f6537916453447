"""A family on real databases, for what reads and copies the rows of settlements."""

import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from services.card_redemption.domain.commands import IssueCard
from services.credit_ledger.domain.model.commands import FundWallet, OpenAccount
from services.order.domain.commands import CancelOrder, ConfirmShipment, NewLine, NewTender, PlaceOrder
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.tenders import TenderType
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server

NOW = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """A server for this module."""
    with server() as address:
        yield address


@pytest.fixture(scope="module")
async def family(dsn: str) -> AsyncIterator[House]:
    """One customer with an order that waits, one that is shipped and one that is cancelled."""
    async with house(dsn, "family", NOW) as world:
        account, customer, card = (f"{kind}_{uuid.uuid4().hex}" for kind in ("acc", "cus", "crd"))
        await world.ask("credit_ledger", account, OpenAccount(account, customer, 1_000_000))
        await world.ask("credit_ledger", account, FundWallet(account, 100_000))
        await world.ask("card_redemption", card, IssueCard(card, customer, 100_000))
        orders = [f"ord_{uuid.uuid4().hex}" for _ in range(3)]
        for order_id in orders:
            await world.ask("order", order_id, PlaceOrder(
                order_id=order_id, customer_id=customer, merchant_id="mer_1", account_id=account,
                lines=(NewLine("line-1", 2, 20_000),),
                tenders=(NewTender(TenderType.CREDIT, 30_000), NewTender(TenderType.GIFTCARD, 10_000, card)),
                terms=CreditTerms(instalment_count=12),
            ))
        await world.ask("order", orders[1], ConfirmShipment(orders[1]))
        await world.ask("order", orders[2], CancelOrder(orders[2], "NOT_WANTED"))
        yield world
