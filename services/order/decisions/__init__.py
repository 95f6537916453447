"""Which message is decided by which rule. Pure: a rule sees what is known, one message and the time."""

from typing import Protocol

from services.kernel.coordination import conductor, coordinate
from services.kernel.decision import Wanted, rule, rules, timer_rules
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import ABORT, RESUME, WAKE
from services.order.decisions import (
    advancing,
    after_sale,
    beginning,
    completion,
    disputes,
    merchants,
    notices,
    receiving,
)
from services.order.domain.commands import (
    ApproveReturn,
    BankRefundSettled,
    BankRefundStepped,
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    DisputeDeduction,
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
from services.order.domain.merchant_settlement import KIND, MerchantSettlement, SettleGiftCardShare, can_be_key
from services.order.domain.order import Order
from services.order.domain.placing import HOLD_EXPIRY
from services.order.domain.returns import AUTO_APPROVE, WAYBILL_EXPIRY, ReturnCase
from services.order.domain.states import Kind
from services.order.sagas import DEFINITIONS


class _OfCase(Protocol):
    @property
    def return_id(self) -> str: ...


def _order(body: object, message: Message) -> Wanted:
    return ((Order, message.key),)


def _order_and_case(body: _OfCase, message: Message) -> Wanted:
    return ((Order, message.key), (ReturnCase, body.return_id))


def _order_and_timed_case(body: TimerDue, message: Message) -> Wanted:
    return ((Order, message.key), (ReturnCase, body.key))


def _merchant_settlement(body: object, message: Message) -> Wanted:
    return ((MerchantSettlement, message.key),)


def _can_be_order(key: str) -> bool:
    return not can_be_key(key)


_REPLIED, _WOKEN = coordinate(
    DEFINITIONS,
    *(conductor(kind, Order, advancing.progressed, names=_can_be_order) for kind in Kind if kind is not Kind.REFUND),
    conductor(Kind.REFUND, Order, advancing.progressed, advancing.refund_woken, names=_can_be_order),
    conductor(KIND, MerchantSettlement, merchants.progressed, names=can_be_key),
)
"""A wake-up of a refund may also find that it is overdue; all else that happens to a run is alike for all kinds."""

RULES = rules(
    rule(PlaceOrder, _order, beginning.place_order),
    rule(ConfirmShipment, _order, beginning.confirm_shipment),
    rule(ConfirmDelivery, _order, notices.confirm_delivery),
    rule(CancelOrder, _order, beginning.cancel_order),
    rule(RequestReturn, _order, after_sale.request),
    rule(ApproveReturn, _order_and_case, after_sale.approve),
    rule(RejectReturn, _order_and_case, after_sale.reject),
    rule(WithdrawReturn, _order_and_case, after_sale.withdraw),
    rule(RegisterWaybill, _order_and_case, after_sale.register_waybill),
    rule(ConfirmReceipt, _order_and_case, receiving.confirm_receipt),
    rule(RefuseDelivery, _order, after_sale.refuse_delivery),
    rule(DisputeReceipt, _order_and_case, disputes.dispute_receipt),
    rule(DisputeRejection, _order_and_case, disputes.dispute_rejection),
    rule(DisputeDeduction, _order_and_case, disputes.dispute_deduction),
    rule(ResolveDispute, _order_and_case, disputes.resolve_dispute),
    rule(RefundAmount, _order, beginning.refund_amount),
    rule(ReverseRefund, _order, beginning.reverse_refund),
    rule(FlashRefundConfirmed, _order, notices.flash_confirmed),
    rule(FlashRefundExpired, _order, notices.flash_expired),
    rule(BankRefundSettled, _order, notices.bank_settled),
    rule(BankRefundStepped, _order, notices.bank_stepped),
    rule(SettleGiftCardShare, _merchant_settlement, merchants.settle),
    _REPLIED,
)
"""By the type of a message's body."""

TIMERS = timer_rules(
    (WAKE, _WOKEN),
    (RESUME, _WOKEN),
    (ABORT, _WOKEN),
    (HOLD_EXPIRY, rule(TimerDue, _order, beginning.hold_expired)),
    (AUTO_APPROVE, rule(TimerDue, _order_and_timed_case, after_sale.auto_approve)),
    (WAYBILL_EXPIRY, rule(TimerDue, _order_and_timed_case, after_sale.waybill_expiry)),
    (AFTER_SALE, rule(TimerDue, _order, completion.close)),
)
"""By the kind of a timer."""
