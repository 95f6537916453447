"""Orders and return cases as messages."""

from services.order.domain.lines import Line
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.order.domain.tenders import Tender, TenderType
from services.order.wire.scalars import (
    CANCEL_REASONS,
    DEDUCTION_STATES,
    DISPUTE_PARTIES,
    ORDER_STATES,
    RETURN_REASONS,
    RETURN_STATES,
    TENDERS,
    deduction_messages,
    terms_message,
    units,
)
from services.runtime.ground.scalars import instant_field, instant_to_wire, money_field, money_to_wire
from settlement.order.v1 import after_sale_service_pb2, order_pb2

DECISIONS = {
    True: after_sale_service_pb2.DISPUTE_DECISION_UPHELD, False: after_sale_service_pb2.DISPUTE_DECISION_REJECTED,
}
"""By whether the dispute was upheld."""


def order_message(order: Order) -> order_pb2.Order:
    """An order as its readers see it."""
    waiting = order.waiting_refund
    message = order_pb2.Order(
        order_id=order.id, customer_id=order.customer_id, merchant_id=order.merchant_id, account_id=order.account_id,
        state=ORDER_STATES.to_wire[order.state], lines=[_line(line) for line in order.lines],
        promotions=[
            order_pb2.Promotion(amount=money_field(p.amount_minor), line_indexes=p.lines, title=p.title)
            for p in order.promotions
        ],
        tenders=[_tender(tender) for tender in order.tenders], platform_coupon=money_field(order.coupon.amount_minor),
        payable=money_field(order.payable_minor), refunded=money_field(order.refunded_minor),
        reject_reason=order.reject_reason, open_settlement_id=order.settlement_id,
        create_time=instant_field(order.placed_at), update_time=instant_field(order.updated_at),
        version=order.version, pending_refund_id=waiting.id if waiting else "",
    )
    if order.cancel_reason:
        message.cancel_reason = CANCEL_REASONS.to_wire[order.cancel_reason]
    if order.terms is not None:
        message.credit_terms.CopyFrom(terms_message(order.terms))
    if order.hold_expires_at is not None:
        message.hold_expire_time.CopyFrom(instant_to_wire(order.hold_expires_at))
    return message


def _line(line: Line) -> order_pb2.OrderLine:
    message = order_pb2.OrderLine(
        line_id=line.id, sku=line.sku, title=line.title, quantity=line.quantity,
        unit_price=money_field(line.unit_price_minor), payable=money_field(line.payable_minor),
        shipped_quantity=line.shipped, cancelled_quantity=line.cancelled, returned_quantity=line.returned,
        returning_quantity=line.returning,
    )
    if line.reduced_minor:
        message.reduced.CopyFrom(money_to_wire(line.reduced_minor))
    return message


def _tender(tender: Tender) -> order_pb2.OrderTender:
    card = tender.type is TenderType.GIFTCARD
    return order_pb2.OrderTender(
        type=TENDERS.to_wire[tender.type], amount=money_field(tender.amount_minor),
        captured=money_field(tender.captured_minor), released=money_field(tender.released_minor),
        refunded=money_field(tender.refunded_minor), card_id=tender.reference if card else "",
        payment_reference="" if card else tender.reference,
    )


def case_message(case: ReturnCase) -> after_sale_service_pb2.ReturnCase:
    """A return case as its readers see it."""
    message = after_sale_service_pb2.ReturnCase(
        return_id=case.id, order_id=case.order_id, state=RETURN_STATES.to_wire[case.state],
        lines=units(case.lines), accepted_lines=units(case.accepted), note=case.note,
        waybill_number=case.waybill_number, return_address=case.return_address, reject_reason=case.reject_reason,
        settlement_id=case.settlement_id, create_time=instant_field(case.requested_at),
        update_time=instant_field(case.updated_at), version=case.version,
        disputed_by=DISPUTE_PARTIES.to_wire[case.disputed_by], evidence=case.evidence, dispute_note=case.dispute_note,
        deductions=deduction_messages(case.deductions),
        give_back_settlement_id=case.give_back_id,
    )
    if case.reason:
        message.reason = RETURN_REASONS.to_wire[case.reason]
    if case.deduction_state is not None:
        message.deduction_state = DEDUCTION_STATES.to_wire[case.deduction_state]
    if case.deadline_at is not None:
        message.deadline_time.CopyFrom(instant_to_wire(case.deadline_at))
    return message
