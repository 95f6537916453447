"""Deciding has a budget, and a message that costs its lane the session is found among the others and set aside."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import asyncpg
import pytest

from services.kernel.decision import Decision, Done, Known, Rule
from services.kernel.errors import Internal
from services.kernel.messages import Message, TimerDue
from services.kernel.saga import WAKE
from services.runtime.ground.settings import Settings
from services.runtime.lanes.item import Item, RecordPlace, is_tail
from services.runtime.lanes.lane import Lane
from services.runtime.lanes.pace import Pace
from services.runtime.lanes.suspects import Suspects
from services.runtime.stored.leases import LANE_ALIVE
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import Add, Counter, decide
from tests.services.runtime.raw_records import Running, add, command, counting, fetch, holds, lost, send

BUDGET_MS = 40


@pytest.fixture
def local(local: Settings) -> Settings:
    """With a small budget."""
    return replace(local, deciding_ms_max=BUDGET_MS)


def slowly(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """Decide in 5 ms."""
    time.sleep(0.005)
    return decide(known, body, message, now)


def slowly_after_more(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """The even ones ask for another row first, so that they are decided after the odd ones."""
    if int(message.key.removeprefix("k")) % 2 == 0:
        known.find(Counter, f"{message.key}/more")
    return slowly(known, body, message, now)


@pytest.mark.parametrize("rule", [slowly, slowly_after_more])
async def test_what_does_not_fit_into_a_transaction_waits_for_the_next(
    running: Running, local: Settings, until: Until, rule: Callable[..., Decision]
) -> None:
    """One transaction held all of them, longer than PostgreSQL lets it be silent; the session was lost, and again with
    the next (findings: slow_decisions, proto_mass)."""
    count = 200
    await send(local, *(command(n, f"k{n}".encode()) for n in range(count)))

    async with running(counting(rule)) as process:
        before = lost()
        call = add(process, "k1000")
        await until(holds(local, "select count(*) = $1 from counters", count + 1))
        await call

        assert lost() == before
    assert await fetch(local, "select from parked") == []
    assert await fetch(local, "select from counters where value <> 1 or version <> 1") == []
    ((most, transactions),) = await fetch(
        local, "select max(n), count(*) from (select count(*) n from counters group by xmin::text) t"
    )
    assert int(str(most)) <= 4 * BUDGET_MS / 5
    assert int(str(transactions)) >= count * 5 / BUDGET_MS / 4


async def _end_sessions(local: Settings) -> None:
    connection = await asyncpg.connect(local.dsn)
    await connection.execute(
        """select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
           where l.locktype = 'advisory' and l.classid = $1 and d.datname = current_database()""", LANE_ALIVE,
    )
    await connection.close()


def deadly(local: Settings, key: str) -> Callable[[Known, Add, Message, datetime], Decision]:
    """Decides as always, but the session is lost while one key is decided, as if that took too long."""

    def rule(known: Known, body: Add, message: Message, now: datetime) -> Decision:
        if message.key == key:
            ending = Thread(target=asyncio.run, args=(_end_sessions(local),))
            ending.start()
            ending.join()
        return decide(known, body, message, now)

    return rule


async def test_a_record_that_costs_the_session_is_isolated_and_parked(
    running: Running, local: Settings, until: Until
) -> None:
    """The lane met it again in every session, and nothing of its partition was ever decided
    (findings: slow_decisions)."""
    keys = [f"k{n}" for n in range(12)]
    keys[7] = "deadly"

    async with running(counting(deadly(local, "deadly"))) as process:
        before = lost()
        await send(local, *(command(n, key.encode()) for n, key in enumerate(keys)))
        await until(holds(local, "select count(*) = $1 from counters", len(keys) - 1))
        await until(holds(local, "select next_offset = $1 from consumed_offsets where partition = 0", len(keys)))

        assert lost() - before <= 8
        assert process._lanes.ready
    ((key, reason, detail),) = await fetch(local, "select key, reason, detail from parked")
    assert (key, reason) == ("deadly", "SESSION_LOST")
    assert "the lane lost its session" in str(detail)


async def test_a_call_that_costs_the_session_is_told_so_and_the_others_are_answered(
    running: Running, local: Settings
) -> None:
    """Calls wait through a lost session, so the same company met again and again."""
    async with running(counting(deadly(local, "deadly"))) as process:
        calls = [add(process, key) for key in ("a", "b", "deadly", "c", "d")]
        async with asyncio.timeout(30):
            told = await asyncio.gather(*calls, return_exceptions=True)

    assert [isinstance(each, Internal) for each in told] == [False, False, True, False, False]


async def test_a_timer_that_costs_the_session_comes_later(running: Running, local: Settings, until: Until) -> None:
    """It is not given up, for nothing else would wake what waits for it."""
    rule = deadly(local, "deadly")

    def rung(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        rule(known, Add(1), message, now)
        return Decision(Done())

    ring = Rule(TimerDue, lambda body, message: ((Counter, message.key),), rung)
    service = replace(counting(rule), timers={"ring": ring})
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for key in ("deadly", "good"):
        await fetch(local, "insert into timers values ('ring', $1, $1, 0, $2)", key, long_ago)

    async with running(service) as process:
        await until(holds(local, "select count(*) = 1 and min(due_at) > now() from timers"))
        await asyncio.wait_for(add(process, "c"), 10)

    assert await fetch(local, "select key from timers") == [("deadly",)]


async def test_a_timer_that_waits_for_its_lane_is_not_queued_again(
    running: Running, local: Settings, until: Until
) -> None:
    """While a lane was slow, those that had not had their turn were added over and over, without a bound."""
    count, waiting, lanes = 400, set[int](), list[Lane]()

    def rung(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
        time.sleep(0.004)
        waiting.update(len(lane.queues) for lane in lanes)
        return Decision(Done())

    woken = Rule(TimerDue, lambda body, message: ((Counter, message.key),), rung)
    service = replace(counting(decide), timers={WAKE: woken})

    async with running(service) as process:
        lanes += process._lanes._lanes
        await fetch(
            local, "insert into timers select $1, n::text, n::text, 0, now() from generate_series(1, $2) n", WAKE, count
        )
        await until(holds(local, "select count(*) = 0 from timers"))

    assert max(waiting) <= count


def _record(offset: int, partition: int = 0) -> Item:
    return Item(Message(f"m{offset}", f"k{offset}", None), record=RecordPlace("t", partition, offset, [], b""))


def test_an_outage_makes_no_suspect_of_what_it_hit() -> None:
    """Once lost with a message says nothing; once decided, nothing is remembered."""
    suspects, items = Suspects(), [_record(n) for n in range(8)]

    suspects.lost(items)
    together = suspects.choose(items)
    suspects.lost(items)
    halved = suspects.choose(items)
    suspects.cleared(halved)
    rest = suspects.choose(items[4:])
    suspects.cleared(items)

    assert (together, halved, rest) == (items, items[:4], items[4:])
    assert suspects.choose(items) == items
    assert all(suspects.verdict(item) is None for item in items)


def test_who_loses_the_session_alone_after_company_did_is_condemned() -> None:
    """All 8 twice, then halves, each half that holds it again, then it alone; the others are decided on the way."""
    suspects, todo, companies, condemned = Suspects(), [_record(n) for n in range(8)], [], []
    bad = todo[5]

    while todo:
        together = suspects.choose(todo)
        if len(together) == 1 and suspects.verdict(together[0]):
            condemned += together
        elif bad in together:
            companies.append(len(together))
            suspects.lost(together)
            continue
        suspects.cleared(together)
        todo = todo[len(together) :]

    assert condemned == [bad]
    assert companies == [8, 8, 4, 2, 1]


def test_one_that_is_known_to_be_slow_goes_alone_at_once() -> None:
    """It took as long as a session may be silent: it is not looked for among the others."""
    suspects, items = Suspects(), [_record(n) for n in range(8)]

    suspects.lost(items, items[2])

    assert suspects.choose(items) == items[:2]
    assert suspects.choose(items[2:]) == items[2:3]
    suspects.lost(items[2:3])
    assert suspects.verdict(items[2]) is not None
    assert all(suspects.verdict(item) is None for item in items if item is not items[2])


def test_a_suspect_that_is_no_record_goes_first_and_alone() -> None:
    """A timer or a call has no place among the others, and must not wait behind ever new ones."""
    suspects, records, call = Suspects(), [_record(n) for n in range(4)], Item(Message("call", "c", None))
    for _ in range(3):
        suspects.lost([call])

    assert suspects.choose([*records, call]) == [call]
    assert suspects.verdict(call) is not None


def test_a_lane_takes_what_fits_into_its_budget() -> None:
    """It shrinks to what was decided in the budget, and doubles while that would fit."""
    pace = Pace(0.1, 512)

    pace.spent = 1.0
    pace.decided(20)
    shrunk = pace.most
    pace.spent = 0.5
    pace.decided(1)
    least = pace.most
    pace.spent = 0.001
    grown = []
    for _ in range(10):
        pace.decided(1)
        grown.append(pace.most)

    assert (shrunk, least) == (2, 1)
    assert grown == [2, 4, 8, 16, 32, 64, 64, 64, 64, 64]
    pace.decided(64)
    assert pace.most == 128


def test_records_are_left_only_as_the_last_of_their_partitions() -> None:
    """What was consumed is told by one number for each partition."""
    first, second, other, call = _record(1), _record(2), _record(1, 1), Item(Message("call", "c", None))

    assert is_tail([first, second, other, call], [second, call])
    assert is_tail([first, call, second, other], [call, second])
    assert not is_tail([first, second, other, call], [first, other])


def test_the_slowest_decision_of_a_transaction_is_known() -> None:
    """What is no deciding, between a pause and the next message, does not count."""
    passed = iter((0.0, 1.0, 3.0, 4.0, 34.0, 35.0))
    pace, items = Pace(10.0, elapsed=lambda: next(passed)), [_record(n) for n in range(3)]

    pace.begin()
    for item in items:
        assert not pace.enough(item)
    pace.pause()
    assert not pace.enough(_record(3))
    pace.pause()

    assert pace.slowest is items[1]
    assert pace.spent == 5.0
