"""Cards as callers see them."""

import asyncpg
from google.protobuf.any_pb2 import Any as AnyMessage

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.states import CardStanding
from services.card_redemption.wire.scalars import CARD_STATES
from services.runtime.ground.scalars import instant_field, money_field
from settlement.card_redemption.v1 import card_pb2, card_service_pb2


def card(value: GiftCard) -> card_pb2.Card:
    """A card, its state and its value."""
    return card_pb2.Card(
        card_id=value.id, customer_id=value.customer_id, state=CARD_STATES.to_wire[value.state], version=value.version,
        face=money_field(value.face_minor), balance=money_field(value.balance_minor),
        create_time=instant_field(value.issued_at), issuer=value.issuer, claimed_by=value.claimed_by,
        frozen_for=value.frozen_for, receiver_id=value.handed_to if _given_away(value) else "",
    )


def _given_away(value: GiftCard) -> bool:
    return CardStanding.TRANSFER_PENDING in (value.standing, value.frozen_from)


def history_entry(row: asyncpg.Record) -> card_service_pb2.CardHistoryEntry:
    """A thing that happened, as it was told."""
    return card_service_pb2.CardHistoryEntry(
        sequence=row["sequence"], create_time=instant_field(row["at"]), settlement_id=row["saga_id"],
        event=AnyMessage(type_url=f"type.googleapis.com/{row['type']}", value=row["payload"]),
    )
