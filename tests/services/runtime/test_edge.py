"""What servicers and operators get from the runtime, through gRPC, on a running service."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import UInt64Value

from services.kernel.errors import Unavailable
from services.kernel.messages import Message
from services.kernel.saga import Phase
from services.runtime.ground.settings import Settings
from services.runtime.ground.values import frozen_classes
from services.runtime.process import Process
from services.runtime.rpc.calls import lower_ids
from services.runtime.rpc.edge import Edge, body_hash
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.keeping import Keeper
from services.runtime.rpc.server import channel
from settlement.operations.v1 import operations_service_pb2 as pb
from settlement.operations.v1 import operations_service_pb2_grpc as stubs
from settlement.order.v1 import order_service_pb2 as order
from tests.services.runtime.conftest import Postgres, Until
from tests.services.runtime.counters import CODEC, Add
from tests.services.runtime.counters import SERVICE as COUNTERS
from tests.services.runtime.errands import DEFINITIONS, shown
from tests.services.runtime.test_lanes import fetch, local  # noqa: F401  # a fixture
from tests.services.runtime.test_rpc import full_status, type_name

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def process(local: Settings, until: Until) -> AsyncIterator[Process]:  # noqa: F811
    """The service with a manual clock."""
    running = Process(replace(COUNTERS, definitions=DEFINITIONS, shown=shown), replace(local, clock="manual"))
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def operations(process: Process) -> AsyncIterator[Any]:
    """A stub of its OperationsService."""
    async with channel(f"127.0.0.1:{process._server.port}", 5) as opened:
        yield stubs.OperationsServiceStub(opened)


class Call:
    """What `ask` needs of a call's context."""

    def time_remaining(self) -> float:
        """Enough."""
        return 5.0


def edge_of(process: Process, settings: Settings) -> Edge:
    """An edge on the process's lanes."""
    pool, lanes = process._pool, process._lanes
    clock: Any = None  # it is not read
    return Edge(settings, clock, lanes, CODEC, pool, process._watchers, Keeper(pool.own))


async def test_ask_answers_the_result_and_the_same_again(process: Process, local: Settings) -> None:  # noqa: F811
    """The request id decides; how long the caller waits does not."""
    edge = edge_of(process, local)
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    patient = order.CancelOrderRequest(
        request_id=request.request_id, order_id="ord_1", wait_timeout=Duration(seconds=3)
    )
    call: Any = Call()

    first = await edge.ask(call, request, key="c", body=Add(4))
    again = await edge.ask(call, patient, key="c", body=Add(4))

    assert (first.value, again.value) == (4, 4)
    assert patient.wait_timeout.seconds == 3


async def test_a_process_that_a_test_starts_leaves_the_guards_of_values(process: Process) -> None:
    """Only a process that serves by itself drops them: this one's did, and so all tests after it ran without."""
    assert [cls.__name__ for cls in frozen_classes("services") if "__setattr__" not in vars(cls)] == []


async def test_who_asks_again_hears_what_the_first_heard(process: Process, local: Settings) -> None:  # noqa: F811
    """An end that was waited for is stored in the place of the beginning, once: before, each asking again told the
    state of its own moment (F14)."""
    edge = edge_of(process, local)
    call: Any = Call()
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    told = await edge.ask(call, request, key="c", body=Add(4))

    kept = await edge.keep(request, told, UInt64Value(value=5))
    slower = await edge.keep(request, told, UInt64Value(value=6))
    again = await edge.ask(call, request, key="c", body=Add(4))

    assert (told.value, kept.value, slower.value, again.value) == (4, 5, 5, 5)


class Hurried(Call):
    """A call with little time."""

    def time_remaining(self) -> float:
        """Less than it takes."""
        return 0.3


async def test_a_request_id_is_the_same_in_any_case_of_letters() -> None:
    """Also within a batch: before, the same id in capitals was "another body" (F11)."""
    request_id = str(uuid4())
    one, batch = order.CancelOrderRequest(request_id=request_id.upper()), order.BatchCancelOrdersRequest()
    batch.requests.append(one)

    lower_ids(one)
    lower_ids(batch)

    assert (one.request_id, batch.requests[0].request_id) == (request_id, request_id)


async def test_a_call_that_waits_out_an_outage_hears_of_it(
    process: Process, local: Settings, postgres: Postgres  # noqa: F811
) -> None:
    """UNAVAILABLE in time instead of silence; asked again after it, the request is decided once."""
    edge = edge_of(process, local)
    request = order.CancelOrderRequest(request_id=str(uuid4()), order_id="ord_1")
    hurried: Any = Hurried()
    patient: Any = Call()

    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(Unavailable) as caught:
            await edge.ask(hurried, request, key="c", body=Add(4))
    finally:
        await asyncio.to_thread(postgres.start)
    answer = await edge.ask(patient, request, key="c", body=Add(4))

    assert (caught.value.reason, answer.value) == ("UNAVAILABLE", 4)


async def test_who_waits_for_an_end_waits_through_a_restart(
    process: Process, local: Settings, postgres: Postgres  # noqa: F811
) -> None:
    """It asks again on a new connection; before, the waiting call answered INTERNAL though all was committed (F3)."""
    insert = """insert into sagas (id, root, kind, definition_version, phase, started_at, deadline_at, updated_at,
                                   version, plan, branches)
                values ('saga_1', 'ord_1', 'refund', 1, 'TRYING', now(), now(), now(), 1, '{}', '[]')"""
    await fetch(local, insert)
    edge = edge_of(process, local)

    async def look(connection: Any) -> str:
        return str(await connection.fetchval("select phase from sagas where id = 'saga_1'"))

    waiting = asyncio.create_task(edge.awaited("saga_1", 20))
    await asyncio.sleep(0.05)
    await asyncio.to_thread(postgres.stop)
    try:
        hidden = await edge.seen(look, 0.2)
        await asyncio.sleep(1.1)  # it has asked in vain by now
    finally:
        await asyncio.to_thread(postgres.start)
    seen = await edge.seen(look, 20)
    await fetch(local, "update sagas set phase = 'DONE', version = 2 where id = 'saga_1'")

    ended = await waiting
    assert ended is not None
    assert (hidden, seen, ended.run.phase) == (None, "TRYING", Phase.DONE)


async def test_a_look_that_fails_for_another_reason_is_no_outage(process: Process, local: Settings) -> None:  # noqa: F811
    """It is told, not asked again."""

    async def look(connection: Any) -> None:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        await edge_of(process, local).seen(look, 20)


async def test_a_read_during_an_outage_is_unavailable(operations: Any, postgres: Postgres) -> None:
    """With RetryInfo; no caller has to read INTERNAL as "try again"."""
    await asyncio.to_thread(postgres.stop)
    try:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await operations.GetSaga(pb.GetSagaRequest(saga_id="saga_1"), timeout=5)
    finally:
        await asyncio.to_thread(postgres.start)

    refusal, names = from_rpc_error(caught.value), [type_name(detail) for detail in full_status(caught.value).details]
    assert (refusal.status, refusal.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    assert names == ["google.rpc.ErrorInfo", "google.rpc.RetryInfo"]


async def test_the_hash_of_a_body_knows_its_type() -> None:
    """Two verbs with the same fields are not the same request."""
    cancel = order.CancelOrderRequest(request_id="r", order_id="o")

    assert body_hash(cancel) == body_hash(order.CancelOrderRequest(request_id="r", order_id="o"))
    assert body_hash(cancel) != body_hash(order.CancelOrderRequest(request_id="r", order_id="p"))
    assert body_hash(cancel) != body_hash(order.ForceCancelOrderRequest(request_id="r", order_id="o"))


async def test_the_manual_clock_is_set_kept_and_shown(operations: Any, local: Settings) -> None:  # noqa: F811
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


async def test_a_saga_is_listed_read_and_waited_for(process: Process, operations: Any, local: Settings) -> None:  # noqa: F811
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
    process: Process, operations: Any, local: Settings, phase: str, timers: dict[str, datetime]  # noqa: F811
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
    process: Process, operations: Any, local: Settings, phase: str, decision: str, refusal: str  # noqa: F811
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
        assert (said, acts, timers) == ([refusal] * 3, [], [])
        return
    assert said == ["", "", "REQUEST_ID_REUSED"]
    assert [tuple(row) for row in acts] == [("AbortSaga", "saga_1", "ann", "of no use", T0)]
    assert [tuple(row) for row in timers] == [("abort", "ord_1", 99, T0)]
    with pytest.raises(asyncpg.RestrictViolationError):
        await fetch(local, "delete from operator_acts")


async def _refusal(call: Any) -> str:
    """Why a call is refused; "" if it is not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    return ""


async def test_a_parked_message_is_listed_and_discarded_once(operations: Any, local: Settings) -> None:  # noqa: F811
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
    operations: Any, local: Settings, until: Until  # noqa: F811
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
    request.aggregate_id = "d"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await operations.RepublishEvents(request)

    assert (first.republication_id, first.operator_id, first.reason) == (request.request_id, "ann", "a new subscriber")
    assert (last.published, last.ask_time) == (1, first.ask_time)
    assert from_rpc_error(caught.value).reason == "REQUEST_ID_REUSED"


async def test_operators_lists_come_page_by_page(operations: Any, local: Settings) -> None:  # noqa: F811
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
