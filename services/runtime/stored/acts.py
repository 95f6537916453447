"""What operators did, with who and why: kept for good, once for each request."""

from dataclasses import dataclass
from datetime import datetime

from services.runtime.ground.tables import Connection


@dataclass(frozen=True, slots=True)
class Act:
    """An operator's act, by the id of its request."""

    request_id: str
    act: str
    target: str
    operator_id: str
    reason: str


async def save(connection: Connection, act: Act, now: datetime) -> bool:
    """Keep an act; answers False if another one is kept under the id of its request, which then stays."""
    kept: str = await connection.execute(
        """insert into operator_acts (request_id, act, target, operator_id, reason, acted_at)
           values ($1, $2, $3, $4, $5, $6) on conflict (request_id) do nothing""",
        act.request_id, act.act, act.target, act.operator_id, act.reason, now,
    )
    return kept.endswith(" 1")
