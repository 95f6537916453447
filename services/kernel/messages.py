"""A command, a reply, a due timer: all alike, one `Message`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Op(StrEnum):
    """What a participant of a saga is asked to do; EXECUTE is both phases in one, for a single participant."""

    TRY = "T"
    CONFIRM = "F"
    CANCEL = "C"
    EXECUTE = "E"


@dataclass(frozen=True, slots=True)
class SagaRef:
    """Which saga, which of its branches, and which operation a command or a reply belongs to."""

    saga_id: str
    branch: str
    op: Op


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to decide.

    `id` dedupes (a request id, `saga/branch/op`, `kind/key`); `key` names the aggregate root; `body` is a dataclass of
    the service's own; `fresh_id` is a time-ordered id minted at the edge from which decisions derive new ids;
    a command past `not_after` is refused with DEADLINE_PASSED.
    """

    id: str
    key: str
    body: object
    fresh_id: str = ""
    saga: SagaRef | None = None
    caller: str = ""
    not_after: datetime | None = None

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
