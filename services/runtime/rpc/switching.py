"""The operators' switches over RPCs: one proposes, another approves; both are acts that are kept for good."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from services.kernel.errors import AlreadyExists, NotFound
from services.runtime.ground.scalars import instant_field
from services.runtime.ground.tables import Connection
from services.runtime.rpc.edge import Edge
from services.runtime.stored import acts, switches
from services.runtime.stored.acts import Act
from services.runtime.stored.switches import Switch
from settlement.operations.v1 import operations_service_pb2 as pb

Move = Callable[[Switch, datetime], Switch]
_TURNS = 0x5E81
"""The lock of whoever moves a switch: all of them stand in one fact."""

log = structlog.get_logger(__name__)


async def move(edge: Edge, names: tuple[str, ...], connection: Connection, request: Any, to: Move) -> pb.Switch:
    """Move a switch that there is, in the present transaction, and keep who did it and why. Any: of either request."""
    if request.name not in names:
        raise NotFound("SWITCH_NOT_FOUND", f"{edge.settings.service} has no switch {request.name}")
    await connection.execute("select pg_advisory_xact_lock($1)", _TURNS)
    now = await edge.clock.now(connection)
    (before,) = await switches.read(connection, (request.name,))
    after = to(before, now)
    what = type(request).__name__.removesuffix("Request")
    target = f"{request.name}={'stopped' if request.stopped else 'on'}"
    act = Act(request.request_id, what, target, request.operator_id, request.reason)
    if not await acts.save(connection, act, now, edge.settings.chain_key):  # the answer to it is not stored any more
        raise AlreadyExists("REQUEST_ID_REUSED", "this request_id was used long ago")
    await switches.save(connection, after)
    log.warning("switch_moved", act=what, switch=target, operator=request.operator_id, reason=request.reason)
    return to_wire(after)


def to_wire(switch: Switch) -> pb.Switch:
    """The switch as callers see it."""
    told: Mapping[str, Any] = {} if switch.proposed is None else {  # Any: fields of several types
        "proposal": pb.SwitchProposal(
            stopped=switch.proposed, maker=switch.proposed_by, reason=switch.proposed_for
        )
    }
    return pb.Switch(
        name=switch.name, stopped=switch.stopped, maker=switch.maker, checker=switch.checker, reason=switch.reason,
        change_time=instant_field(switch.changed_at) if switch.changed_at else None, **told,
    )
