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


async def find(connection: Connection, request_id: str) -> Act | None:
    """The act that this request did, if it did one."""
    row = await connection.fetchrow(
        "select request_id, act, target, operator_id, reason from operator_acts where request_id = $1", request_id
    )
    return Act(*row) if row else None


async def save(connection: Connection, act: Act, now: datetime) -> None:
    """Keep an act; one with the same request's id that came first stays."""
    await connection.execute(
        """insert into operator_acts (request_id, act, target, operator_id, reason, acted_at)
           values ($1, $2, $3, $4, $5, $6) on conflict (request_id) do nothing""",
        act.request_id, act.act, act.target, act.operator_id, act.reason, now,
    )
