"""Settlements with merchants: what is asked of the books, and what callers see."""

from services.order.domain.merchant_settlement import (
    ClearMerchantShare,
    MerchantSettlement,
    PayGiftCardShare,
)
from services.order.wire.scalars import MERCHANT_SETTLEMENT_STATES
from services.runtime.ground.scalars import instant_field, instant_to_wire, money_field
from settlement.card_redemption.v1 import commands_pb2 as card_pb2
from settlement.credit_ledger.v1 import commands_pb2 as credit_pb2
from settlement.order.v1 import merchant_service_pb2 as pb


def pay_gift_card_share(body: PayGiftCardShare) -> credit_pb2.PayGiftCardShare:
    """The command that pays the merchant in the credit book."""
    return credit_pb2.PayGiftCardShare(merchant_id=body.plan.merchant_id, amount_minor=body.plan.gift_minor)


def clear_merchant_share(body: ClearMerchantShare) -> card_pb2.ClearMerchantShare:
    """The command that gives up the share in the cards' book."""
    return card_pb2.ClearMerchantShare(merchant_id=body.plan.merchant_id, amount_minor=body.plan.gift_minor)


def settlement_message(value: MerchantSettlement) -> pb.MerchantSettlement:
    """A settlement with a merchant as callers see it."""
    message = pb.MerchantSettlement(
        settlement_id=value.settlement_id, merchant_id=value.merchant_id, amount=money_field(value.amount_minor),
        state=MERCHANT_SETTLEMENT_STATES.to_wire[value.state], reason=value.reason,
        create_time=instant_field(value.started_at),
    )
    if value.ended_at is not None:
        message.end_time.CopyFrom(instant_to_wire(value.ended_at))
    return message
