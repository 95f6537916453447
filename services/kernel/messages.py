"""A command, a reply, a due timer: all alike, one `Message`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

DECIDED_DAYS_MAX = 29
"""So long after it was sent a command or a notice is decided at most: a day less than its answer is kept, by which a
copy of what was decided is known. Whoever still wants it sends it again."""


class Op(StrEnum):
    """What a participant of a saga is asked to do; EXECUTE is both phases in one, for a single participant."""

    TRY = "T"
    CONFIRM = "F"
    CANCEL = "C"
    EXECUTE = "E"


SECOND_PHASE = frozenset({Op.CONFIRM, Op.CANCEL})
"""What was promised with the TRY."""


@dataclass(frozen=True, slots=True)
class SagaRef:
    """Which saga, which of its branches, and which operation a command or a reply belongs to."""

    saga_id: str
    branch: str
    op: Op


class Seen(NamedTuple):
    """What a caller has seen of a thing, by its key: the version that it must still have when the call is decided."""

    key: str
    version: int


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to decide.

    `id` dedupes (a request id, `saga/branch/op`, `kind/key`); `key` names the aggregate root; `body` is a dataclass of
    the service's own; `fresh_id` is a time-ordered id minted at the edge from which decisions derive new ids;
    a command past `not_after` is refused with DEADLINE_PASSED; `sent_at` is when its sender sent this copy of it; where
    what its caller has `seen` is not so any more, it is refused with STALE_VERSION.
    """

    id: str
    key: str
    body: object
    fresh_id: str = ""
    saga: SagaRef | None = None
    caller: str = ""
    not_after: datetime | None = None
    sent_at: datetime | None = None
    seen: Seen | None = None

    def too_old(self, now: datetime) -> bool:
        """Whether nobody can know any more whether it was decided before (`DECIDED_DAYS_MAX`)."""
        return self.sent_at is not None and now - self.sent_at > timedelta(days=DECIDED_DAYS_MAX)

    @property
    def notice(self) -> bool:
        """Whether it is a notice whose sender waits for an acknowledgement."""
        return bool(self.caller) and self.saga is None


@dataclass(frozen=True, slots=True)
class TimerDue:
    """The body of a message from the future: a timer of this kind and key is due."""

    kind: str
    key: str
    due_at: datetime


def timer_of(message: Message) -> TimerDue | None:
    """The timer that a message is, if it is one."""
    return message.body if isinstance(message.body, TimerDue) else None


def answers_for(message: Message) -> tuple[str, ...]:
    """The ids whose stored answers say whether this message is fresh; the first is its own."""
    saga = message.saga
    if saga is None:
        return (message.id,) if message.id else ()
    tried = f"{saga.saga_id}/{Op.TRY}"
    if saga.op in (Op.TRY, Op.EXECUTE):
        return (tried,)
    return (f"{saga.saga_id}/{saga.op}", tried)
