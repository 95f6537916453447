"""What a service is made of: all that a process, the simulator and the tests need to know of one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from services.kernel.access import Access
from services.kernel.coordination import Definitions
from services.kernel.decision import Rule, Timer
from services.kernel.messages import Message
from services.runtime.ground.codec import Codec
from services.runtime.ground.postgres import Reading
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Table
from services.runtime.identity.door import Ownership
from services.runtime.lanes.business import Recording
from services.runtime.measuring import OpenPayments
from services.runtime.rpc.edge import Edge
from services.runtime.stored.steps import Shown, nothing_shown


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is made of; its `__main__` writes one of these and runs it (`main.py`).

    `inbound` is the stream it consumes: `commands` for a participant, `replies` for a coordinator. `servicers` are
    built with the edge. `perform` does one action and answers the message that reports it. `standing` timers are
    set at the start where they are missing: what a service does day after day, and (due at once) what it does before
    the first call. `shown` reads what the views of its sagas show beside them. `recording` keeps the permanent record
    of what its rules leave for it. `switches` are what its operators may stop, `limits` the settings by
    which its rules go.
    `open_payments` reads what was sent out and is not settled yet, for the metrics.
    `access` is the policy: who may call what; `owners` finds whose its things are.
    """

    name: str
    inbound: str
    tables: Sequence[Table]
    rules: Mapping[type, Rule]
    timers: Mapping[str, Rule]
    codec: Codec
    servicers: Sequence[Callable[[Edge], object]]
    migrations: Path
    definitions: Definitions | None = None
    perform: Callable[[Settings, Reading], Callable[[object], Awaitable[Message | None]]] | None = None
    standing: Callable[[datetime], Sequence[Timer]] | None = None
    shown: Shown = nothing_shown
    recording: Recording | None = None
    open_payments: OpenPayments | None = None
    access: Access | None = None
    owners: Mapping[str, Ownership] = field(default_factory=dict)
    switches: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
