"""OperationsService, the same in every service: what is under way, the manual clock, sagas, messages set aside, and
events that are published again."""

from collections.abc import Sequence, Sized
from datetime import datetime
from typing import Any, Protocol

import msgspec
import structlog

from services.kernel.errors import AlreadyExists, FailedPrecondition, NotFound
from services.kernel.saga import ABORT, RESUME, TERMINAL, WAKE, Phase
from services.runtime.ground.clock import ManualClock
from services.runtime.ground.paging import FIRST, page_of
from services.runtime.ground.scalars import instant_field, instant_from_wire, instant_to_wire
from services.runtime.ground.tables import Connection
from services.runtime.rpc.calls import Context
from services.runtime.rpc.edge import Edge
from services.runtime.rpc.once import once
from services.runtime.rpc.switching import move, to_wire
from services.runtime.stored import acts, parked, republications, switches
from services.runtime.stored.acts import Act
from services.runtime.stored.republications import Republication
from services.runtime.stored.switches import Switch
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as rpc

_COLUMNS = """select s.id saga_id, s.root root_id, s.kind, s.phase, s.decision, s.reason, s.attempts, s.branches,
                     s.version, s.started_at create_time, s.updated_at update_time, s.deadline_at deadline_time,
                     t.due_at next_retry_time"""
_SAGA = f"{_COLUMNS} from saga_records s left join timers t on t.kind = 'saga' and t.key = s.id"
_OPEN_SAGA = f"{_COLUMNS} from timers t join sagas s on t.kind = 'saga' and t.key = s.id"
_UNFINISHED = frozenset(phase.value for phase in Phase if phase not in TERMINAL)
_PARKED = """select id parked_id, source, partition, kafka_offset "offset", key, message_id, headers, reason, detail,
                    state, parked_at park_time, resolved_at resolve_time, resolution
             from parked"""

TYPE_CHARACTERS_MAX = 256
"""So much is shown of what a parked record says that it is."""

log = structlog.get_logger(__name__)


class Activity(Protocol):
    """What the lanes of this process know of what is under way."""

    @property
    def queued(self) -> int: ...
    @property
    def worked_at(self) -> float: ...
    @property
    def unpublished(self) -> int: ...
    @property
    def actions(self) -> Sized: ...
    def alive(self) -> Sequence[int]: ...
    async def lag(self) -> int: ...


class OperationsServicer(rpc.OperationsServiceServicer):
    """The servicer. Every verb that changes something leaves who and why, in the row or in the log."""

    def __init__(self, edge: Edge, lanes: Activity, names: tuple[str, ...] = ()) -> None:
        self._edge, self._lanes, self._switches = edge, lanes, names
        self._settings, self._clock = edge.settings, edge.clock

    async def GetActivity(self, request: pb.GetActivityRequest, context: Context) -> pb.GetActivityResponse:
        """Count what is under way along its way, and once more where it began, so that nothing that moves is missed.
        What came and was decided meanwhile may have left a half that no look sees: then this is not idle, either."""
        worked_at, unpublished = self._lanes.worked_at, self._lanes.unpublished
        lag = await self._lanes.lag()
        queued, actions = self._lanes.queued, len(self._lanes.actions)
        async with self._edge.read() as connection:
            now = await self._clock.now(connection)
            row = await connection.fetchrow(
                """select (select count(*) from timers where kind = 'saga'),
                          (select count(*) from timers where partition = any($1::integer[]) and due_at <= $2),
                          (select count(*) from outbox where lane_id <> all($3::bigint[])),
                          (select count(*) from parked where state = 'PARKED'), (select count(*) from notices),
                          (select count(*) from republications where ended_at is null)""",
                list(range(self._settings.partitions)), now, list(self._lanes.alive()),
            )
        sagas, due, left, aside, notices, again = row or (0, 0, 0, 0, 0, 0)
        unpublished = max(unpublished, self._lanes.unpublished) + left
        queued, actions = max(queued, self._lanes.queued), max(actions, len(self._lanes.actions))
        moved = self._lanes.worked_at != worked_at
        return pb.GetActivityResponse(
            service=self._settings.service, now=instant_field(now), queued=queued, open_sagas=sagas, due_timers=due,
            lag=lag, unpublished=unpublished, parked=aside, open_actions=actions,
            open_notices=notices, open_republications=again,
            idle=not (queued or sagas or due or unpublished or lag or notices or again or moved),
        )

    async def GetClock(self, request: pb.GetClockRequest, context: Context) -> pb.GetClockResponse:
        """Tell the time that decisions get."""
        time = instant_to_wire(await self._edge.now())
        return pb.GetClockResponse(time=time, manual=isinstance(self._clock, ManualClock))

    async def SetClock(self, request: pb.SetClockRequest, context: Context) -> pb.SetClockResponse:
        """Move a manual clock to any instant; timers fire as it moves."""
        clock, at = self._clock, instant_from_wire(request.time)
        if not isinstance(clock, ManualClock):
            raise FailedPrecondition("CLOCK_NOT_MANUAL", "the clock follows the system")

        async def set_clock(connection: Connection) -> pb.SetClockResponse:
            await clock.set(connection, at)
            return pb.SetClockResponse(time=instant_field(at))

        told = await once(self._edge, request, pb.SetClockResponse, set_clock)
        clock.moved()
        return told

    async def ListSagas(self, request: pb.ListSagasRequest, context: Context) -> pb.ListSagasResponse:
        """List sagas by their start, the oldest first; those that are open are those with a timer."""
        page = page_of(request, FIRST, of=self._settings.service)
        open_ones = request.phase == "OPEN" or request.phase in _UNFINISHED
        async with self._edge.read() as connection:
            rows = await connection.fetch(
                (_OPEN_SAGA if open_ones else _SAGA) + """ where ($1 in ('', 'OPEN') or s.phase = $1)
                    and ($2 = '' or s.root = $2) and (s.started_at, s.id) > ($3, $4)
                    order by s.started_at, s.id limit $5""",
                request.phase, request.root_id, *page.after, page.limit,
            )
        sagas, following = page.cut(rows, lambda row: (row["create_time"], row["saga_id"]), _saga)
        return pb.ListSagasResponse(sagas=sagas, next_page_token=following)

    async def GetSaga(self, request: pb.GetSagaRequest, context: Context) -> pb.GetSagaResponse:
        """Show one saga."""
        async with self._edge.read() as connection:
            return pb.GetSagaResponse(saga=_saga(await _find_saga(connection, request.saga_id)))

    async def RetrySaga(self, request: pb.RetrySagaRequest, context: Context) -> pb.RetrySagaResponse:
        """Make a saga's wake-up due now: the lane sends again what is awaited, as later, or resumes a frozen one."""
        async def retry(connection: Connection) -> pb.RetrySagaResponse:
            row = await _find_saga(connection, request.saga_id)
            if row["next_retry_time"] is None:
                raise FailedPrecondition("SAGA_STATE", f"the saga is {row['phase']}", {"phase": row["phase"]})
            kind = RESUME if row["phase"] == Phase.FROZEN else WAKE
            await _wake(connection, kind, request.saga_id, await self._clock.now(connection))
            log.info("saga_retried", saga=request.saga_id, operator=request.operator_id, reason=request.reason)
            return pb.RetrySagaResponse(saga=_saga(await _find_saga(connection, request.saga_id)))

        return await once(self._edge, request, pb.RetrySagaResponse, retry)

    async def AbortSaga(self, request: pb.AbortSagaRequest, context: Context) -> pb.AbortSagaResponse:
        """Give up a frozen saga that is not decided; its lane looks once more, under the lock of its root (R-4)."""
        async def abort(connection: Connection) -> pb.AbortSagaResponse:
            row = await _find_saga(connection, request.saga_id)
            if row["phase"] != Phase.FROZEN or row["decision"]:
                stands = {"phase": row["phase"], "decision": row["decision"]}
                told = f"the saga is {row['phase']}, decided: {row['decision'] or 'no'}"
                raise FailedPrecondition("SAGA_STATE", told, stands)
            now = await self._clock.now(connection)
            act = Act(request.request_id, "AbortSaga", request.saga_id, request.operator_id, request.reason)
            if not await acts.save(connection, act, now, self._settings.chain_key):
                # the answer to that one is not stored any more
                raise AlreadyExists("REQUEST_ID_REUSED", "this request_id was used long ago")
            await _wake(connection, ABORT, request.saga_id, now)
            log.info("saga_given_up", saga=request.saga_id, operator=request.operator_id, reason=request.reason)
            return pb.AbortSagaResponse(saga=_saga(row))

        return await once(self._edge, request, pb.AbortSagaResponse, abort)

    async def ListParked(self, request: pb.ListParkedRequest, context: Context) -> pb.ListParkedResponse:
        """List what is set aside by number, the oldest first."""
        page = page_of(request, (0,), of=self._settings.service)
        async with self._edge.read() as connection:
            rows = await connection.fetch(
                _PARKED + """ where id > $1 and ($2 = '' or key = $2) and ($3 or state = 'PARKED')
                    order by id limit $4""",
                *page.after, request.key, request.include_resolved, page.limit,
            )
        messages, following = page.cut(rows, lambda row: (row["parked_id"],), _parked)
        return pb.ListParkedResponse(messages=messages, next_page_token=following)

    async def RetryParked(self, request: pb.RetryParkedRequest, context: Context) -> pb.RetryParkedResponse:
        """Send again, as it was, a message that was set aside; it is decided as if it came now."""
        async def retry(connection: Connection) -> pb.RetryParkedResponse:
            now = await self._clock.now(connection)
            done = await parked.retry(
                connection, request.parked_id, self._settings.partitions, why=_why(request), now=now,
                seal_key=self._settings.chain_key,
            )
            return pb.RetryParkedResponse(message=_parked(await _resolved(connection, request, done)))

        return await once(self._edge, request, pb.RetryParkedResponse, retry)

    async def RepublishEvents(
        self, request: pb.RepublishEventsRequest, context: Context
    ) -> pb.RepublishEventsResponse:
        """Ask for events to be published again, or (the same request) how far they are."""
        from_time = instant_from_wire(request.from_time) if request.HasField("from_time") else None

        async def ask(connection: Connection) -> pb.RepublishEventsResponse:
            asked = Republication(
                id=request.request_id, partition=None, aggregate_id=request.aggregate_id, from_time=from_time,
                operator_id=request.operator_id, reason=request.reason, asked_at=await self._clock.now(connection),
            )
            stored = await republications.ask(connection, asked)
            if _body(stored) != _body(asked):  # whose answer is not stored any more
                raise AlreadyExists("REQUEST_ID_REUSED", "this request_id was used with another body")
            return pb.RepublishEventsResponse(republication=_republication(stored))

        told = await once(self._edge, request, pb.RepublishEventsResponse, ask)
        async with self._edge.read() as connection:
            stored = await republications.find(connection, request.request_id)
        return pb.RepublishEventsResponse(republication=_republication(stored)) if stored else told

    async def DiscardParked(self, request: pb.DiscardParkedRequest, context: Context) -> pb.DiscardParkedResponse:
        """Give up a message that was set aside, with the reason."""
        async def discard(connection: Connection) -> pb.DiscardParkedResponse:
            now = await self._clock.now(connection)
            key = self._settings.chain_key
            done = await parked.discard(connection, request.parked_id, _why(request), now, key)
            return pb.DiscardParkedResponse(message=_parked(await _resolved(connection, request, done)))

        return await once(self._edge, request, pb.DiscardParkedResponse, discard)


    async def ListSwitches(self, request: pb.ListSwitchesRequest, context: Context) -> pb.ListSwitchesResponse:
        """List what operators may stop, and whether they did."""
        async with self._edge.read() as connection:
            found = await switches.read(connection, self._switches)
        return pb.ListSwitchesResponse(switches=map(to_wire, found))

    async def ProposeSwitch(self, request: pb.ProposeSwitchRequest, context: Context) -> pb.ProposeSwitchResponse:
        """Say what a switch is to be; another person has to approve."""
        async def propose(connection: Connection) -> pb.ProposeSwitchResponse:
            def to(switch: Switch, now: datetime) -> Switch:
                return switches.proposed(switch, request.stopped, request.operator_id, request.reason)

            return pb.ProposeSwitchResponse(switch=await move(self._edge, self._switches, connection, request, to))

        return await once(self._edge, request, pb.ProposeSwitchResponse, propose)

    async def ApproveSwitch(self, request: pb.ApproveSwitchRequest, context: Context) -> pb.ApproveSwitchResponse:
        """Have a switch be what another person proposed."""
        async def approve(connection: Connection) -> pb.ApproveSwitchResponse:
            def to(switch: Switch, now: datetime) -> Switch:
                return switches.approved(switch, request.stopped, request.operator_id, now)

            return pb.ApproveSwitchResponse(switch=await move(self._edge, self._switches, connection, request, to))

        return await once(self._edge, request, pb.ApproveSwitchResponse, approve)


def _why(request: pb.RetryParkedRequest | pb.DiscardParkedRequest) -> str:
    return f"{request.operator_id}: {request.reason} [{request.request_id}]"


async def _resolved(
    connection: Connection, request: pb.RetryParkedRequest | pb.DiscardParkedRequest, done: bool
) -> Any:  # Any: a row
    """The message as it is now. The same request finds it resolved by itself, where its answer was not stored any more;
    another one is refused."""
    row = await connection.fetchrow(_PARKED + " where id = $1", request.parked_id)
    if row is None:
        raise NotFound("PARKED_NOT_FOUND", f"no parked message {request.parked_id}")
    if not done and row["resolution"] != _why(request):
        raise FailedPrecondition("PARKED_STATE", f"the message is {row['state']}", {"state": row["state"]})
    return row


async def _wake(connection: Connection, kind: str, saga_id: str, now: datetime) -> None:
    """Have an open saga come to its lane now, by a timer of this kind."""
    await connection.execute(
        """insert into timers select $1, key, root, partition, $3 from timers where kind = $4 and key = $2
           on conflict (kind, key) do update set due_at = least(timers.due_at, excluded.due_at)""",
        kind, saga_id, now, WAKE,
    )


async def _find_saga(connection: Connection, saga_id: str) -> Any:  # Any: a row
    row = await connection.fetchrow(_SAGA + " where s.id = $1", saga_id)
    if row is None:
        raise NotFound("SAGA_NOT_FOUND", f"no saga {saga_id}")
    return row


def _saga(row: Any) -> pb.Saga:  # Any: a row
    branches = [pb.SagaBranch(service=b[0], state=b[1], reason=b[2]) for b in msgspec.json.decode(row["branches"])]
    return pb.Saga(**_fields(row, "branches"), branches=branches)


def _parked(row: Any) -> pb.ParkedMessage:  # Any: a row
    headers = dict(msgspec.json.decode(row["headers"], type=list[tuple[str, bytes]]))
    type_name = headers.get("ce_type", b"").decode(errors="replace")[:TYPE_CHARACTERS_MAX]
    return pb.ParkedMessage(**_fields(row, "headers"), type=type_name)


def _body(asked: Republication) -> tuple[object, ...]:
    return asked.aggregate_id, asked.from_time, asked.operator_id, asked.reason


def _republication(row: Republication) -> pb.Republication:
    return pb.Republication(
        republication_id=row.id, aggregate_id=row.aggregate_id, operator_id=row.operator_id, reason=row.reason,
        from_time=instant_field(row.from_time) if row.from_time else None, ask_time=instant_field(row.asked_at),
        published=row.published, end_time=instant_field(row.ended_at) if row.ended_at else None,
    )


def _fields(row: Any, but: str) -> dict[str, Any]:  # Any: a row, and whatever types its columns have
    """The columns of a row are named as the message's fields; one is built by hand."""
    return {
        name: instant_to_wire(value) if isinstance(value, datetime) else value
        for name, value in row.items() if name != but
    }
