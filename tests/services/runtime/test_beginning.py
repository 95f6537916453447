"""What a service does at its start comes before the first call: until it is decided, the process is not ready."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.kernel.decision import Decision, Known, Timer, Wanted, rule, timer_rules
from services.kernel.messages import Message, TimerDue
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection
from services.runtime.process import Process
from services.runtime.service import Service
from services.runtime.stored import timers
from tests.clocks import StillClock
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE, Counter
from tests.services.runtime.test_clock import T0, connection
from tests.services.runtime.test_lanes import fetch

__all__ = ["connection"]

BEGIN = "begin"


def _wants(body: TimerDue, message: Message) -> Wanted:
    return ((Counter, message.key),)


def _begin(known: Known, body: TimerDue, message: Message, now: datetime) -> Decision:
    return Decision() if known.find(Counter, body.key) else Decision(changes=(Counter(body.key, 7, version=1),))


def _standing(now: datetime) -> Sequence[Timer]:
    """One for now, and one for tomorrow, for which nobody waits."""
    return Timer(BEGIN, "first", "first", now), Timer(BEGIN, "later", "later", now + timedelta(days=1))


BEGINNING: Service = replace(SERVICE, timers=timer_rules((BEGIN, rule(TimerDue, _wants, _begin))), standing=_standing)


async def test_a_process_is_ready_when_its_service_has_begun(local: Settings, until: Until) -> None:
    """Whoever sees it serve finds what it begins with; what comes later is waited for by nobody."""
    process = Process(BEGINNING, local)
    await process.start()
    assert process._not_ready()

    await until(lambda: not process._not_ready())

    assert [tuple(row) for row in await fetch(local, "select id, value from counters")] == [("first", 7)]
    assert [row["key"] for row in await fetch(local, "select key from timers")] == ["later"]
    await process.stop()


async def test_a_timer_that_rang_or_moved_is_not_left(connection: Connection) -> None:
    """One that failed comes again later: nobody waits for that."""
    ring = Timer(BEGIN, "a", "a", T0)
    await timers.ensure(connection, [ring], partitions=1)
    there = await timers.any_left(connection, [ring, Timer(BEGIN, "b", "b", T0)])

    await timers.postpone(connection, (BEGIN, "a"), T0 + timedelta(seconds=60))

    assert (there, await timers.any_left(connection, [ring]), await timers.any_left(connection, [])) == (
        True, False, False,
    )
    assert await timers.find_due(connection, [0], StillClock(T0), 1, sagas=False) == []
