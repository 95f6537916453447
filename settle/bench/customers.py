"""The family that is cloned: two customers, made through the public API while the manual clock goes by.

One has orders that are new, the other orders on which two instalments were billed and repaid. Each has two orders that
are not shipped (to be cancelled) and two whose goods are on their way back (to be received: one whole, one in part).
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from settle.bench.targets import Target
from settlement.card_redemption.v1 import card_service_pb2, card_service_pb2_grpc
from settlement.common.v1 import money_pb2, tender_pb2
from settlement.credit_ledger.v1 import (
    credit_service_pb2,
    credit_service_pb2_grpc,
    statement_service_pb2,
    statement_service_pb2_grpc,
)
from settlement.operations.v1 import operations_service_pb2, operations_service_pb2_grpc
from settlement.order.v1 import (
    after_sale_service_pb2,
    after_sale_service_pb2_grpc,
    order_pb2,
    order_service_pb2,
    order_service_pb2_grpc,
)

BILL_DAY, DUE_DAY = 5, 15
FEE_PPM = 5_000
SHARES = {"credit": (70, 30, 0), "mixed": (60, 15, 25)}
"""Percent of an order by credit, wallet and gift card."""
PRICES = (129_900, 45_050, 8_325)
SECONDS = 20.0
WAIT = Duration(seconds=15)


class Family:
    """Builds the customers; `targets` are the orders that the load settles, once for each clone."""

    def __init__(self, services: dict[str, str], mix: str) -> None:
        options = [("grpc.enable_http_proxy", 0)]
        self._channels = {name: grpc.aio.insecure_channel(target, options=options) for name, target in services.items()}
        self._orders = order_service_pb2_grpc.OrderServiceStub(self._channels["order"])
        self._returns = after_sale_service_pb2_grpc.AfterSaleServiceStub(self._channels["order"])
        self._credit = credit_service_pb2_grpc.CreditServiceStub(self._channels["credit_ledger"])
        self._bills = statement_service_pb2_grpc.StatementServiceStub(self._channels["credit_ledger"])
        self._cards = card_service_pb2_grpc.CardServiceStub(self._channels["card_redemption"])
        self._shares = SHARES[mix]
        self.targets: list[Target] = []

    async def build(self, now: datetime) -> None:
        """All of it; afterwards the engine's clock stands at `now`."""
        bills = _bill_dates(now)
        await self._set_clock(bills[0] - timedelta(days=10))
        account, customer, card = await self._open()
        shipped = [await self._shipped(account, customer, card, "mer_repaid") for _ in range(2)]
        for bill in bills:
            await self._set_clock(bill + timedelta(days=3))
            await self._repay(account, bill)
        await self._set_clock(now - timedelta(days=2))
        await self._finish(account, customer, card, "mer_repaid", shipped, now)
        account, customer, card = await self._open()
        shipped = [await self._shipped(account, customer, card, "mer_unpaid") for _ in range(2)]
        await self._finish(account, customer, card, "mer_unpaid", shipped, now)
        await self._set_clock(now)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()

    async def _finish(self, account: str, customer: str, card: str, merchant: str, shipped: list[str], now: datetime) -> None:
        """Two new orders, and the shipped ones sent back: the first whole, the second one piece of it."""
        for _ in range(2):
            self.targets.append(Target(await self._place(account, customer, card, merchant)))
        for order_id, whole in zip(shipped, (True, False), strict=True):
            self.targets.append(Target(order_id, await self._sent_back(order_id, whole)))

    async def _open(self) -> tuple[str, str, str]:
        account, customer, card = (f"{kind}_{uuid.uuid4().hex}" for kind in ("acc", "cus", "crd"))
        await self._credit.OpenAccount(credit_service_pb2.OpenAccountRequest(
            request_id=_new(), account_id=account, customer_id=customer, limit=_money(10_000_000), bill_day=BILL_DAY,
            due_day=DUE_DAY,
        ), timeout=SECONDS)
        await self._credit.FundWallet(credit_service_pb2.FundWalletRequest(
            request_id=_new(), account_id=account, amount=_money(5_000_000),
        ), timeout=SECONDS)
        if self._shares[2]:
            await self._cards.IssueCard(card_service_pb2.IssueCardRequest(
                request_id=_new(), card_id=card, customer_id=customer, face=_money(5_000_000),
            ), timeout=SECONDS)
        return account, customer, card

    async def _place(self, account: str, customer: str, card: str, merchant: str) -> str:
        order_id, total = f"ord_{uuid.uuid4().hex}", 2 * sum(PRICES)
        amounts = [total * share // 100 for share in self._shares]
        amounts[0] += total - sum(amounts)
        kinds = (tender_pb2.TENDER_TYPE_CREDIT, tender_pb2.TENDER_TYPE_WALLET, tender_pb2.TENDER_TYPE_GIFTCARD)
        answer = await self._orders.PlaceOrder(order_service_pb2.PlaceOrderRequest(
            request_id=_new(), order_id=order_id, customer_id=customer, merchant_id=merchant, account_id=account,
            lines=[
                order_pb2.NewLine(line_id=f"line-{n}", sku=f"sku-{n}", title="goods", quantity=2, unit_price=_money(price))
                for n, price in enumerate(PRICES, 1)
            ],
            tenders=[
                order_pb2.Tender(type=kind, amount=_money(amount), card_id=card if kind == tender_pb2.TENDER_TYPE_GIFTCARD else "")
                for kind, amount in zip(kinds, amounts, strict=True) if amount
            ],
            credit_terms=tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=12, fee_ppm=FEE_PPM),
            wait_timeout=WAIT,
        ), timeout=SECONDS)
        _done(answer.settlement.state, order_id)
        return order_id

    async def _shipped(self, account: str, customer: str, card: str, merchant: str) -> str:
        order_id = await self._place(account, customer, card, merchant)
        answer = await self._orders.ConfirmShipment(order_service_pb2.ConfirmShipmentRequest(
            request_id=_new(), order_id=order_id, wait_timeout=WAIT,
        ), timeout=SECONDS)
        _done(answer.settlement.state, order_id)
        await self._orders.ConfirmDelivery(order_service_pb2.ConfirmDeliveryRequest(
            request_id=_new(), order_id=order_id,
        ), timeout=SECONDS)
        return order_id

    async def _repay(self, account: str, bill: datetime) -> None:
        await self._bills.CutStatement(statement_service_pb2.CutStatementRequest(
            request_id=_new(), account_id=account, bill_date=bill.date().isoformat(),
        ), timeout=SECONDS)
        known = await self._credit.GetCreditAccount(credit_service_pb2.GetCreditAccountRequest(account_id=account), timeout=SECONDS)
        due = known.account.due.minor_units
        if not due:
            raise RuntimeError(f"nothing is due of {account} after the bill of {bill.date()}")
        await self._credit.Repay(credit_service_pb2.RepayRequest(
            request_id=_new(), account_id=account, amount=_money(due), instrument="debit-card",
        ), timeout=SECONDS)

    async def _sent_back(self, order_id: str, whole: bool) -> str:
        lines = [order_pb2.LineQuantity(line_id=f"line-{n}", quantity=2) for n in range(1, len(PRICES) + 1)]
        lines = lines if whole else [order_pb2.LineQuantity(line_id="line-1", quantity=1)]
        case = (await self._returns.RequestReturn(after_sale_service_pb2.RequestReturnRequest(
            request_id=_new(), order_id=order_id, lines=lines, reason=after_sale_service_pb2.RETURN_REASON_NOT_WANTED,
        ), timeout=SECONDS)).return_case
        await self._returns.ApproveReturn(after_sale_service_pb2.ApproveReturnRequest(
            request_id=_new(), return_id=case.return_id, order_id=order_id,
        ), timeout=SECONDS)
        await self._returns.RegisterWaybill(after_sale_service_pb2.RegisterWaybillRequest(
            request_id=_new(), return_id=case.return_id, order_id=order_id, waybill_number="SF1234567890",
        ), timeout=SECONDS)
        return str(case.return_id)

    async def _set_clock(self, at: datetime) -> None:
        await set_clock(self._channels.values(), at)


async def set_clock(channels: Iterable[grpc.aio.Channel], at: datetime) -> None:
    """Move the manual clock of the services behind these channels."""
    stamp = Timestamp()
    stamp.FromDatetime(at)
    for channel in channels:
        await operations_service_pb2_grpc.OperationsServiceStub(channel).SetClock(
            operations_service_pb2.SetClockRequest(request_id=_new(), time=stamp), timeout=SECONDS
        )


def _bill_dates(now: datetime) -> list[datetime]:
    """The last two bill instants that are at least four days past, in the business zone's midnight."""
    dates: list[datetime] = []
    month = datetime(now.year, now.month, BILL_DAY, tzinfo=UTC)
    while len(dates) < 2:
        if month < now - timedelta(days=5):
            dates.insert(0, month)
        month = (month.replace(day=1) - timedelta(days=1)).replace(day=BILL_DAY)
    return dates


def _new() -> str:
    return str(uuid.uuid4())


def _money(amount_minor: int) -> money_pb2.Money:
    return money_pb2.Money(minor_units=amount_minor, currency_code="CNY")


def _done(state: int, order_id: str) -> None:
    from settlement.order.v1 import settlement_pb2

    if state != settlement_pb2.SETTLEMENT_STATE_DONE:
        raise RuntimeError(f"{order_id}: {settlement_pb2.SettlementState.Name(state)}")  # type: ignore[arg-type]  # an enum's value
