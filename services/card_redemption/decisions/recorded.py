"""What the permanent record has of every call, whatever becomes of it (RD-31)."""

from collections.abc import Callable
from typing import Protocol

from services.card_redemption.domain.record.attempt import Attempt, AttemptOutcome, EntryChannel, ended
from services.kernel.decision import Done, Refused
from services.kernel.messages import Message


class Asked(Protocol):
    """A command that says by whom and through which channel it came."""

    @property
    def actor(self) -> str: ...
    @property
    def channel(self) -> EntryChannel: ...


def attempt(kind: str) -> Callable[[Asked, Message, Done | Refused], Attempt]:
    """How a rule's calls are recorded: as attempts of this kind, on the card that the message names."""

    def record(body: Asked, message: Message, outcome: Done | Refused) -> Attempt:
        tried = Attempt(
            kind=kind, actor=body.actor, channel=body.channel, outcome=AttemptOutcome.DONE, card_id=message.key,
            request_id=message.id,
        )
        return ended(tried, outcome)

    return record
