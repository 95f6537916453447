"""Facts about what may be done with a card, written to the wire: field for field, for both have the same names."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from google.protobuf.message import Message

from services.card_redemption.domain import events
from services.runtime.ground.codec import Entry
from settlement.card_redemption.v1 import events_pb2 as pb


def alike(fact: type[Any], message: type[Message]) -> Callable[[Any], Message]:  # Any: a dataclass, and one of it
    """A writer of facts whose fields are those of the message, one for one."""
    names = tuple(each.name for each in fields(fact))
    assert set(names) == set(message.DESCRIPTOR.fields_by_name), fact
    return lambda told: message(**{name: getattr(told, name) for name in names})


_FACTS: tuple[tuple[type, type[Message]], ...] = (
    (events.CardRegistered, pb.CardRegistered),
    (events.CardClaimed, pb.CardClaimed),
    (events.CardReleased, pb.CardReleased),
    (events.CardWrittenOff, pb.CardWrittenOff),
    (events.CardRevalued, pb.CardRevalued),
    (events.CardRestored, pb.CardRestored),
    (events.CardFrozen, pb.CardFrozen),
    (events.CardThawed, pb.CardThawed),
    (events.CardActivated, pb.CardActivated),
    (events.CardCodeRevealed, pb.CardCodeRevealed),
    (events.CardTransferOffered, pb.CardTransferOffered),
    (events.CardTransferWithdrawn, pb.CardTransferWithdrawn),
    (events.CardTransferred, pb.CardTransferred),
    (events.CardVoided, pb.CardVoided),
    (events.CardReplaced, pb.CardReplaced),
    (events.CardClosed, pb.CardClosed),
)
STANDING_EVENTS = tuple(Entry(fact, message, alike(fact, message)) for fact, message in _FACTS)
