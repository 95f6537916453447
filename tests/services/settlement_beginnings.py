"""Settlements of every kind just begun, on the whole engine in memory, and all that may happen to their roots before
they end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from services.credit_ledger.domain.model import commands as ledger
from services.credit_ledger.domain.model.leg import RefundLeg
from services.kernel.saga import Verdict
from services.order.domain.merchant_settlement import KIND
from services.order.domain.states import Kind
from settlement.card_redemption.v1 import calendar_service_pb2 as calendars
from settlement.card_redemption.v1 import card_service_pb2 as card
from settlement.card_redemption.v1 import channel_service_pb2 as channels
from settlement.card_redemption.v1 import enterprise_service_pb2 as enterprises
from settlement.credit_ledger.v1 import account_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import merchant_service_pb2 as merchant
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.requests import requests
from tests.extremes.stage import ACCOUNT, CARD, CUSTOMER, MERCHANT, NEW, SHIPPED, WAITING, WORN, Stage, money, stage
from tests.services.held_engine import FIRST_PHASE, HeldEngine

WHY = order_pb2.CANCEL_REASON_NOT_WANTED
MIXED: dict[str, Any] = {"CREDIT": 40_000, "WALLET": 20_000, "GIFTCARD": 20_000, "BANKCARD": 20_000}
ON_CREDIT, BY_CARD, FLASH = "ord_credit", "ord_card", "ord_flash"


class Held(Stage):
    """A shop in the middle of its business. What was asked for while somebody had a claim is `waiting`: it is asked for
    again once the claim is gone, as a lane does."""

    engine: HeldEngine

    def __init__(self, at: Stage) -> None:
        copy = at.copy()
        super().__init__(HeldEngine(copy.engine.worlds, copy.engine.now), copy.ids, copy._number)
        self.waiting: list[object] = []

    def happens(self, request: object) -> None:
        """It is asked for, whatever is answered."""
        if self.ask(request).reason == "ACCOUNT_BUSY":  # type: ignore[arg-type]  # a request
            self.waiting.append(request)

    def comes_again(self) -> None:
        """What waited is decided."""
        waiting, self.waiting = self.waiting, []
        for request in waiting:
            self.happens(request)


def _shop() -> Stage:
    """An order on credit that waits, one that a gift card paid, whose merchant has been paid, and a refund to undo."""
    shop = stage()
    shop.done(shop.place(ON_CREDIT, CREDIT=9_000))
    shop.done(shop.place(BY_CARD, GIFTCARD=8_000))
    shop.done(order.ConfirmShipmentRequest(order_id=BY_CARD))
    shop.done(merchant.SettleGiftCardShareRequest(merchant_id=MERCHANT, amount=money(28_000)))
    for order_id in (SHIPPED, BY_CARD):
        shop.done(sale.RefundAmountRequest(order_id=order_id, amount=money(700)))
    return shop


SHOP = _shop()
Begin = Callable[[Held], None]
Happening = Callable[[Held], None]


def _asked(body: Callable[[Held], object]) -> Begin:
    def begin(at: Held) -> None:
        at.done(body(at))  # type: ignore[arg-type]  # a request

    return begin


def _amount(order_id: str, line_id: str = "") -> Begin:
    return _asked(lambda at: sale.RefundAmountRequest(order_id=order_id, amount=money(500), line_id=line_id))


def _reversal(order_id: str) -> Begin:
    return _asked(lambda at: sale.ReverseRefundRequest(order_id=order_id))


def _confirmed_and_undone(at: Held) -> None:
    at.done(credit.ConfirmFlashRefundRequest(account_id=ACCOUNT, order_id=FLASH))
    at.done(sale.ReverseRefundRequest(order_id=FLASH))


def _given_back(at: Held) -> None:
    named: dict[str, Any] = {"return_id": at.ids["deducted"], "order_id": WORN}
    at.done(sale.DisputeDeductionRequest(**named, customer_id=CUSTOMER, evidence=["photo"]))
    at.done(sale.ResolveDisputeRequest(
        **named, operator_id="op-1", decision=sale.DISPUTE_DECISION_UPHELD, reason="so"
    ))


def _deposit_return(at: Held) -> None:
    """The credit ledger refuses a placement, and the acquirer has its bank payment."""
    at.done(at.place(NEW, **MIXED))
    (placement,) = at.engine.runs
    for command in at.engine.taken("credit_ledger"):
        at.engine.answer(command, Verdict.REFUSED, "ACCOUNT_NOT_ACTIVE")
    at.engine.hold(lambda command: command.saga is not None and command.saga.saga_id == placement.id, answering=True)


BEGINNINGS: dict[str, tuple[str, Begin]] = {
    "placement on credit": (Kind.PLACEMENT, _asked(lambda at: at.place(NEW, CREDIT=7_000))),
    "placement by card": (Kind.PLACEMENT, _asked(lambda at: at.place(NEW, GIFTCARD=7_000))),
    "placement": (Kind.PLACEMENT, _asked(lambda at: at.place(NEW, **MIXED))),
    "shipment": (Kind.CAPTURE, _asked(lambda at: order.ConfirmShipmentRequest(order_id=WAITING))),
    "shipment on credit": (Kind.CAPTURE, _asked(lambda at: order.ConfirmShipmentRequest(order_id=ON_CREDIT))),
    "cancellation": (Kind.CANCELLATION, _asked(lambda at: order.CancelOrderRequest(order_id=WAITING, reason=WHY))),
    "cancellation of one": (Kind.CANCELLATION, _asked(lambda at: order.CancelOrderRequest(
        order_id=WAITING, reason=WHY, lines=[order_pb2.LineQuantity(line_id="L1", quantity=1)]
    ))),
    "cancellation on credit": (
        Kind.CANCELLATION, _asked(lambda at: order.CancelOrderRequest(order_id=ON_CREDIT, reason=WHY)),
    ),
    "receipt": (Kind.REFUND, _asked(lambda at: sale.ConfirmReceiptRequest(
        order_id=SHIPPED, return_id=at.ids["travelling"]
    ))),
    "amount": (Kind.REFUND, _amount(SHIPPED)), "amount of a line": (Kind.REFUND, _amount(SHIPPED, "L1")),
    "amount on credit": (Kind.REFUND, _amount(WORN)), "amount at the network": (Kind.REFUND, _amount(FLASH)),
    "amount by card": (Kind.REFUND, _amount(BY_CARD)), "deduction given back": (Kind.REFUND, _given_back),
    "reversal": (Kind.REFUND_REVERSAL, _reversal(SHIPPED)),
    "reversal on credit": (Kind.REFUND_REVERSAL, _reversal(WORN)),
    "reversal of what the network confirmed": (Kind.REFUND_REVERSAL, _confirmed_and_undone),
    "reversal by card": (Kind.REFUND_REVERSAL, _reversal(BY_CARD)),
    "deposit return": (Kind.DEPOSIT_RETURN, _deposit_return),
    "gift-card share": (KIND, _asked(lambda at: merchant.SettleGiftCardShareRequest(
        merchant_id=MERCHANT, amount=money(1)
    ))),
}
"""By name: the kind of the settlement, and how to come there."""


def _asks(body: object) -> Happening:
    return lambda at: at.happens(body)


def _rail(report: ledger.LegReport) -> Happening:
    """The rail says this of every payment."""
    def happen(at: Held) -> None:
        world = at.engine.worlds["credit_ledger"]
        for leg in world.family(RefundLeg, ACCOUNT):
            world.tell(ACCOUNT, ledger.ReportLeg(ACCOUNT, leg.id, report))
        at.engine.deliver()

    return happen


def _charged_back(at: Held) -> None:
    notice = ledger.RecordChargeback(ACCOUNT, SHIPPED, f"pay_{SHIPPED}", "cb-1", 1, "fraud")
    at.engine.worlds["credit_ledger"].when(ACCOUNT, notice)
    at.engine.deliver()


def _passes(time: timedelta) -> Happening:
    return lambda at: at.engine.pass_by(time)


def _of_requests() -> dict[str, Happening]:
    """Every call that changes something of an order, an account, a merchant or a card."""
    return {
        f"{type(request).__name__.removesuffix('Request')} {number}": _asks(request)
        for number, request in enumerate(requests(SHOP.copy()))
        if not isinstance(request, OF_OTHER_ROOTS)
    }


OF_OTHER_ROOTS = (
    calendars.ImportCalendarRequest, calendars.ApproveCalendarRequest, channels.ProposeChannelPolicyRequest,
    channels.ApproveChannelPolicyRequest, enterprises.ProposeAgreementRequest, enterprises.ApproveAgreementRequest,
    enterprises.RevokeBatchRequest,
)
_CARD: dict[str, Any] = {"card_id": CARD, "customer_id": CUSTOMER}
HAPPENINGS: dict[str, Happening] = {
    "nothing": lambda at: None,
    **_of_requests(),
    "cancel": _asks(order.CancelOrderRequest(order_id=WAITING, reason=WHY)),
    "cancel on credit": _asks(order.CancelOrderRequest(order_id=ON_CREDIT, reason=WHY)),
    "cancel the new one": _asks(order.CancelOrderRequest(order_id=NEW, reason=WHY)),
    "ship": _asks(order.ConfirmShipmentRequest(order_id=WAITING)),
    "ship on credit": _asks(order.ConfirmShipmentRequest(order_id=ON_CREDIT)),
    "ship the new one": _asks(order.ConfirmShipmentRequest(order_id=NEW)),
    "amount by card": _asks(sale.RefundAmountRequest(order_id=BY_CARD, amount=money(300))),
    "reverse by card": _asks(sale.ReverseRefundRequest(order_id=BY_CARD)),
    "reverse on credit": _asks(sale.ReverseRefundRequest(order_id=WORN)),
    "reverse at the network": _asks(sale.ReverseRefundRequest(order_id=FLASH)),
    "card frozen": _asks(card.FreezeCardRequest(card_id=CARD, case_id="case-1", operator_id="op-1")),
    "card closed": _asks(card.CloseCardRequest(**_CARD, account_id=ACCOUNT)),
    "card voided": _asks(card.VoidCardRequest(card_id=CARD, maker="ann", checker="bob")),
    "card given away": _asks(card.TransferCardRequest(**_CARD, receiver_id="cus_2")),
    "account closed": _asks(credit.SetAccountStateRequest(
        account_id=ACCOUNT, state=account_pb2.ACCOUNT_STATE_CLOSED, reason="why"
    )),
    "limit gone": _asks(credit.GrantLimitRequest(account_id=ACCOUNT, limit=money(120_000))),
    "rail paid": _rail(ledger.LegReport.SETTLED), "rail refused": _rail(ledger.LegReport.REJECTED),
    "account of the rail closed": _rail(ledger.LegReport.CLOSED), "charged back": _charged_back,
    "a minute": _passes(timedelta(minutes=1)), "a day": _passes(timedelta(days=1)),
    "five weeks": _passes(timedelta(days=35)),
}
"""What may happen between the beginning of a settlement and its end, by name."""


def begun(name: str) -> Held:
    """The shop in which a settlement of this kind is under way, and nobody has heard of it."""
    kind, begin = BEGINNINGS[name]
    at = Held(SHOP)
    at.engine.hold(lambda command: False)
    begin(at)
    at.engine.hold(lambda command: False)
    (run,) = at.engine.runs
    assert run.kind == kind, run
    return at


def first_phase(at: Held) -> None:
    """Everybody has what is asked first, and nobody's answer is there."""
    at.engine.hold(lambda command: command.saga is not None and command.saga.op in FIRST_PHASE)
