"""Requests as the commands that the lanes decide."""

from services.kernel.ids import derived
from services.order.domain import commands
from services.order.domain.pricing import Promotion
from services.order.domain.quotes import QuoteContent
from services.order.domain.tenders import TenderType
from services.order.wire.scalars import CANCEL_REASONS, RETURN_REASONS, TENDERS, deductions_of, quantities, terms_of
from settlement.order.v1 import after_sale_service_pb2, order_pb2, order_service_pb2

FORCED = "SUPPORT"
"""The reason of a cancel that support forces (OR-7)."""


def place_order(request: order_service_pb2.PlaceOrderRequest) -> commands.PlaceOrder:
    """Read a PlaceOrderRequest as its command; an order without an id gets the one that its request always gives."""
    return commands.PlaceOrder(
        order_id=request.order_id or derived("ord", request.request_id.lower()), customer_id=request.customer_id,
        merchant_id=request.merchant_id, account_id=request.account_id,
        lines=tuple(
            commands.NewLine(line.line_id, line.quantity, line.unit_price.minor_units, line.sku, line.title)
            for line in request.lines
        ),
        tenders=tuple(_tender(tender) for tender in request.tenders),
        promotions=tuple(
            Promotion(promo.amount.minor_units, tuple(promo.line_indexes), promo.title) for promo in request.promotions
        ),
        terms=terms_of(request.credit_terms) if request.HasField("credit_terms") else None,
        coupon_minor=request.platform_coupon.minor_units,
    )


def _tender(tender: order_pb2.Tender) -> commands.NewTender:
    kind = TENDERS.from_wire[tender.type]
    references = {TenderType.GIFTCARD: tender.card_id, TenderType.BANKCARD: tender.payment_reference}
    return commands.NewTender(kind, tender.amount.minor_units, references.get(kind, ""))


def confirm_shipment(request: order_service_pb2.ConfirmShipmentRequest) -> commands.ConfirmShipment:
    """Read a ConfirmShipmentRequest as its command."""
    return commands.ConfirmShipment(
        request.order_id, quantities(request.lines), request.waybill_number, request.merchant_id
    )


def cancel_order(
    request: order_service_pb2.CancelOrderRequest, quote: QuoteContent | None
) -> commands.CancelOrder:
    """Read a CancelOrderRequest as its command."""
    return commands.CancelOrder(
        request.order_id, CANCEL_REASONS.from_wire[request.reason], request.note,
        request.customer_id, lines=quantities(request.lines), quote=quote,
    )


def force_cancel_order(request: order_service_pb2.ForceCancelOrderRequest) -> commands.CancelOrder:
    """Read a ForceCancelOrderRequest as its command."""
    return commands.CancelOrder(request.order_id, FORCED, request.note, operator_id=request.operator_id)


def request_return(request: after_sale_service_pb2.RequestReturnRequest) -> commands.RequestReturn:
    """Read a RequestReturnRequest as its command."""
    reason = RETURN_REASONS.from_wire[request.reason]
    return commands.RequestReturn(
        request.order_id, quantities(request.lines), request.customer_id, reason, request.note
    )


def confirm_receipt(
    request: after_sale_service_pb2.ConfirmReceiptRequest, quote: QuoteContent | None
) -> commands.ConfirmReceipt:
    """Read a ConfirmReceiptRequest as its command."""
    return commands.ConfirmReceipt(
        request.order_id, request.return_id, quantities(request.accepted_lines), quote,
        deductions=deductions_of(request.deductions),
    )


def refund_amount(
    request: after_sale_service_pb2.RefundAmountRequest, quote: QuoteContent | None
) -> commands.RefundAmount:
    """Read a RefundAmountRequest as its command."""
    return commands.RefundAmount(request.order_id, request.amount.minor_units, request.reason, quote, request.line_id)


def refuse_delivery(request: after_sale_service_pb2.RefuseDeliveryRequest) -> commands.RefuseDelivery:
    """Read a RefuseDeliveryRequest as its command."""
    return commands.RefuseDelivery(
        request.order_id, request.waybill_number, request.carrier, request.note, request.customer_id
    )


def dispute_receipt(request: after_sale_service_pb2.DisputeReceiptRequest) -> commands.DisputeReceipt:
    """Read a DisputeReceiptRequest as its command."""
    return commands.DisputeReceipt(
        request.order_id, request.return_id, tuple(request.evidence), request.note, request.merchant_id
    )


def dispute_rejection(request: after_sale_service_pb2.DisputeRejectionRequest) -> commands.DisputeRejection:
    """Read a DisputeRejectionRequest as its command."""
    return commands.DisputeRejection(
        request.order_id, request.return_id, tuple(request.evidence), request.note, request.customer_id
    )


def dispute_deduction(request: after_sale_service_pb2.DisputeDeductionRequest) -> commands.DisputeDeduction:
    """Read a DisputeDeductionRequest as its command."""
    return commands.DisputeDeduction(
        request.order_id, request.return_id, tuple(request.evidence), request.note, request.customer_id
    )


def resolve_dispute(request: after_sale_service_pb2.ResolveDisputeRequest) -> commands.ResolveDispute:
    """Read a ResolveDisputeRequest as its command."""
    upheld = request.decision == after_sale_service_pb2.DISPUTE_DECISION_UPHELD
    return commands.ResolveDispute(
        request.order_id, request.return_id, upheld, request.operator_id, request.reason,
        accepted=quantities(request.accepted_lines),
    )
