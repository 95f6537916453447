"""Bounds on what is open: records that Kafka does not take, sagas under way, calls to the outside world. Each refuses
or drops in time, and is left again by itself (findings: kafka_down, test_actions_unbounded)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from services.kernel.advancing import begin
from services.kernel.decision import Decision, Done, Known, Timer, rule, rules, timer_rules
from services.kernel.effects import Effects
from services.kernel.errors import ResourceExhausted
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import Phase, Run
from services.runtime.ground import metrics
from services.runtime.ground.clock import SystemClock
from services.runtime.ground.macs import Verifier
from services.runtime.ground.postgres import open_pool
from services.runtime.ground.records import Outgoing
from services.runtime.ground.settings import Settings
from services.runtime.kafka.producer import SafeProducer
from services.runtime.kafka.publisher import Publisher
from services.runtime.kafka.reader import PartitionReader
from services.runtime.lanes.bounds import COUNT_SECONDS, HARD_FACTOR, PROBE_SECONDS, RETRY_MS, Bounds
from services.runtime.lanes.feed import Feed
from services.runtime.lanes.item import Item
from services.runtime.lanes.lanes import Lanes
from services.runtime.lanes.queues import Queues
from services.runtime.process import Process
from services.runtime.rpc.errors import to_status
from services.runtime.stored.offsets import Beginning
from services.runtime.stored.oldest_sagas import OldestSagas
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import CODEC, SERVICE, Add, Counter
from tests.services.runtime.errands import DEFINITION, TOPICS, Begin, Plan, whole_way
from tests.services.runtime.errands import SERVICE as ERRANDS
from tests.services.runtime.mock_cluster import MockCluster
from tests.services.runtime.raw_records import COMMANDS
from tests.services.runtime.test_lanes import add, events, fetch

FEW = 300
NOW = datetime(2026, 3, 10, tzinfo=UTC)


async def refusal(process: Process) -> ResourceExhausted | None:
    """What a call hears; None if it was decided."""
    try:
        await asyncio.wait_for(add(process, str(uuid4()), key=uuid4().hex), 5)
    except ResourceExhausted as error:
        return error
    return None


@pytest_asyncio.fixture(loop_scope="session")
async def process(local: Settings, until: Until, request: pytest.FixtureRequest) -> AsyncIterator[Process]:
    """The counters, under a bound of the test's."""
    running = Process(SERVICE, replace(local, **request.param))
    await running.start()
    await until(lambda: running._lanes.ready)
    yield running
    await running.stop()


@pytest.mark.parametrize("process", [{"unpublished_max": FEW}], indirect=True)
async def test_while_kafka_is_away_calls_are_refused_in_time(
    process: Process, local: Settings, cluster: MockCluster, until: Until
) -> None:
    """With RetryInfo, before memory fills; all that was accepted goes out when Kafka is back, and calls are taken
    again. Before, all were accepted, without an end."""
    assert await refusal(process) is None
    await until(lambda: process._lanes.unpublished == 0)
    accepted, refused = 1, None
    cluster.set_down()
    try:
        while refused is None:
            heard = await asyncio.gather(*(refusal(process) for _ in range(50)))
            accepted += heard.count(None)
            refused = next((error for error in heard if error is not None), None)
        assert process._lanes.unpublished < 2 * FEW
    finally:
        cluster.set_up()

    assert refused.reason == "UNSENT_BACKLOG"
    details = [detail.type_url.rpartition(".")[2] for detail in to_status(refused).details]
    assert details == ["ErrorInfo", "RetryInfo"]
    await until(lambda: process._lanes.unpublished == 0, 30)

    async def taken() -> bool:
        return await refusal(process) is None

    await until(taken)
    assert sum(len(told) for told in (await events(local)).values()) >= accepted


@pytest.mark.parametrize("process", [{"outbox_age_seconds_max": 1.0}], indirect=True)
async def test_when_kafka_takes_nothing_one_call_in_a_while_is_tried(
    process: Process, cluster: MockCluster, until: Until
) -> None:
    """However few records wait: what cannot be told is not promised. The call that is tried shows when Kafka is
    back."""
    assert await refusal(process) is None
    await until(lambda: process._lanes.unpublished == 0)
    cluster.set_down()
    try:
        assert await refusal(process) is None
        await until(lambda: process._lanes.stalled_seconds > 1.0)
        heard = await asyncio.gather(*(refusal(process) for _ in range(5)))
    finally:
        cluster.set_up()

    assert [error.reason if error else "" for error in heard] == ["", *["UNSENT_BACKLOG"] * 4]
    await until(lambda: process._lanes.unpublished == 0, 30)
    assert process._lanes.stalled_seconds == 0

    async def taken() -> bool:
        return await refusal(process) is None

    await until(taken)


@dataclass
class Publishing:
    """What publishers have before them, as a test says."""

    unpublished: int = 0
    stalled_seconds: float = 0.0


def bounds(publishing: Publishing, **given: float) -> tuple[Bounds, list[float]]:
    """Bounds with a clock that is turned by hand."""
    now = [100.0]
    settings = replace(Settings("test"), unpublished_max=10, open_sagas_max=3, **given)  # type: ignore[arg-type]
    return Bounds(settings, publishing, lambda: now[0]), now


def reason(bounds: Bounds) -> str:
    """Why a call is refused."""
    try:
        bounds.admit()
    except ResourceExhausted as error:
        in_time = RETRY_MS / 2 <= int(error.metadata["retry_after_ms"]) <= RETRY_MS * 3 / 2
        return error.reason if in_time else f"{error.reason} but {error.metadata}"
    return ""


def test_each_bound_refuses_at_its_edge_and_is_left_again() -> None:
    """One below, at it, and one below again; at twice the bound nothing is decided that sends something."""
    publishing = Publishing()
    bound, now = bounds(publishing, outbox_age_seconds_max=30.0)
    heard = []
    for unpublished, stalled_seconds in ((9, 0.0), (10, 0.0), (20, 0.0), (9, 30.0), (9, 30.1), (9, 30.2), (0, 0.0)):
        publishing.unpublished, publishing.stalled_seconds = unpublished, stalled_seconds
        heard.append((reason(bound), bound.overfull))
    now[0] += PROBE_SECONDS
    publishing.stalled_seconds = 31.0
    heard.append((reason(bound), bound.overfull))

    full = "UNSENT_BACKLOG"
    assert heard == [
        ("", False), (full, False), (full, True), ("", False), ("", False), (full, False), ("", False), ("", False)
    ]
    assert HARD_FACTOR == 2


def test_operators_see_what_is_open() -> None:
    """As metrics, each under its own name."""
    bound, _ = bounds(Publishing(unpublished=7, stalled_seconds=2.5))
    bound.committed(Effects[Item](dirty={Run: {"saga_1": begin(DEFINITION, "saga_1", "c", Plan(), NOW).run}}))
    names = ("unpublished_records", "outbox_age_seconds", "open_sagas")

    assert [REGISTRY.get_sample_value(f"settle_{name}") for name in names] == [7, 2.5, 1]


def test_what_came_in_a_moment_counts_at_once() -> None:
    """However many calls come at the same instant: before, a fast machine got 619 records past a bound of 300."""
    publishing = Publishing()
    bound, _ = bounds(publishing)
    before = reason(bound)
    publishing.unpublished = 10

    assert (before, reason(bound)) == ("", "UNSENT_BACKLOG")


def test_open_sagas_are_counted_by_what_is_committed() -> None:
    """Begun, moved, ended; one that waits for a person is not under way, for no call would be taken before he comes."""
    bound, _ = bounds(Publishing())
    runs = [begin(DEFINITION, f"saga_{number}", f"c{number}", Plan(), NOW).run for number in range(4)]

    stored: dict[str, int] = {}

    def commit(*changed: Run) -> int:
        found = {run.id: stored[run.id] for run in changed if run.id in stored}
        bound.committed(Effects[Item](dirty={Run: {run.id: run for run in changed}}, found={Run: found}))
        stored.update({run.id: run.version for run in changed})
        return bound.open_sagas

    assert [commit(*runs[:2]), commit(replace(runs[0], version=2)), reason(bound)] == [2, 2, ""]
    assert [commit(runs[2]), reason(bound)] == [3, "TOO_MANY_OPEN"]
    assert [commit(replace(runs[0], version=3, phase=Phase.FROZEN)), reason(bound)] == [2, ""]
    assert commit(*(replace(run, version=4, phase=Phase.DONE) for run in runs[1:3])) == 0
    assert commit(replace(runs[3], phase=Phase.DONE)) == 0


async def test_a_call_beyond_the_open_sagas_is_refused_until_one_ends(
    local: Settings, cluster: MockCluster, until: Until
) -> None:
    """What other processes began counts too, from the next look on."""
    for name in TOPICS:
        cluster.create_topic(name, local.partitions)
    running = Process(ERRANDS, replace(local, service="errands", open_sagas_max=3))
    await running.start()
    await until(lambda: running._lanes.ready)

    async def ask(name: str) -> str:
        with suppress(ResourceExhausted):
            await running._lanes.submit(Message(str(uuid4()), name, Begin(name), uuid4().hex), b"h", 5.0)
            return "begun"
        return "refused"

    assert [await ask(f"saga_{number}") for number in range(4)] == ["begun"] * 3 + ["refused"]
    for message in whole_way("saga_0", "saga_0"):
        running._lanes.feed_back(message)
    await until(lambda: running._lanes.bounds.open_sagas == 2)
    assert [await ask("saga_4"), await ask("saga_5")] == ["begun", "refused"]
    await fetch(local, "update sagas set phase = 'FROZEN' where id = 'saga_1'")
    await until(lambda: running._lanes.bounds.open_sagas == 2, 2 * COUNT_SECONDS)
    assert await ask("saga_6") == "begun"
    await running.stop()


async def test_beyond_twice_the_bound_neither_records_nor_timers_are_taken(
    local: Settings, until: Until
) -> None:
    """They wait where they are, in Kafka and in their table, and come when there is room."""
    producer, pool, queues = SafeProducer(local), await open_pool(local), Queues()
    await producer.send([Outgoing(COMMANDS, 0, "c", [("ce_type", b"google.protobuf.Int64Value")], b"\x08\x01")])
    await fetch(local, "insert into timers values ('ring', 'c', 'c', 0, now())")
    asked, full = 0, True

    def overfull() -> bool:
        nonlocal asked
        asked += 1
        return full

    reader = PartitionReader(local, COMMANDS)
    feed = Feed(
        CODEC, COMMANDS, reader, pool.own, clock=SystemClock(), queues=queues, most=8, overfull=overfull,
        oldest=OldestSagas(), verifier=Verifier(local),
    )
    await feed.start()
    feed.follow({0: Beginning(0, 0)})
    await until(lambda: asked > 10)
    waiting = len(queues)
    full = False
    await until(lambda: len(queues.urgent) == 1 and len(queues.background) == 1)

    assert waiting == 0
    await feed.stop()
    await producer.stop()
    await pool.close()


# actions -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ring:
    """An action: call somebody."""

    key: str


@dataclass(frozen=True, slots=True)
class Rang:
    """Its report."""


AGAIN = timedelta(seconds=0.2)


def _ring(known: Known, key: str, now: datetime) -> Decision:
    if known.find(Counter, key) is not None:
        return Decision(Done())
    return Decision(Done(), timers=(Timer("ring", key, key, now + AGAIN),), actions=(Ring(key),))


def _rang(known: Known, message: Message) -> Decision:
    if known.find(Counter, message.key) is not None:
        return Decision(Done())
    return Decision(Done(), changes=(Counter(message.key, 1, 1),), cleared=(("ring", message.key),))


RINGING = replace(
    SERVICE,
    rules={**SERVICE.rules, **rules(
        rule(Ring, lambda body, m: ((Counter, m.key),), lambda known, body, m, now: _ring(known, m.key, now)),
        rule(Rang, lambda body, m: ((Counter, m.key),), lambda known, body, m, now: _rang(known, m)),
    )},
    timers=timer_rules(("ring", rule(
        TimerDue, lambda body, m: ((Counter, m.key),), lambda known, body, m, now: _ring(known, m.key, now)
    ))),
)


async def test_while_the_outside_world_hangs_actions_are_bounded_and_later_done(
    local: Settings, until: Until
) -> None:
    """What is dropped, and what took too long, is asked again by its timer. Before, each waited in a task of its own,
    without an end."""
    hangs, most = asyncio.Event(), 0

    async def perform(action: object) -> Message:
        nonlocal most
        most = max(most, len(running._lanes.actions))
        await hangs.wait()
        assert isinstance(action, Ring)
        return Message(id="", key=action.key, body=Rang(), fresh_id=uuid4().hex)

    settings = replace(local, actions_concurrent_max=4, actions_open_max=20, action_seconds_max=0.3)
    running = Process(replace(RINGING, perform=lambda *_: perform), settings)
    dropped = metrics.ACTIONS_DROPPED._value.get()
    await running.start()
    await until(lambda: running._lanes.ready)
    keys = [f"c{number}" for number in range(200)]
    for key in keys:
        running._lanes.feed_back(Message(id="", key=key, body=Ring(key), fresh_id=uuid4().hex))
    await until(lambda: metrics.ACTIONS_DROPPED._value.get() - dropped > 400)
    nothing_done = await fetch(local, "select from counters")
    hangs.set()

    async def all_done() -> bool:
        return len(await fetch(local, "select from counters")) == len(keys)

    await until(all_done, 30)
    assert (nothing_done, most) == ([], 20)
    assert await fetch(local, "select from timers") == []
    await until(lambda: not running._lanes.actions)
    await running.stop()


@pytest.mark.parametrize("batches", [200])
async def test_actions_of_many_batches_wait_in_few_tasks(batches: int) -> None:
    """As many as may be open, from whichever batch they are."""

    async def hang(action: object) -> Message | None:
        await asyncio.Event().wait()
        return None

    settings = replace(Settings("test"), actions_open_max=50)
    no_pool: Any = None
    lanes = Lanes(settings, Publisher(SafeProducer(settings), no_pool), hang)
    for _ in range(batches):
        lanes.after_commit(Effects[Item](actions=[Add(1)] * 100), Known())

    assert len(lanes.actions) == 50
    for task in list(lanes.actions):
        task.cancel()
    await asyncio.gather(*lanes.actions, return_exceptions=True)
