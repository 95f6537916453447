"""Which message is decided by which rule. Pure: a rule sees what is known, one message and the time."""

from collections.abc import Callable, Mapping

from services.kernel.decision import Rule
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import RESUME, WAKE, Reply, Run
from services.order.decisions import merchants, notices, settlements
from services.order.domain import after_sale, completion, disputes
from services.order.domain.commands import (
    ApproveReturn,
    BankRefundSettled,
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    DisputeReceipt,
    DisputeRejection,
    FlashRefundConfirmed,
    FlashRefundExpired,
    PlaceOrder,
    RefundAmount,
    RefuseDelivery,
    RegisterWaybill,
    RejectReturn,
    RequestReturn,
    ResolveDispute,
    ReverseRefund,
    WithdrawReturn,
)
from services.order.domain.merchant_settlement import SettleGiftCardShare
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.sagas.ending import HOLD_EXPIRY

Wants = Callable[[Message], tuple[tuple[type, str], ...]]


def _order(message: Message) -> tuple[tuple[type, str], ...]:
    return ((Order, message.key),)


def _order_and_case(message: Message) -> tuple[tuple[type, str], ...]:
    return ((Order, message.key), (ReturnCase, message.body.return_id))  # type: ignore[attr-defined]  # every such body has it


def _order_and_replied(message: Message) -> tuple[tuple[type, str], ...]:
    assert isinstance(message.body, Reply)
    return ((Order, message.key), (Run, message.body.saga_id))


def _timed(kind: type) -> Wants:
    def wants(message: Message) -> tuple[tuple[type, str], ...]:
        assert isinstance(message.body, TimerDue)
        return ((Order, message.key), (kind, message.body.key))

    return wants


RULES: Mapping[type, Rule] = {
    PlaceOrder: Rule(_order, settlements.place_order),
    ConfirmShipment: Rule(_order, settlements.confirm_shipment),
    ConfirmDelivery: Rule(_order, notices.confirm_delivery),
    CancelOrder: Rule(_order, settlements.cancel_order),
    RequestReturn: Rule(_order, after_sale.request),
    ApproveReturn: Rule(_order_and_case, after_sale.approve),
    RejectReturn: Rule(_order_and_case, after_sale.reject),
    WithdrawReturn: Rule(_order_and_case, after_sale.withdraw),
    RegisterWaybill: Rule(_order_and_case, after_sale.register_waybill),
    ConfirmReceipt: Rule(_order_and_case, settlements.confirm_receipt),
    RefuseDelivery: Rule(_order, after_sale.refuse_delivery),
    DisputeReceipt: Rule(_order_and_case, disputes.dispute_receipt),
    DisputeRejection: Rule(_order_and_case, disputes.dispute_rejection),
    ResolveDispute: Rule(_order_and_case, settlements.resolve_dispute),
    RefundAmount: Rule(_order, settlements.refund_amount),
    ReverseRefund: Rule(_order, settlements.reverse_refund),
    FlashRefundConfirmed: Rule(_order, notices.flash_confirmed),
    FlashRefundExpired: Rule(_order, notices.flash_expired),
    BankRefundSettled: Rule(_order, notices.bank_settled),
    SettleGiftCardShare: Rule(merchants.root, merchants.settle),
    Reply: merchants.beside(Rule(_order_and_replied, settlements.replied)),
}
"""By the type of a message's body."""

TIMERS: Mapping[str, Rule] = {
    **dict.fromkeys((WAKE, RESUME), merchants.beside(Rule(_timed(Run), settlements.woken))),
    HOLD_EXPIRY: Rule(_order, settlements.hold_expired),
    after_sale.AUTO_APPROVE: Rule(_timed(ReturnCase), after_sale.auto_approve),
    after_sale.WAYBILL_EXPIRY: Rule(_timed(ReturnCase), after_sale.waybill_expiry),
    completion.AFTER_SALE: Rule(_order, completion.close),
}
"""By the kind of a timer."""
