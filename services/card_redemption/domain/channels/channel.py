"""A channel's row and the versions of its terms. A version never changes: an order keeps the terms under which it was
accepted, and every later decision about it goes by those."""

from dataclasses import dataclass
from datetime import datetime

from services.card_redemption.domain.recycling.policy import ChannelPolicy


@dataclass(frozen=True, slots=True)
class Proposal:
    """Terms that wait for a second person. `number` is what that person approves: a later proposal has another one."""

    number: int
    terms: ChannelPolicy
    proposed_by: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """The root of a channel: which version of its terms is in force (0: none yet), and what waits for approval."""

    name: str
    in_force: int = 0
    proposals: int = 0
    proposal: Proposal | None = None
    sequence: int = 0
    version: int = 0
    events_head: bytes = b""

    @property
    def key(self) -> str:
        return self.name

    @property
    def root(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class ChannelVersion:
    """Terms that were put in force, by whom, and since when; they never change."""

    terms: ChannelPolicy
    proposed_by: str
    approved_by: str
    since: datetime

    @property
    def key(self) -> str:
        return version_key(self.terms.channel, self.terms.version)

    @property
    def root(self) -> str:
        return self.terms.channel

    @property
    def version(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class InForce:
    """The terms that are in force when they are read, found by the channel's name without a lock: whoever decides reads
    them in his own transaction, so all processes go by what was committed last."""

    terms: ChannelPolicy

    @property
    def key(self) -> str:
        return self.terms.channel

    @property
    def root(self) -> str:
        return self.terms.channel

    @property
    def version(self) -> int:
        return self.terms.version


def version_key(channel: str, number: int) -> str:
    """The key of a version of a channel's terms."""
    return f"{channel}@{number}"
