"""What the lanes need to know of a service: its tables, its rules, its wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.kernel.decision import Rule
from services.runtime.ground.codec import Codec
from services.runtime.ground.records import Outbound
from services.runtime.ground.tables import Table


@dataclass(frozen=True, slots=True)
class Business:
    """A service as its lanes see it: `rules` by the type of the body, `timers` by the kind of the timer. Its
    chains are made under the `chain_key`."""

    tables: Sequence[Table]
    rules: Mapping[type, Rule]
    timers: Mapping[str, Rule]
    codec: Codec
    outbound: Outbound
    partitions: int
    chain_key: bytes = b""
