"""Protobuf to domain and back, for everything of the card service that travels."""

from typing import Any

from services.card_redemption.domain import commands
from services.card_redemption.domain import events as facts
from services.card_redemption.domain.cards.card import CardState, GiftCard
from services.runtime.ground.codec import Codec, Entry
from services.runtime.ground.scalars import Enumeration, instant_to_wire, money_to_wire
from settlement.card_redemption.v1 import card_pb2, commands_pb2, effects_pb2, events_pb2

CARD_STATES = Enumeration(CardState, card_pb2.CardState)


def card(value: GiftCard) -> card_pb2.Card:
    """A card as callers see it."""
    return card_pb2.Card(
        card_id=value.id, customer_id=value.customer_id, state=CARD_STATES.to_wire[value.state], version=value.version,
        face=money_to_wire(value.face_minor), balance=money_to_wire(value.balance_minor),
        create_time=instant_to_wire(value.issued_at),
    )


def _effect(value: facts.CardEffect) -> effects_pb2.CardEffect:
    return effects_pb2.CardEffect(
        op=value.op, card_id=value.card_id, order_id=value.order_id, card_version=value.card_version,
        amount_minor=value.amount_minor, balance_minor=value.balance_minor, state=CARD_STATES.to_wire[value.state],
        refund_id=value.refund_id, uncovered_minor=value.uncovered_minor,
        post_time=instant_to_wire(value.posted_at),
    )


def _fact(message: type[Any]) -> Any:  # Any: the constructor of each generated class has a type of its own
    """An event whose fields are those of its dataclass."""
    names = [field.name for field in message.DESCRIPTOR.fields]
    return lambda value: message(**{name: getattr(value, name) for name in names})


def _deposit(m: commands_pb2.DepositCard) -> commands.DepositCard:
    return commands.DepositCard(m.card_id, m.order_id, m.customer_id, m.merchant_id, m.amount_minor)


def _return(m: commands_pb2.ReturnDeposit) -> commands.ReturnDeposit:
    return commands.ReturnDeposit(m.card_id, m.order_id, m.merchant_id, m.amount_minor)


def _capture(m: commands_pb2.CaptureDeposit) -> commands.CaptureDeposit:
    return commands.CaptureDeposit(m.card_id, m.order_id, m.merchant_id, m.amount_minor)


def _refund(m: commands_pb2.RefundCard) -> commands.RefundCard:
    return commands.RefundCard(
        m.card_id, m.order_id, m.merchant_id, m.refund_id, m.amount_minor, m.awaits_network
    )


def _reverse(m: commands_pb2.ReverseCardRefund) -> commands.ReverseCardRefund:
    return commands.ReverseCardRefund(m.card_id, m.order_id, m.merchant_id, m.refund_id, m.amount_minor)


def _clear(m: commands_pb2.ClearMerchantShare) -> commands.ClearMerchantShare:
    return commands.ClearMerchantShare(m.merchant_id, m.amount_minor)


CODEC = Codec(
    Entry(commands.DepositCard, commands_pb2.DepositCard, from_wire=_deposit),
    Entry(commands.ReturnDeposit, commands_pb2.ReturnDeposit, from_wire=_return),
    Entry(commands.CaptureDeposit, commands_pb2.CaptureDeposit, from_wire=_capture),
    Entry(commands.RefundCard, commands_pb2.RefundCard, from_wire=_refund),
    Entry(commands.ReverseCardRefund, commands_pb2.ReverseCardRefund, from_wire=_reverse),
    Entry(commands.ClearMerchantShare, commands_pb2.ClearMerchantShare, from_wire=_clear),
    Entry(facts.CardEffect, effects_pb2.CardEffect, _effect),
    Entry(GiftCard, card_pb2.Card, card),
    Entry(facts.CardIssued, events_pb2.CardIssued, _fact(events_pb2.CardIssued)),
    Entry(facts.CardDeposited, events_pb2.CardDeposited, _fact(events_pb2.CardDeposited)),
    Entry(facts.CardDepositReturned, events_pb2.CardDepositReturned, _fact(events_pb2.CardDepositReturned)),
    Entry(facts.CardDepositCaptured, events_pb2.CardDepositCaptured, _fact(events_pb2.CardDepositCaptured)),
    Entry(facts.CardRefunded, events_pb2.CardRefunded, _fact(events_pb2.CardRefunded)),
    Entry(facts.CardRefundReversed, events_pb2.CardRefundReversed, _fact(events_pb2.CardRefundReversed)),
    Entry(facts.MerchantShareCleared, events_pb2.MerchantShareCleared, _fact(events_pb2.MerchantShareCleared)),
)
