"""Everything that was done is read once more, by everybody who may, page by page."""

from typing import Any

from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import instalment_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2, leg_pb2, statement_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2, settlement_pb2
from tests.recorded.people import People
from tests.recorded.requests import MERCHANT, Customer, stamp
from tests.recorded.stage import NAMES

CUSTOMERS = tuple(map(Customer, ("ann", "ben", "cat", "dan", "fay", "gus", "hal", "eve")))
PAGES_MAX = 100


async def tell(people: People) -> None:
    """The chapter."""
    for customer in CUSTOMERS:
        await _account(people, customer)
        await _cards(people, customer)
        await _orders(people, customer)
    await _merchants(people)
    await _not_there(people)
    for name in NAMES:
        await people.ask(operations_service_pb2.GetClockRequest(), at=name)
        await people.ask(operations_service_pb2.GetActivityRequest(), at=name)
        await _paged(people, operations_service_pb2.ListSagasRequest(page_size=40), at=name)


async def _paged(people: People, request: Any, at: str = "") -> list[Any]:
    """All pages of a list."""
    pages = []
    for _ in range(PAGES_MAX):
        pages.append(await people.ask(request, at))
        request.page_token = pages[-1].next_page_token
        if not request.page_token:
            return pages
    raise AssertionError("pages without an end")


async def _account(people: People, customer: Customer) -> None:
    who: dict[str, Any] = {"account_id": customer.account_id}
    account = (await people.ask(pb.GetCreditAccountRequest(**who))).account
    await people.ask(pb.GetCreditAccountRequest(**who, min_version=account.version))
    for page in await _paged(people, statement_service_pb2.ListStatementsRequest(**who, page_size=2)):
        for statement in page.statements:
            await people.ask(statement_service_pb2.GetStatementRequest(**who, bill_date=statement.bill_date))
    await _paged(people, pb.ListInstalmentsRequest(**who, page_size=3))
    for state in instalment_pb2.InstalmentState.values()[1:]:
        await people.ask(pb.ListInstalmentsRequest(**who, state=state))
    pages = await _paged(people, pb.ListMovementsRequest(**who, page_size=10))
    kinds = sorted({movement.kind for page in pages for movement in page.movements})
    for kind in kinds:
        await people.ask(pb.ListMovementsRequest(**who, kind=kind))
    middle = stamp(people.stage.now.replace(month=5))
    await people.ask(pb.ListMovementsRequest(**who, from_time=middle, page_size=2))
    await people.ask(pb.ListMovementsRequest(**who, until_time=middle, page_size=2))
    await _paged(people, pb.ListJournalsRequest(root_id=customer.account_id, page_size=20))
    await _paged(people, pb.ListLegsRequest(**who, page_size=2))
    for stage in leg_pb2.LegState.values()[1:]:
        await people.ask(pb.ListLegsRequest(**who, state=stage))
    await _paged(people, adjustment_service_pb2.ListAdjustmentsRequest(**who, page_size=1))


async def _cards(people: People, customer: Customer) -> None:
    for page in await _paged(people, card_service_pb2.ListCardsRequest(customer_id=customer.id, page_size=1)):
        for card in page.cards:
            await people.ask(card_service_pb2.GetCardRequest(card_id=card.card_id))
            await _paged(people, card_service_pb2.ListJournalsRequest(root_id=card.card_id, page_size=10))


async def _orders(people: People, customer: Customer) -> None:
    for page in await _paged(people, order_service_pb2.ListOrdersRequest(customer_id=customer.id, page_size=4)):
        for order in page.orders:
            await _order(people, order.order_id)
    for state in order_pb2.OrderState.values()[1:]:
        await people.ask(order_service_pb2.ListOrdersRequest(customer_id=customer.id, state=state, page_size=1))


async def _order(people: People, order_id: str) -> None:
    await people.ask(order_service_pb2.GetOrderRequest(order_id=order_id))
    await _paged(people, after_sale_service_pb2.ListReturnsRequest(order_id=order_id, page_size=2))
    for page in await _paged(people, order_service_pb2.ListSettlementsRequest(order_id=order_id, page_size=3)):
        for settlement in page.settlements:
            which = settlement.settlement_id
            await people.ask(order_service_pb2.GetSettlementRequest(settlement_id=which))
            await people.ask(order_service_pb2.ExplainSettlementRequest(settlement_id=which))
    refunds = settlement_pb2.SETTLEMENT_KIND_REFUND
    pages = await _paged(people, order_service_pb2.ListSettlementsRequest(order_id=order_id, kind=refunds))
    for settlement in pages[0].settlements[:1]:
        if settlement.state in (settlement_pb2.SETTLEMENT_STATE_DONE, settlement_pb2.SETTLEMENT_STATE_ABORTED):
            await people.ask(order_service_pb2.WatchSettlementRequest(settlement_id=settlement.settlement_id))


async def _merchants(people: People) -> None:
    balance = await people.ask(pb.GetMerchantBalanceRequest(merchant_id=MERCHANT))
    for root in balance.root_ids:
        await people.ask(pb.ListJournalsRequest(root_id=root))
    await people.ask(card_service_pb2.GetMerchantBalanceRequest(merchant_id=MERCHANT))
    await _paged(people, order_service_pb2.ListOrdersRequest(merchant_id=MERCHANT, page_size=20))


async def _not_there(people: People) -> None:
    """What does not exist, is somebody else's, or is newer than anything."""
    await people.refused("ACCOUNT_NOT_FOUND", pb.GetCreditAccountRequest(account_id="acc_none"))
    await people.refused("CARD_NOT_FOUND", card_service_pb2.GetCardRequest(card_id="crd_none"))
    await people.refused("SETTLEMENT_NOT_FOUND", order_service_pb2.GetSettlementRequest(settlement_id="saga_none"))
    await people.refused("RETURN_NOT_FOUND", after_sale_service_pb2.GetReturnRequest(return_id="ret_none"))
    await people.refused("INVALID_ARGUMENT", order_service_pb2.ListOrdersRequest())
    await people.refused("STATEMENT_NOT_FOUND", statement_service_pb2.GetStatementRequest(
        account_id="acc_ann", bill_date="2020-01-05"
    ))
    not_his = order_service_pb2.GetOrderRequest(order_id="ord_gift", customer_id="cus_ben")
    await people.refused("ORDER_NOT_FOUND", not_his)
