"""What operators did, with who and why: kept for good, once for each request."""

from dataclasses import dataclass
from datetime import datetime

from services.kernel.seal import seal_of
from services.runtime.ground.tables import Connection


@dataclass(frozen=True, slots=True)
class Act:
    """An operator's act, by the id of its request."""

    request_id: str
    act: str
    target: str
    operator_id: str
    reason: str


async def save(connection: Connection, act: Act, now: datetime, seal_key: bytes) -> bool:
    """Keep an act, sealed; answers False if another one is kept under the id of its request, which then stays."""
    row = act.request_id, act.act, act.target, act.operator_id, act.reason, now
    kept: str = await connection.execute(
        """insert into operator_acts (request_id, act, target, operator_id, reason, acted_at, seal)
           values ($1, $2, $3, $4, $5, $6, $7) on conflict (request_id) do nothing""",
        *row, seal_of("operator_acts", row, seal_key),
    )
    return kept.endswith(" 1")
