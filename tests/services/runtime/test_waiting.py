"""Waiting for the end of a claim, on a real PostgreSQL: woken, in order, looked after, told in time (BZ-2, BZ-3)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from services.kernel.admission import RETRY_BUSY_TIMER
from services.kernel.errors import ResourceExhausted, Unavailable
from services.kernel.ids import partition_of
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.saga import Verdict
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.stored.inbox import Answered
from tests.services.runtime.claimed import RING, SCHEMA, claimed_service
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import Add
from tests.services.runtime.raw_records import PARTITIONS
from tests.services.runtime.test_lanes import fetch

KEY = "hot"


@dataclass
class Running:
    """The service, what it decided, and a coordinator's and a caller's words to it."""

    process: Process
    settings: Settings
    until: Until
    decisions: Counter[str] = field(default_factory=Counter)
    rung: list[str] = field(default_factory=list)

    def command(self, op: Op, saga_id: str, amount: int = 1) -> None:
        """A command of a saga arrives."""
        saga = SagaRef(saga_id, "counter", op)
        self.process._lanes.feed_back(
            Message(f"{saga_id}/{op}", KEY, Add(amount), f"{saga_id}/{op}", saga, "order/ord_1")
        )

    def call(self, request_id: str, amount: int = 1, seconds: float = 20.0) -> "asyncio.Future[Answered]":
        """A call arrives."""
        message = Message(request_id, KEY, Add(amount), request_id)
        return self.process._lanes.submit(message, str(amount).encode(), seconds)

    def answered(self, *ids: str) -> Callable[[], Awaitable[bool]]:
        """Whether these operations have their answers."""

        async def all_are() -> bool:
            rows = await fetch(self.settings, "select 1 from inbox where message_id = any($1::text[])", list(ids))
            return len(rows) == len(ids)

        return all_are

    async def claim(self, saga_id: str = "saga_0") -> None:
        """A saga claims the root."""
        self.command(Op.TRY, saga_id)
        await self.until(self.answered(f"{saga_id}/T"))

    async def value(self) -> int:
        """What it came to."""
        return int((await fetch(self.settings, "select value from claimed where id = $1", KEY))[0][0])

    @property
    def waiting(self) -> int:
        """How many wait for a claim."""
        return sum(len(lane.waiting) for lane in self.process._lanes._lanes)


@pytest_asyncio.fixture(loop_scope="session")
async def running(local: Settings, until: Until) -> AsyncIterator[Running]:
    """The service, running."""
    connection = await asyncpg.connect(local.dsn)
    await connection.execute(SCHEMA)
    await connection.close()
    decisions, rung = Counter[str](), list[str]()
    process = Process(claimed_service(decisions, rung), local)
    await process.start()
    await until(lambda: process._lanes.ready)
    yield Running(process, local, until, decisions, rung)
    await process.stop()


async def test_each_who_waits_is_decided_a_few_times_and_in_its_turn(running: Running) -> None:
    """Sixty sagas want one root at once: they claim it in the order in which they came (findings: proto_hot, where each
    was decided 52 times)."""
    sagas = [f"saga_{number}" for number in range(60)]
    for saga_id in sagas:
        running.command(Op.TRY, saga_id)

    for saga_id in sagas:
        await running.until(running.answered(f"{saga_id}/T"))
        tried = {row[0] for row in await fetch(running.settings, "select message_id from inbox")}
        assert tried == {f"{each}/{op}" for each in sagas[: sagas.index(saga_id)] for op in "TF"} | {f"{saga_id}/T"}
        running.command(Op.CONFIRM, saga_id)
    await running.until(running.answered(*(f"{saga_id}/F" for saga_id in sagas)))

    assert await running.value() == 60
    assert max(running.decisions[f"{saga_id}/T"] for saga_id in sagas) <= 4
    assert running.waiting == 0


async def test_who_needs_no_claim_goes_on_until_somebody_claims(running: Running) -> None:
    """Calls and single steps behind a claim are decided with its end, a hundred in two transactions."""
    await running.claim()
    calls = [running.call(f"call_{number}") for number in range(100)]
    await running.until(lambda: running.waiting == 100)

    running.command(Op.CANCEL, "saga_0")
    answers = await asyncio.gather(*calls)

    assert {answer.verdict for answer in answers} == {Verdict.DONE}
    assert [running.decisions[f"call_{number}"] for number in range(100)] == [2] * 100
    assert await running.value() == 100


async def test_a_claim_that_ends_elsewhere_is_looked_for(running: Running) -> None:
    """Another process let it go: this one hears of it by looking, the first of the line only."""
    await running.claim()
    first, second = running.call("first"), running.call("second")
    await running.until(lambda: running.decisions["first"] >= 3)
    assert running.decisions["second"] == 1

    await fetch(running.settings, "update claimed set saga_id = '', tried_at = null")
    answers = await asyncio.gather(first, second)

    assert [answer.verdict for answer in answers] == [Verdict.DONE] * 2
    assert running.decisions["second"] == 2


async def test_a_caller_is_told_before_its_deadline_that_the_root_is_claimed(running: Running) -> None:
    """Nothing is stored: the same request is decided later."""
    await running.claim()

    with pytest.raises(Unavailable, match="ACCOUNT_BUSY"):
        await running.call("patient", seconds=1.0)
    assert running.waiting == 0
    running.command(Op.CONFIRM, "saga_0")

    assert (await running.call("patient")).verdict is Verdict.DONE


async def test_who_waits_for_a_claim_counts_among_the_calls_that_wait(running: Running) -> None:
    """The bound on calls holds for them too."""
    lanes = running.process._lanes
    lanes._settings = replace(lanes._settings, queue_messages_max=3)
    await running.claim()
    calls = [running.call(f"call_{number}") for number in range(3)]
    await running.until(lambda: running.waiting == 3)

    with pytest.raises(ResourceExhausted):
        running.call("one too many")

    assert lanes.queued >= 3
    running.command(Op.CANCEL, "saga_0")
    await asyncio.gather(*calls)


async def test_a_command_that_is_sent_again_waits_once_and_keeps_its_place(running: Running) -> None:
    """Its coordinator repeats it while it waits."""
    await running.claim()
    for saga_id in ("saga_1", "saga_2", "saga_1", "saga_1"):
        running.command(Op.TRY, saga_id)
    await running.until(lambda: sum(running.decisions.values()) >= 5 and running.waiting)

    assert running.waiting == 2
    running.command(Op.CANCEL, "saga_0")
    await running.until(running.answered("saga_1/T"))
    assert not await running.answered("saga_2/T")()


async def test_one_whose_data_cannot_be_stored_harms_nobody_else(running: Running) -> None:
    """The transaction in which the claim ends fails for one who waited: that one is refused, the end holds."""
    await running.claim()
    full = 2**63 - 1
    good, bad, later = running.call("good"), running.call("bad", full), running.call("later")
    await running.until(lambda: running.waiting == 3)

    running.command(Op.CONFIRM, "saga_0")
    answers = await asyncio.gather(good, bad, later)

    assert [answer.verdict for answer in answers] == [Verdict.DONE, Verdict.REFUSED, Verdict.DONE]
    assert answers[1].refusal.reason == "INVALID_AMOUNT"
    assert await running.value() == 3
    assert await fetch(running.settings, "select 1 from parked") == []


async def _ring(running: Running, keys: dict[str, timedelta]) -> None:
    """Timers of these roots are due for so long."""
    now = datetime.now(UTC)
    for key, ago in keys.items():
        await fetch(
            running.settings, "insert into timers values ($1, $2, $2, $3, $4)", RING, key,
            partition_of(key, PARTITIONS), now - ago,
        )


async def test_timers_of_claimed_roots_hide_no_other(running: Running) -> None:
    """More of them than are looked for at a time; they move forward, and the one behind them fires (findings:
    test_busy_timers_starve)."""
    busy = [key for key in (f"busy{n}" for n in range(3_000)) if partition_of(key, PARTITIONS) == 0][:600]
    free = next(key for key in (f"free{n}" for n in range(9)) if partition_of(key, PARTITIONS) == 0)
    await fetch(
        running.settings, "insert into claimed select k, 0, 1, 'saga_0', now() from unnest($1::text[]) k", busy
    )
    await _ring(running, {key: timedelta(hours=2) for key in busy} | {free: timedelta(hours=1)})

    await running.until(lambda: running.rung)

    assert running.rung == [free]
    (row,) = await fetch(running.settings, "select count(*), min(due_at), max(due_at) from timers")
    assert row[0] == 600
    assert row[2] - datetime.now(UTC) <= RETRY_BUSY_TIMER


async def test_a_timer_fires_when_the_claim_it_met_ends(running: Running) -> None:
    """It need not wait for the instant to which it was moved."""
    await running.claim()
    await _ring(running, {KEY: timedelta(seconds=1)})
    await running.until(lambda: running.waiting == 1)

    running.command(Op.CONFIRM, "saga_0")
    await running.until(running.answered("saga_0/F"))

    assert running.rung == [KEY]
    assert await fetch(running.settings, "select 1 from timers") == []
