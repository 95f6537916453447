"""What is asked of the participants, and their answers and notices."""

from typing import Any

from services.order.domain import participation as ask
from services.order.domain.commands import (
    BankRefundSettled,
    BankRefundStepped,
    FlashRefundConfirmed,
    FlashRefundExpired,
)
from services.order.domain.plans import Movement, Pins
from services.order.domain.tenders import TenderType
from services.order.wire.scalars import BANK_STEPS, REFUND_STATES, terms_message
from services.runtime.ground.scalars import instant_from_wire, instant_to_wire
from settlement.card_redemption.v1 import commands_pb2 as card_pb2
from settlement.card_redemption.v1 import effects_pb2 as card_effects_pb2
from settlement.credit_ledger.v1 import commands_pb2 as credit_pb2
from settlement.credit_ledger.v1 import effects_pb2, notices_pb2


def authorize(body: ask.AuthorizeTenders) -> credit_pb2.AuthorizeTenders:
    """Hold credit, take deposits."""
    money = body.money
    message = credit_pb2.AuthorizeTenders(
        account_id=money.account_id, order_id=money.order_id, customer_id=money.customer_id,
        merchant_id=money.merchant_id, payment_reference=body.payment_reference, **_amounts(money),
    )
    if body.terms is not None:
        message.terms.CopyFrom(terms_message(body.terms))
    return message


def release(body: ask.ReleaseTenders) -> credit_pb2.ReleaseTenders:
    """Give back what is held."""
    cause = credit_pb2.RELEASE_CAUSE_EXPIRED if body.expired else credit_pb2.RELEASE_CAUSE_CANCELLED
    message = credit_pb2.ReleaseTenders(**_names(body.money), **_amounts(body.money), cause=cause)
    _pin(message, body.pins)
    return message


def return_bank_deposit(body: ask.ReturnBankDeposit) -> credit_pb2.ReturnBankDeposit:
    """Give the bank payment of a rejected order back."""
    money = body.money
    return credit_pb2.ReturnBankDeposit(
        account_id=money.account_id, order_id=money.order_id, customer_id=money.customer_id,
        bank_minor=money.of(TenderType.BANKCARD), payment_reference=body.payment_reference,
    )


def capture(body: ask.CaptureTenders) -> credit_pb2.CaptureTenders:
    """Capture a shipment's share."""
    return credit_pb2.CaptureTenders(**_names(body.money), **_amounts(body.money))


def refund(body: ask.RefundTenders) -> credit_pb2.RefundTenders:
    """Refund these shares."""
    message = credit_pb2.RefundTenders(**_names(body.money), **_amounts(body.money), refund_id=body.refund_id)
    message.uncovered_gift_minor, message.goods_back = body.uncovered_minor, body.goods_back
    _pin(message, body.pins)
    return message


def claw_back_from_merchant(body: ask.ClawBackFromMerchant) -> credit_pb2.ClawBackFromMerchant:
    """What a merchant owes of a gift card's refund."""
    return credit_pb2.ClawBackFromMerchant(
        merchant_id=body.money.merchant_id, order_id=body.money.order_id, amount_minor=body.amount_minor,
        undone=body.undone,
    )


def reverse_refund(body: ask.ReverseRefund) -> credit_pb2.ReverseRefund:
    """Undo a refund."""
    return credit_pb2.ReverseRefund(**_names(body.money), **_amounts(body.money), refund_id=body.refund_id)


def deposit_card(body: ask.DepositCard) -> card_pb2.DepositCard:
    """Take a gift card's share."""
    return card_pb2.DepositCard(**_card(body.money), customer_id=body.money.customer_id)


def return_deposit(body: ask.ReturnDeposit) -> card_pb2.ReturnDeposit:
    """Give a deposit back."""
    return card_pb2.ReturnDeposit(**_card(body.money))


def capture_deposit(body: ask.CaptureDeposit) -> card_pb2.CaptureDeposit:
    """A deposit becomes the merchant's."""
    return card_pb2.CaptureDeposit(**_card(body.money))


def refund_card(body: ask.RefundCard) -> card_pb2.RefundCard:
    """Refund onto a card."""
    return card_pb2.RefundCard(**_card(body.money), refund_id=body.refund_id, awaits_network=body.awaits_network)


def reverse_card_refund(body: ask.ReverseCardRefund) -> card_pb2.ReverseCardRefund:
    """Undo a refund onto a card."""
    return card_pb2.ReverseCardRefund(**_card(body.money), refund_id=body.refund_id)


def credit_effect(wire: effects_pb2.CreditEffect) -> ask.CreditEffect:
    """The credit ledger's answer: what rules need of it, and the whole as it came."""
    state = REFUND_STATES.from_wire[wire.refund_state].value if wire.refund_state else ""
    return ask.CreditEffect(instant_from_wire(wire.post_time), state, wire.SerializeToString(), wire.leg_id)


def card_effect(wire: card_effects_pb2.CardEffect) -> ask.CardEffect:
    """card_redemption's answer."""
    return ask.CardEffect(instant_from_wire(wire.post_time), wire.SerializeToString(), wire.uncovered_minor)


def flash_confirmed(wire: notices_pb2.FlashRefundConfirmed) -> FlashRefundConfirmed:
    """Notice: a pending refund is done."""
    return FlashRefundConfirmed(wire.order_id, wire.refund_id, instant_from_wire(wire.confirm_time), wire.manual)


def flash_expired(wire: notices_pb2.FlashRefundExpired) -> FlashRefundExpired:
    """Notice: the network did not confirm in time."""
    return FlashRefundExpired(wire.order_id, wire.refund_id)


def bank_settled(wire: notices_pb2.BankRefundSettled) -> BankRefundSettled:
    """Notice: the acquirer paid."""
    return BankRefundSettled(
        order_id=wire.order_id, refund_id=wire.refund_id, leg_id=wire.leg_id, amount_minor=wire.amount_minor,
        rerouted=wire.rerouted, manual=wire.manual,
    )


def bank_stepped(wire: notices_pb2.BankRefundStepped) -> BankRefundStepped:
    """Notice: a bank-card share took a step."""
    return BankRefundStepped(
        order_id=wire.order_id, refund_id=wire.refund_id, leg_id=wire.leg_id, step=BANK_STEPS.from_wire[wire.step],
        amount_minor=wire.amount_minor, at=instant_from_wire(wire.step_time), detail=wire.detail,
    )


def _names(money: Movement) -> dict[str, Any]:  # Any: they are the fields of several messages
    return {"account_id": money.account_id, "order_id": money.order_id, "merchant_id": money.merchant_id}


def _amounts(money: Movement) -> dict[str, Any]:  # Any: they are the fields of several messages
    return {
        "credit_minor": money.of(TenderType.CREDIT), "wallet_minor": money.of(TenderType.WALLET),
        "bank_minor": money.of(TenderType.BANKCARD), "coupon_minor": money.coupon_minor,
    }


def _card(money: Movement) -> dict[str, Any]:  # Any: they are the fields of several messages
    return {
        "card_id": money.card_id, "order_id": money.order_id, "merchant_id": money.merchant_id,
        "amount_minor": money.of(TenderType.GIFTCARD),
    }


def _pin(message: credit_pb2.ReleaseTenders | credit_pb2.RefundTenders, pins: Pins) -> None:
    message.expected_account_version = pins.account_version
    if pins.valid_until is not None:
        message.quote_valid_until.CopyFrom(instant_to_wire(pins.valid_until))
