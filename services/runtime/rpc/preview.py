"""What a message would come to now, by the same rules and on the same admission
as the message itself; nothing is kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.kernel.admission import Admission
from services.kernel.decision import Outcome, Rule
from services.kernel.effects import Arrived
from services.kernel.messages import Message
from services.runtime.ground.tables import Connection, Table, load


async def preview(
    connection: Connection, tables: Sequence[Table], rules: Mapping[type, Rule], *, key: str, body: object,
    now: datetime,
) -> Outcome:
    """The outcome of a call with this body, on what the connection sees. Give it a snapshot,
    and tables that lock nothing."""
    admission: Admission[Arrived] = Admission(rules, {})
    admission.now = now
    for wanted in admission.rounds([Arrived(Message("preview", key, body))]):
        await load(connection, tables, wanted, admission.known)
    for _, error in admission.effects.faulty:
        raise error
    for _, busy in admission.effects.busy:
        return busy
    ((_, answer),) = admission.effects.answers
    assert answer.outcome is not None
    return answer.outcome
