"""Answers to commands of sagas, written to the wire."""

from services.card_redemption.domain.effects import CardEffect, CodeShown
from services.card_redemption.wire.scalars import CARD_STATES
from services.runtime.ground.scalars import instant_field
from settlement.card_redemption.v1 import card_service_pb2, effects_pb2


def card_effect(value: CardEffect) -> effects_pb2.CardEffect:
    """What a command did to a card."""
    return effects_pb2.CardEffect(
        op=value.op, card_id=value.card_id, order_id=value.order_id, card_version=value.card_version,
        amount_minor=value.amount_minor, balance_minor=value.balance_minor, state=CARD_STATES.to_wire[value.state],
        refund_id=value.refund_id, uncovered_minor=value.uncovered_minor,
        post_time=instant_field(value.posted_at),
    )


def code_shown(value: CodeShown) -> card_service_pb2.CodeShown:
    """Which code an owner may see."""
    return card_service_pb2.CodeShown(card_id=value.card_id, number=value.number, last4=value.last4)
