"""The registry: every type that travels, with its message."""

from services.order.domain import answers, commands, events, merchant_settlement, participation
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.wire import events as facts
from services.order.wire import merchants, orders, participants
from services.order.wire import settlements as settlement
from services.runtime.ground.codec import Codec, Entry
from settlement.card_redemption.v1 import commands_pb2 as card_pb2
from settlement.card_redemption.v1 import effects_pb2 as card_effects_pb2
from settlement.credit_ledger.v1 import commands_pb2 as credit_pb2
from settlement.credit_ledger.v1 import effects_pb2, notices_pb2
from settlement.order.v1 import (
    after_sale_service_pb2,
    events_pb2,
    merchant_service_pb2,
    order_pb2,
    order_service_pb2,
    settlement_pb2,
)

_ANSWERS = (
    Entry(Order, order_pb2.Order, orders.order_message),
    Entry(ReturnCase, after_sale_service_pb2.ReturnCase, orders.case_message),
    Entry(answers.Placed, order_service_pb2.PlaceOrderResponse, settlement.placed_message),
    Entry(answers.Started, settlement_pb2.Settlement, settlement.started_message),
    Entry(answers.Resolved, after_sale_service_pb2.ResolveDisputeResponse, settlement.resolved_message),
    Entry(answers.Received, after_sale_service_pb2.ConfirmReceiptResponse, settlement.received_message),
    Entry(
        merchant_settlement.MerchantSettlement, merchant_service_pb2.MerchantSettlement, merchants.settlement_message
    ),
)
_COMMANDS = (
    Entry(participation.AuthorizeTenders, credit_pb2.AuthorizeTenders, participants.authorize),
    Entry(participation.ReleaseTenders, credit_pb2.ReleaseTenders, participants.release),
    Entry(participation.ReturnBankDeposit, credit_pb2.ReturnBankDeposit, participants.return_bank_deposit),
    Entry(participation.CaptureTenders, credit_pb2.CaptureTenders, participants.capture),
    Entry(participation.RefundTenders, credit_pb2.RefundTenders, participants.refund),
    Entry(participation.ReverseRefund, credit_pb2.ReverseRefund, participants.reverse_refund),
    Entry(participation.ClawBackFromMerchant, credit_pb2.ClawBackFromMerchant, participants.claw_back_from_merchant),
    Entry(participation.DepositCard, card_pb2.DepositCard, participants.deposit_card),
    Entry(participation.ReturnDeposit, card_pb2.ReturnDeposit, participants.return_deposit),
    Entry(participation.CaptureDeposit, card_pb2.CaptureDeposit, participants.capture_deposit),
    Entry(participation.RefundCard, card_pb2.RefundCard, participants.refund_card),
    Entry(participation.ReverseCardRefund, card_pb2.ReverseCardRefund, participants.reverse_card_refund),
    Entry(merchant_settlement.PayGiftCardShare, credit_pb2.PayGiftCardShare, merchants.pay_gift_card_share),
    Entry(merchant_settlement.ClearMerchantShare, card_pb2.ClearMerchantShare, merchants.clear_merchant_share),
)
_RECEIVED = (
    Entry(participation.CreditEffect, effects_pb2.CreditEffect, None, participants.credit_effect),
    Entry(participation.CardEffect, card_effects_pb2.CardEffect, None, participants.card_effect),
    Entry(commands.FlashRefundConfirmed, notices_pb2.FlashRefundConfirmed, None, participants.flash_confirmed),
    Entry(commands.FlashRefundExpired, notices_pb2.FlashRefundExpired, None, participants.flash_expired),
    Entry(commands.BankRefundSettled, notices_pb2.BankRefundSettled, None, participants.bank_settled),
)
_EVENTS = (
    Entry(events.OrderPlaced, events_pb2.OrderPlaced, facts.placed),
    Entry(events.OrderRejected, events_pb2.OrderRejected, facts.rejected),
    Entry(events.OrderShipped, events_pb2.OrderShipped, facts.shipped),
    Entry(events.OrderDelivered, events_pb2.OrderDelivered, facts.delivered),
    Entry(events.DeliveryRefused, events_pb2.DeliveryRefused, facts.delivery_refused),
    Entry(events.OrderCompleted, events_pb2.OrderCompleted, facts.completed),
    Entry(events.OrderCancelled, events_pb2.OrderCancelled, facts.cancelled),
    Entry(events.PaymentExpired, events_pb2.PaymentExpired, facts.payment_expired),
    Entry(events.RefundAccepted, events_pb2.RefundAccepted, facts.refund_accepted),
    Entry(events.OrderRefunded, events_pb2.OrderRefunded, facts.refunded),
    Entry(events.RefundFailed, events_pb2.RefundFailed, facts.refund_failed),
    Entry(events.RefundExceptionRaised, events_pb2.RefundExceptionRaised, facts.refund_exception),
    Entry(events.RefundReversed, events_pb2.RefundReversed, facts.refund_reversed),
    Entry(events.BankRefundArrived, events_pb2.BankRefundArrived, facts.bank_arrived),
    Entry(events.ReturnRequested, events_pb2.ReturnRequested, facts.return_requested),
    Entry(events.ReturnApproved, events_pb2.ReturnApproved, facts.return_approved),
    Entry(events.ReturnRejected, events_pb2.ReturnRejected, facts.return_rejected),
    Entry(events.ReturnWithdrawn, events_pb2.ReturnWithdrawn, facts.return_withdrawn),
    Entry(events.ReturnExpired, events_pb2.ReturnExpired, facts.return_expired),
    Entry(events.ReturnShipped, events_pb2.ReturnShipped, facts.return_shipped),
    Entry(events.ReturnReceived, events_pb2.ReturnReceived, facts.return_received),
    Entry(events.ReturnDisputed, events_pb2.ReturnDisputed, facts.return_disputed),
    Entry(events.ReturnDisputeResolved, events_pb2.ReturnDisputeResolved, facts.return_dispute_resolved),
)

CODEC = Codec(*_ANSWERS, *_COMMANDS, *_RECEIVED, *_EVENTS)
