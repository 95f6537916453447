"""What the lanes need to know of a service: its tables, its rules, its wire."""

from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.kernel.decision import Rule
from services.kernel.within import Reach
from services.runtime.ground.codec import Codec
from services.runtime.ground.records import Outbound
from services.runtime.ground.refused import KeepRefused
from services.runtime.ground.tables import Connection, Table
from services.runtime.ground.tracing import OFF, Tracer
from services.runtime.ground.writing import Write
from services.runtime.lanes.item import Item

KeepRecords = Callable[[Sequence[object], datetime], Write]
"""How to append to the permanent record of a service what a batch left for it, at the instant of its decisions."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A permanent record: `keep` appends to it in the transaction of a batch; `seal` chains some of what is not chained
    yet, under the key of the chains, in a transaction of its own, and answers how many it chained. `refused` appends a
    call that was refused before a lane decided it."""

    keep: KeepRecords
    seal: Callable[[Connection, bytes], Awaitable[int]]
    refused: KeepRefused


@dataclass(frozen=True, slots=True)
class Business:
    """A service as its lanes see it: `rules` by the type of the body, `timers` by the kind of the timer. Its
    chains are made under the `chain_key`; `keep_records` is there where its rules leave something for a record; its
    rules know the `limits` by the names of their settings."""

    tables: Sequence[Table]
    rules: Mapping[type, Rule]
    timers: Mapping[str, Rule]
    codec: Codec
    outbound: Outbound
    partitions: int
    chain_key: bytes = b""
    keep_records: KeepRecords | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    tracer: Tracer = OFF

    def reach(self, held: Container[int], items: Iterable[Item]) -> Reach:
        """What a transaction of these items may decide beside them, of a lane that has these partitions."""
        return Reach(
            held, self.partitions, {item.message.key for item in items if item.fault is None},
            {table.kind for table in self.tables if table.told},
        )
