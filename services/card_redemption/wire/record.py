"""The permanent record as callers see it."""

from datetime import datetime

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel
from services.runtime.ground.scalars import Enumeration, instant_field
from settlement.card_redemption.v1 import record_pb2 as pb

CHANNELS = Enumeration(EntryChannel, pb.EntryChannel, unspecified=EntryChannel.APP)
_OUTCOMES = Enumeration(AttemptOutcome, pb.AttemptOutcome)


def attempt(kept_id: int, value: Attempt, at: datetime, place: tuple[str, int, bytes]) -> pb.Attempt:
    """An attempt with its instant, and its volume, number and link there."""
    volume, number, link = place
    return pb.Attempt(
        id=kept_id, actor=value.actor, channel=CHANNELS.to_wire[value.channel], kind=value.kind,
        outcome=_OUTCOMES.to_wire[value.outcome], reason=value.reason, card_id=value.card_id, order_id=value.order_id,
        idempotency_key=value.request_id, create_time=instant_field(at), volume=volume, number=number, link=link,
    )
