"""The kind `credit_flow`: each event as calls of the public API, and what is read back after it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from settle.client.calls import Rejected, call
from settle.client.engine import Engine
from settle.client.requests import WAIT, money
from settle.vectors.comparison import OPENING, closing_balances
from settle.vectors.outcomes import OK, NotPlayed, code_of
from settle.vectors.readings import Readings
from settle.vectors.scenario import Json, Scenario
from settle.vectors.world import World
from settlement.card_redemption.v1 import card_service_pb2
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2, credit_service_pb2, statement_service_pb2
from settlement.order.v1 import (
    after_sale_service_pb2,
    merchant_service_pb2,
    order_pb2,
    order_service_pb2,
    settlement_pb2,
)

EVIDENCE = ("order-page", "bill-page")


@dataclass(slots=True)
class Told:
    """What the product answered so far."""

    outcomes: list[str] = field(default_factory=list)
    splits: list[Json] = field(default_factory=list)
    payouts: list[Json] = field(default_factory=list)
    statements: list[Json] = field(default_factory=list)
    settlements: set[str] = field(default_factory=set)


class CreditFlow:
    """Plays one case event by event; the caller moves the clock and waits for rest in between."""

    def __init__(self, engine: Engine, scenario: Scenario) -> None:
        self._engine = engine
        self._scenario = scenario
        self._world = World(engine, scenario)
        self._readings = Readings(engine, self._world)
        self._told = Told()
        unknown = [event["type"] for event in scenario.when if event["type"] not in EVENTS]
        if unknown:
            raise NotPlayed(f"event {unknown[0]} is not built")

    async def set_up(self) -> None:
        """Make the case's world."""
        await self._world.set_up()

    async def play(self, number: int) -> None:
        """Issue the commands of one event and note its outcome."""
        event = self._scenario.when[number]
        try:
            await EVENTS[event["type"]](self, event, number)
            self._told.outcomes.append(OK)
        except Rejected as rejection:
            self._told.outcomes.append(code_of(event["type"], rejection))

    async def observe(self, number: int) -> None:
        """Read what was posted since the event before came to rest; it belongs to this event."""
        event = self._scenario.when[number]
        paid = any(each["type"] == "MERCHANT_SETTLE" for each in self._scenario.when[: number + 1])
        await self._readings.journals(number, paid)
        if event["type"] == "STATEMENT":
            self._told.statements.append(await self._readings.statement(event["bill_date"]))

    async def actual(self) -> Json:
        """Everything that a `then` can name, as it is now."""
        told, journals = self._told, self._readings.posted
        return {
            "journals": journals,
            "balances": closing_balances(journals, {OPENING: self._scenario.given["limit"]}),
            "outcomes": told.outcomes,
            "instalments": await self._instalments(),
            "statements": told.statements,
            "splits": told.splits,
            "payouts": told.payouts,
        }

    async def _instalments(self) -> Json:
        named = self._scenario.then.get("instalments", {})
        return {name: await self._readings.instalments(name) for name in named}

    # -- events

    async def authorize(self, event: Json, number: int) -> None:
        """Place the order."""
        request = self._world.place(event["order"], self._world.request_id(number))
        _ended((await call(self._engine.orders.PlaceOrder, request)).settlement)

    async def cancel(self, event: Json, number: int) -> None:
        """Cancel the order."""
        request = order_service_pb2.CancelOrderRequest(
            request_id=self._world.request_id(number),
            order_id=self._world.order_id(event["order"]),
            reason=order_pb2.CANCEL_REASON_NOT_WANTED,
            wait_timeout=WAIT,
        )
        _ended((await call(self._engine.orders.CancelOrder, request)).settlement)

    async def ship(self, event: Json, number: int) -> None:
        """Ship all lines."""
        request = order_service_pb2.ConfirmShipmentRequest(
            request_id=self._world.request_id(number),
            order_id=self._world.order_id(event["order"]),
            wait_timeout=WAIT,
        )
        _ended((await call(self._engine.orders.ConfirmShipment, request)).settlement)

    async def statement(self, event: Json, number: int) -> None:
        """Cut; the clock may have done it already."""
        request = statement_service_pb2.CutStatementRequest(
            request_id=self._world.request_id(number), account_id=self._world.account_id, bill_date=event["bill_date"]
        )
        await call(self._engine.statements.CutStatement, request)

    async def repay(self, event: Json, number: int) -> None:
        """Repay by an instrument."""
        request = credit_service_pb2.RepayRequest(
            request_id=self._world.request_id(number),
            account_id=self._world.account_id,
            amount=money(event["amount"]),
            instrument=self._world.instruments.wire(event.get("instrument", "BANK")),
        )
        await call(self._engine.credit.Repay, request)

    async def late_accrual(self, event: Json, number: int) -> None:
        """Run the accrual of this account."""
        request = credit_service_pb2.AccrueLateFeesRequest(
            request_id=self._world.request_id(number), account_id=self._world.account_id, through=event["through"]
        )
        await call(self._engine.credit.AccrueLateFees, request)

    async def waive_late(self, event: Json, number: int) -> None:
        """Waive the late fees of the account."""
        request = credit_service_pb2.WaiveLateFeesRequest(
            request_id=self._world.request_id(number), account_id=self._world.account_id, reason="goodwill"
        )
        await call(self._engine.credit.WaiveLateFees, request)

    async def refund(self, event: Json, number: int) -> None:
        """A whole return case, or money back without goods; the first step carries the refund's request id."""
        name = ("key", event["key"]) if "key" in event else (number,)
        settlement = await (self._return(event, name) if "lines" in event else self._refund_amount(event, name))
        _ended(settlement)
        parts = {share.type: share.amount.minor_units for share in settlement.tenders}
        kinds = (tender["type"] for tender in self._world.orders[event["order"]]["tenders"])
        self._told.splits.append([parts.get(_tender_type(kind), 0) for kind in kinds])
        if settlement.settlement_id not in self._told.settlements:
            self._told.settlements.add(settlement.settlement_id)
            self._gave_back(settlement.given_back)

    async def _refund_amount(self, event: Json, name: tuple[object, ...]) -> Any:  # Any: a generated message
        request = after_sale_service_pb2.RefundAmountRequest(
            request_id=self._world.request_id(*name),
            order_id=self._world.order_id(event["order"]),
            amount=money(event["amount"]),
            line_id=self._world.line_id(event["line"]) if "line" in event else "",
            reason="price reduction" if "line" in event else "goodwill",
            wait_timeout=WAIT,
        )
        return (await call(self._engine.after_sale.RefundAmount, request)).settlement

    async def _return(self, event: Json, name: tuple[object, ...]) -> Any:  # Any: a generated message
        api, world = self._engine.after_sale, self._world
        asked = after_sale_service_pb2.RequestReturnRequest(
            request_id=world.request_id(*name),
            order_id=world.order_id(event["order"]),
            customer_id=world.customer_id,
            lines=world.quantities(event["lines"]),
            reason=after_sale_service_pb2.RETURN_REASON_NOT_WANTED,
        )
        case = (await call(api.RequestReturn, asked)).return_case
        ids = {"return_id": case.return_id, "order_id": case.order_id}
        approval = after_sale_service_pb2.ApproveReturnRequest(request_id=world.request_id(*name, "approve"), **ids)
        await call(api.ApproveReturn, approval)
        waybill = after_sale_service_pb2.RegisterWaybillRequest(
            request_id=world.request_id(*name, "waybill"), waybill_number="SF1", **ids
        )
        await call(api.RegisterWaybill, waybill)
        receipt = after_sale_service_pb2.ConfirmReceiptRequest(
            request_id=world.request_id(*name, "receipt"), wait_timeout=WAIT, **ids
        )
        return (await call(api.ConfirmReceipt, receipt)).settlement

    async def flash_confirm(self, event: Json, number: int) -> None:
        """Have the network confirm the refund."""
        request = credit_service_pb2.ConfirmFlashRefundRequest(
            request_id=self._world.request_id(number),
            account_id=self._world.account_id,
            order_id=self._world.order_id(event["order"]),
        )
        self._gave_back((await call(self._engine.credit.ConfirmFlashRefund, request)).effect.given_back)

    async def manual_adjust(self, event: Json, number: int) -> None:
        """Have two people complete the refund."""
        request = adjustment_service_pb2.AdjustRefundRequest(
            request_id=self._world.request_id(number),
            account_id=self._world.account_id,
            order_id=self._world.order_id(event["order"]),
            maker=event["maker"],
            checker=event["checker"],
            evidence=EVIDENCE,
            reason="the network never confirmed",
        )
        self._gave_back((await call(self._engine.adjustments.AdjustRefund, request)).effect.given_back)

    async def refund_reverse(self, event: Json, number: int) -> None:
        """Undo the order's last refund."""
        request = after_sale_service_pb2.ReverseRefundRequest(
            request_id=self._world.request_id(number),
            order_id=self._world.order_id(event["order"]),
            reason="the return was withdrawn",
            wait_timeout=WAIT,
        )
        _ended((await call(self._engine.after_sale.ReverseRefund, request)).settlement)

    async def merchant_settle(self, event: Json, number: int) -> None:
        """Pay the merchant: what the credit ledger owes first, the rest out of gift-card shares."""
        amount, gift_card = event["amount"], await self._gift_card_share(event["amount"])
        if amount > gift_card:
            request = credit_service_pb2.SettleMerchantRequest(
                request_id=self._world.request_id(number),
                merchant_id=self._world.merchant_id,
                amount=money(amount - gift_card),
                before_netting=True,
            )
            await call(self._engine.credit.SettleMerchant, request)
        if gift_card:
            share = merchant_service_pb2.SettleGiftCardShareRequest(
                request_id=self._world.request_id(number),
                merchant_id=self._world.merchant_id,
                amount=money(gift_card),
                wait_timeout=WAIT,
            )
            answer = await call(self._engine.merchants.SettleGiftCardShare, share)
            _merchant_ended(answer.merchant_settlement)

    async def _gift_card_share(self, amount: int) -> int:
        """What of an amount only card_redemption owes; 0 if both together owe less."""
        merchant_id = self._world.merchant_id
        request = credit_service_pb2.GetMerchantBalanceRequest(merchant_id=merchant_id)
        rest = amount - (await call(self._engine.credit.GetMerchantBalance, request)).payable_minor
        if rest <= 0 or not self._world.card_version:
            return 0
        cards = card_service_pb2.GetMerchantBalanceRequest(merchant_id=merchant_id)
        return rest if rest <= (await call(self._engine.cards.GetMerchantBalance, cards)).payable_minor else 0

    async def payout(self, event: Json, number: int) -> None:
        """Pay credit balance out."""
        request = credit_service_pb2.PayOutCreditBalanceRequest(
            request_id=self._world.request_id(number),
            account_id=self._world.account_id,
            amount=money(event["amount"]),
        )
        await call(self._engine.credit.PayOutCreditBalance, request)

    def _gave_back(self, given_back: Any) -> None:  # Any: generated messages
        for part in given_back:
            self._told.payouts.append([self._world.instruments.case(part.instrument), part.amount_minor])


def _tender_type(kind: str) -> int:
    """The number of a tender type on the wire."""
    return tender_pb2.TenderType.Value(f"TENDER_TYPE_{kind}")


def _ended(settlement: Any) -> None:  # Any: a generated message
    """Raise what became of a settlement that did not take effect."""
    if settlement.state == settlement_pb2.SETTLEMENT_STATE_ABORTED:
        raise Rejected(settlement.reason)
    if settlement.settlement_id and settlement.state != settlement_pb2.SETTLEMENT_STATE_DONE:
        state = settlement_pb2.SettlementState.Name(settlement.state)
        raise NotPlayed(f"{settlement.settlement_id} is {state} {settlement.reason}".rstrip())


def _merchant_ended(settlement: Any) -> None:  # Any: a generated message
    """Raise what became of a settlement with the merchant that did not take effect."""
    if settlement.state == merchant_service_pb2.MERCHANT_SETTLEMENT_STATE_REFUSED:
        raise Rejected(settlement.reason)
    if settlement.state != merchant_service_pb2.MERCHANT_SETTLEMENT_STATE_SETTLED:
        raise NotPlayed(f"{settlement.settlement_id} is not settled yet")


EVENTS: Mapping[str, Callable[[CreditFlow, Json, int], Awaitable[None]]] = {
    "AUTHORIZE": CreditFlow.authorize,
    "CANCEL": CreditFlow.cancel,
    "SHIP": CreditFlow.ship,
    "STATEMENT": CreditFlow.statement,
    "REPAY": CreditFlow.repay,
    "LATE_ACCRUAL": CreditFlow.late_accrual,
    "WAIVE_LATE": CreditFlow.waive_late,
    "REFUND": CreditFlow.refund,
    "FLASH_CONFIRM": CreditFlow.flash_confirm,
    "MANUAL_ADJUST": CreditFlow.manual_adjust,
    "REFUND_REVERSE": CreditFlow.refund_reverse,
    "MERCHANT_SETTLE": CreditFlow.merchant_settle,
    "PAYOUT": CreditFlow.payout,
}
