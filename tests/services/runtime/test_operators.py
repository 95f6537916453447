"""What operators get from the runtime, through gRPC: the clock, what is under way, sagas, messages aside, events."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.errors import ResourceExhausted
from services.kernel.messages import Message
from services.kernel.saga import Phase
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.once import once
from services.runtime.rpc.operations import OperationsServicer
from settlement.operations.v1 import operations_service_pb2 as pb
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import Add
from tests.services.runtime.test_edge import T0, edge_of
from tests.services.runtime.test_edge import operations as operations
from tests.services.runtime.test_edge import process as process
from tests.services.runtime.test_lanes import fetch


async def test_the_manual_clock_is_set_kept_and_shown(operations: Any, local: Settings) -> None:
    """To any instant, backwards too; it survives in the database."""
    for at in (T0, T0 - timedelta(days=400)):
        await operations.SetClock(pb.SetClockRequest(request_id=str(uuid4()), time=stamp(at)))
        shown = await operations.GetClock(pb.GetClockRequest())
        assert (shown.time.ToDatetime(UTC), shown.manual) == (at, True)

    stored = await fetch(local, "select value from runtime_facts where name = 'manual_clock'")
    assert datetime.fromisoformat(stored[0][0]) == T0 - timedelta(days=400)


def stamp(at: datetime) -> Timestamp:
    """As protobuf has it."""
    made = Timestamp()
    made.FromDatetime(at)
    return made


async def test_activity_becomes_idle(process: Process, operations: Any) -> None:
    """While something is under way it is counted; then nothing is."""
    for number in range(20):
        process._lanes.submit(Message(str(number), "c", Add(1), str(number)), b"h", 5.0)

    async with asyncio.timeout(10):
        while not (activity := await operations.GetActivity(pb.GetActivityRequest())).idle:
            pass

    assert (activity.service, activity.queued, activity.unpublished, activity.lag) == ("counter", 0, 0, 0)


async def test_what_was_decided_while_it_was_counted_is_not_missed(process: Process, local: Settings) -> None:
    """It came after the queues were looked at and was over before the database was, which may have left anything."""
    edge = edge_of(process, local)
    lanes = process._lanes

    class Meanwhile:
        """The edge, on which a message is decided and published before the database is asked."""

        settings, clock = edge.settings, edge.clock

        @asynccontextmanager
        async def read(self) -> AsyncIterator[Any]:  # Any: a connection
            await lanes.submit(Message(str(uuid4()), "c", Add(1), str(uuid4())), b"h", 5.0)
            while lanes.unpublished or lanes.queued:
                await asyncio.sleep(0.01)
            async with edge.read() as connection:
                yield connection

    request: Any = pb.GetActivityRequest()
    activity = await OperationsServicer(Meanwhile(), lanes).GetActivity(request, None)  # type: ignore[arg-type]

    assert (activity.queued, activity.due_timers, activity.open_sagas, activity.unpublished) == (0, 0, 0, 0)
    assert not activity.idle


async def test_an_action_is_counted_until_its_report(process: Process, operations: Any) -> None:
    """A call to the outside world is under way: the service is not idle before it has ended."""
    answered = asyncio.Event()
    calling = asyncio.create_task(_until(answered))
    process._lanes.actions.add(calling)
    calling.add_done_callback(process._lanes.actions.discard)

    during = await operations.GetActivity(pb.GetActivityRequest())
    answered.set()
    await calling
    later = await operations.GetActivity(pb.GetActivityRequest())

    assert (during.open_actions, during.queued, during.idle) == (1, 1, False)
    assert (later.open_actions, later.queued) == (0, 0)


async def _until(answered: asyncio.Event) -> None:
    await answered.wait()


async def test_a_saga_is_listed_read_and_waited_for(process: Process, operations: Any, local: Settings) -> None:
    """Waiting ends with the saga, at the latest with the next look; an unknown saga is NOT_FOUND."""
    insert = """insert into sagas (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at,
                                   version, plan, branches)
                values ('saga_1', 'ord_1', 'refund', 1, 'TRYING', now(), now(), now(), 1, '{}',
                        '[["a", "SENT", "", null]]')"""
    await fetch(local, insert)
    edge = edge_of(process, local)

    so_far = await edge.awaited("saga_1", 0.2)
    waiting = asyncio.create_task(edge.awaited("saga_1", 5, since=1))
    await fetch(local, "update sagas set phase = 'DONE', version = 2 where id = 'saga_1'")
    ended = await waiting

    assert so_far is not None
    assert ended is not None
    assert (so_far.run.phase, ended.run.phase, process._watchers.watched) == (Phase.TRYING, Phase.DONE, 0)
    read = await operations.GetSaga(pb.GetSagaRequest(saga_id="saga_1"))
    listed = await operations.ListSagas(pb.ListSagasRequest(root_id="ord_1"))
    assert (read.saga.phase, read.saga.branches[0].service, list(listed.sagas)) == ("DONE", "a", [read.saga])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await operations.GetSaga(pb.GetSagaRequest(saga_id="saga_2"))
    assert from_rpc_error(caught.value).reason == "SAGA_NOT_FOUND"


@pytest.mark.parametrize(("phase", "timers"), [
    ("TRYING", {"saga": T0}), ("FROZEN", {"saga": T0 + timedelta(days=9), "resume": T0}), ("DONE", {}),
])
async def test_a_saga_is_retried_now_or_resumed(
    process: Process, operations: Any, local: Settings, phase: str, timers: dict[str, datetime]
) -> None:
    """Its wake-up is due at once; a frozen one gets a word of its own; an ended one is left."""
    await operations.SetClock(pb.SetClockRequest(request_id=str(uuid4()), time=stamp(T0)))
    await fetch(local, """
        insert into sagas
            (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at, version, plan, branches)
        values ('saga_1', 'ord_1', 'refund', 1, $1, now(), now(), now(), 1, '{}', '[]')""", phase)
    if timers:  # of a partition that nobody leases, so that none fires
        await fetch(local, "insert into timers values ('saga', 'saga_1', 'ord_1', 99, $1)", T0 + timedelta(days=9))
    request = pb.RetrySagaRequest(request_id=str(uuid4()), saga_id="saga_1", operator_id="ann", reason="repaired")

    refusal = ""
    for _ in range(2):
        try:
            await operations.RetrySaga(request)
        except grpc.aio.AioRpcError as error:
            refusal = from_rpc_error(error).reason

    rows = await fetch(local, "select kind, due_at, root, partition from timers")
    assert {row[0]: row[1] for row in rows} == timers
    assert all((row[2], row[3]) == ("ord_1", 99) for row in rows)
    assert refusal == ("" if timers else "SAGA_STATE")


async def refusal_of(call: Any) -> str:
    """The reason with which a call is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value).reason


async def test_what_operators_are_refused_waits_for_no_reader(process: Process, operations: Any) -> None:
    """Where a service records refused calls it does so in a reader's turn, of which there may be none just then."""

    async def crowded(_call: object) -> None:
        raise ResourceExhausted("OVERLOADED", "too many readers wait for the database")

    process._server.keep_refusals(crowded)
    unknown = pb.RetrySagaRequest(request_id=str(uuid4()), saga_id="saga_9", operator_id="ops", reason="a test")

    assert await refusal_of(operations.RetrySaga(unknown)) == "SAGA_NOT_FOUND"


async def test_a_request_that_no_lane_decides_has_one_answer_for_good(operations: Any) -> None:
    """An operator's verb that was asked again acted again, and took any body under the same id; a clock went back."""
    first = pb.SetClockRequest(request_id=str(uuid4()), time=stamp(T0))
    later = pb.SetClockRequest(request_id=str(uuid4()), time=stamp(T0 + timedelta(days=1)))
    refused = pb.DiscardParkedRequest(request_id=str(uuid4()), parked_id=99, operator_id="ann", reason="garbage")

    told = await operations.SetClock(first)
    await operations.SetClock(later)
    again = await operations.SetClock(pb.SetClockRequest(request_id=first.request_id.upper(), time=first.time))
    reasons = [await refusal_of(operations.DiscardParked(refused)) for _ in range(2)]
    other = [
        operations.SetClock(pb.SetClockRequest(request_id=first.request_id, time=later.time)),
        operations.RetryParked(pb.RetryParkedRequest(request_id=first.request_id, parked_id=1, operator_id="ann")),
        operations.DiscardParked(pb.DiscardParkedRequest(
            request_id=refused.request_id, parked_id=98, operator_id="ann", reason="garbage"
        )),
        operations.RetrySaga(pb.RetrySagaRequest(request_id=refused.request_id, saga_id="saga_1", operator_id="ann")),
    ]

    assert again == told
    assert (await operations.GetClock(pb.GetClockRequest())).time == later.time
    assert reasons == ["PARKED_NOT_FOUND"] * 2
    assert [await refusal_of(call) for call in other] == ["REQUEST_ID_REUSED"] * 4
@pytest.mark.parametrize(("phase", "decision", "refusal"), [
    ("FROZEN", "", ""), ("FROZEN", "COMMIT", "SAGA_STATE"), ("FROZEN", "ABORT", "SAGA_STATE"),
    ("TRYING", "", "SAGA_STATE"), ("DONE", "COMMIT", "SAGA_STATE"),
])
async def test_a_frozen_saga_that_is_not_decided_is_given_up_once_and_for_the_record(
    process: Process, operations: Any, local: Settings, phase: str, decision: str, refusal: str
) -> None:
    """It gets a word of its own; who and why stay; what is committed is never aborted (R-4)."""
    await operations.SetClock(pb.SetClockRequest(request_id=str(uuid4()), time=stamp(T0)))
    await fetch(local, """
        insert into sagas (id, root, kind, definition_version, phase, decision, started_at, deadline_at, updated_at,
                           version, plan, branches)
        values ('saga_1', 'ord_1', 'refund', 1, $1, $2, now(), now(), now(), 1, '{}', '[]')""", phase, decision)
    await fetch(local, "insert into timers values ('saga', 'saga_1', 'ord_1', 99, $1)", T0 + timedelta(days=9))
    request = pb.AbortSagaRequest(request_id=str(uuid4()), saga_id="saga_1", operator_id="ann", reason="of no use")
    other = pb.AbortSagaRequest(request_id=request.request_id, saga_id="saga_1", operator_id="bob", reason="of no use")

    said = [await _refusal(operations.AbortSaga(each)) for each in (request, request, other)]

    acts = await fetch(local, "select act, target, operator_id, reason, acted_at from operator_acts")
    timers = await fetch(local, "select kind, root, partition, due_at from timers where kind = 'abort'")
    if refusal:
        assert (said, acts, timers) == ([refusal] * 2 + ["REQUEST_ID_REUSED"], [], [])
        return
    assert said == ["", "", "REQUEST_ID_REUSED"]
    assert [tuple(row) for row in acts] == [("AbortSaga", "saga_1", "ann", "of no use", T0)]
    assert [tuple(row) for row in timers] == [("abort", "ord_1", 99, T0)]
    await fetch(local, "update sagas set phase = 'ABORTED', decision = 'ABORT', version = 2")
    assert (await operations.AbortSaga(request)).saga.phase == "FROZEN"
    await fetch(local, "delete from inbox")
    await fetch(local, "update sagas set phase = 'FROZEN', decision = ''")
    assert await _refusal(operations.AbortSaga(other)) == "REQUEST_ID_REUSED"
    with pytest.raises(asyncpg.RestrictViolationError):
        await fetch(local, "delete from operator_acts")


async def _refusal(call: Any) -> str:
    """Why a call is refused; "" if it is not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    return ""


async def test_a_parked_message_is_listed_and_discarded_once(operations: Any, local: Settings) -> None:
    """The same request again finds it discarded; another one is refused."""
    insert = """insert into parked (source, partition, kafka_offset, key, message_id, headers, reason, parked_at)
                values ('t', 0, 7, 'c', 'm', '[]', 'MALFORMED', now())"""
    await fetch(local, insert)
    listed = await operations.ListParked(pb.ListParkedRequest())
    number = listed.messages[0].parked_id
    discard = pb.DiscardParkedRequest(request_id=str(uuid4()), parked_id=number, operator_id="ann", reason="garbage")

    first, again = await operations.DiscardParked(discard), await operations.DiscardParked(discard)
    discard.request_id = str(uuid4())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await operations.DiscardParked(discard)

    assert first == again
    assert (first.message.state, first.message.offset) == ("DISCARDED", 7)
    assert from_rpc_error(caught.value).reason == "PARKED_STATE"
    assert not (await operations.ListParked(pb.ListParkedRequest())).messages


async def test_events_are_published_again_once_for_a_request(
    operations: Any, local: Settings, until: Until
) -> None:
    """Asked again under its id, the answer says how far it is; another body under the id is refused."""
    await fetch(local, "insert into events values ('c', 1, 'T', now(), '', 'x'), ('d', 1, 'T', now(), '', 'y')")
    request = pb.RepublishEventsRequest(
        request_id=str(uuid4()), aggregate_id="c", operator_id="ann", reason="a new subscriber"
    )

    first = (await operations.RepublishEvents(request)).republication

    async def over() -> bool:
        return bool((await operations.RepublishEvents(request)).republication.HasField("end_time"))

    await until(over)
    last = (await operations.RepublishEvents(request)).republication
    others = [pb.RepublishEventsRequest(), pb.RepublishEventsRequest()]
    for other in others:
        other.CopyFrom(request)
    others[0].aggregate_id, others[1].operator_id = "d", "bob"
    reasons = [await refusal_of(operations.RepublishEvents(other)) for other in others]
    clock = pb.SetClockRequest(request_id=request.request_id, time=stamp(T0))
    reasons.append(await refusal_of(operations.SetClock(clock)))
    clock.request_id = str(uuid4())
    await operations.SetClock(clock)
    others[0].request_id = clock.request_id
    reasons.append(await refusal_of(operations.RepublishEvents(others[0])))

    assert (first.republication_id, first.operator_id, first.reason) == (request.request_id, "ann", "a new subscriber")
    assert (last.published, last.ask_time) == (1, first.ask_time)
    assert reasons == ["REQUEST_ID_REUSED"] * 4
    assert len(await fetch(local, "select from republications")) == 1


async def test_b1_a_verb_that_is_cancelled_leaves_no_doubt(process: Process, local: Settings) -> None:
    """Its caller leaves at any moment, and asks again, twice at a time: it was done once, or is now."""
    edge = edge_of(process, local)
    await fetch(local, "create table acted (request_id text)")
    requests = [pb.DiscardParkedRequest(request_id=str(uuid4()), parked_id=number) for number in range(100)]

    def verb(request: pb.DiscardParkedRequest) -> "asyncio.Task[pb.DiscardParkedResponse]":
        async def act(connection: asyncpg.Connection) -> pb.DiscardParkedResponse:
            await connection.execute("insert into acted values ($1)", request.request_id)
            number = await connection.fetchval("select count(*) from acted")
            return pb.DiscardParkedResponse(message=pb.ParkedMessage(parked_id=number))

        return asyncio.create_task(once(edge, request, pb.DiscardParkedResponse, act))

    chance, cancelled = random.Random(1), 0
    for request in requests:
        left = verb(request)
        asyncio.get_running_loop().call_later(chance.random() * 0.003, left.cancel)
        await asyncio.wait({left})
        cancelled += left.cancelled()
        first, second = await asyncio.gather(verb(request), verb(request))
        assert first == second

    assert cancelled
    acted = await fetch(local, "select request_id from acted")
    assert sorted(row[0] for row in acted) == sorted(request.request_id for request in requests)


async def test_operators_lists_come_page_by_page(operations: Any, local: Settings) -> None:
    """Each saga and each message once, also those of one instant; the last page says that it is the last."""
    await fetch(local, """
        insert into sagas
            (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at, version, plan, branches)
        select 'saga_' || n, 'ord_1', 'refund', 1, 'DONE',
               timestamptz '2026-03-01Z' + (n / 3) * interval '1 microsecond', now(), now(), 1, '{}', '[]'
        from generate_series(1, 5) n""")
    await fetch(local, """
        insert into parked (source, partition, kafka_offset, key, message_id, headers, reason, parked_at)
        select 't', 0, n, 'c', 'm' || n, '[]', 'MALFORMED', now() from generate_series(1, 4) n""")

    sagas, saga_pages = await _all(operations.ListSagas, pb.ListSagasRequest(root_id="ord_1", page_size=2), "sagas")
    messages, message_pages = await _all(operations.ListParked, pb.ListParkedRequest(page_size=2), "messages")

    assert ([saga.saga_id for saga in sagas], saga_pages) == ([f"saga_{n}" for n in range(1, 6)], 3)
    assert ([message.message_id for message in messages], message_pages) == (["m1", "m2", "m3", "m4"], 2)


async def _all(ask: Any, request: Any, field: str) -> tuple[list[Any], int]:
    """The rows of every page, and how many pages they were."""
    rows, count = [], 0
    while True:
        page = await ask(request)
        rows += getattr(page, field)
        count += 1
        request.page_token = page.next_page_token
        if not request.page_token:
            return rows, count
