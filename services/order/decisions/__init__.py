"""Which message is decided by which rule. Pure: a rule sees what is known, one message and the time."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from services.kernel.coordination import conductor, coordinate
from services.kernel.decision import Decision, Known, Rule, Wanted, rule, rules, timer_rules
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import RESUME, WAKE
from services.order.decisions import advancing, after_sale, beginning, completion, disputes, merchants, notices, receiving
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
from services.order.domain.completion import AFTER_SALE
from services.order.domain.merchant_settlement import KIND, MerchantSettlement, SettleGiftCardShare, of_merchant
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.domain.states import Kind
from services.order.sagas import DEFINITIONS
from services.order.sagas.ending import HOLD_EXPIRY

OldDecide = Callable[[Known, Message, datetime], Decision]


def _old(body: type, wants: Callable[[Any, Message], Wanted], decide: OldDecide) -> Rule:
    """A rule whose decision still digs its body out of the message."""
    return Rule(body, wants, lambda known, body, message, now: decide(known, message, now))


class _OfCase(Protocol):
    @property
    def return_id(self) -> str: ...


def _order(body: object, message: Message) -> Wanted:
    return ((Order, message.key),)


def _order_and_case(body: _OfCase, message: Message) -> Wanted:
    return ((Order, message.key), (ReturnCase, body.return_id))


def _order_and_timed_case(body: TimerDue, message: Message) -> Wanted:
    return ((Order, message.key), (ReturnCase, body.key))


def _of_order(key: str) -> bool:
    return not of_merchant(key)


_REPLIED, _WOKEN = coordinate(
    DEFINITIONS,
    *(conductor(kind, Order, advancing.progressed, names=_of_order) for kind in Kind if kind is not Kind.REFUND),
    conductor(Kind.REFUND, Order, advancing.progressed, advancing.refund_woken, names=_of_order),
    conductor(KIND, MerchantSettlement, merchants.progressed, names=of_merchant),
)


RULES = rules(
    _old(PlaceOrder, _order, beginning.place_order),
    _old(ConfirmShipment, _order, beginning.confirm_shipment),
    _old(ConfirmDelivery, _order, notices.confirm_delivery),
    _old(CancelOrder, _order, beginning.cancel_order),
    _old(RequestReturn, _order, after_sale.request),
    _old(ApproveReturn, _order_and_case, after_sale.approve),
    _old(RejectReturn, _order_and_case, after_sale.reject),
    _old(WithdrawReturn, _order_and_case, after_sale.withdraw),
    _old(RegisterWaybill, _order_and_case, after_sale.register_waybill),
    _old(ConfirmReceipt, _order_and_case, receiving.confirm_receipt),
    _old(RefuseDelivery, _order, after_sale.refuse_delivery),
    _old(DisputeReceipt, _order_and_case, disputes.dispute_receipt),
    _old(DisputeRejection, _order_and_case, disputes.dispute_rejection),
    _old(ResolveDispute, _order_and_case, disputes.resolve_dispute),
    _old(RefundAmount, _order, beginning.refund_amount),
    _old(ReverseRefund, _order, beginning.reverse_refund),
    _old(FlashRefundConfirmed, _order, notices.flash_confirmed),
    _old(FlashRefundExpired, _order, notices.flash_expired),
    _old(BankRefundSettled, _order, notices.bank_settled),
    rule(SettleGiftCardShare, merchants.root, merchants.settle),
    _REPLIED,
)
"""By the type of a message's body."""

TIMERS = timer_rules(
    (WAKE, _WOKEN),
    (RESUME, _WOKEN),
    (HOLD_EXPIRY, _old(TimerDue, _order, beginning.hold_expired)),
    (after_sale.AUTO_APPROVE, _old(TimerDue, _order_and_timed_case, after_sale.auto_approve)),
    (after_sale.WAYBILL_EXPIRY, _old(TimerDue, _order_and_timed_case, after_sale.waybill_expiry)),
    (AFTER_SALE, _old(TimerDue, _order, completion.close)),
)
"""By the kind of a timer."""
