"""A recycling channel as the credit ledger knows it: a root under which its remittances are posted (P29)."""

from dataclasses import dataclass, field

from services.kernel.chain import NONE_YET


@dataclass(frozen=True, slots=True)
class RecyclingChannel:
    """What a channel has remitted in all. `events_head` is the head of the chain of its events, which no rule reads."""

    id: str
    received_minor: int = 0
    sequence: int = 0
    version: int = 1
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Remittance:
    """The name of one remittance of a channel, which is `number` of all that it remitted (P29)."""

    id: str
    channel: str
    number: int
    version: int = 1

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.channel


def remittance_id(channel: str, reference: str) -> str:
    """The id of what a channel remits under a name: two channels may choose the same one."""
    return f"{channel}/{reference}"


def nameless_id(channel: str, number: int) -> str:
    """The id of one that a process of before names booked under a name that another has, or whose name nobody knows any
    more (0018); no channel begins so."""
    return f"/{channel}/{number}"
