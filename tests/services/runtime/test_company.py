"""Whether waiting for company pays, by how many messages came in of late."""

import asyncio
import time
from dataclasses import replace

import pytest

from services.runtime.lanes.company import ALONE_MAX, COMPANY_MIN, Company
from services.runtime.process import Process
from tests.services.runtime.test_edge import process as process


class _Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _after(per_second: float, batches: int = 60, pause: float = 0.02) -> Company:
    """A lane in which so many messages a second came in, batch by batch."""
    clock = _Clock()
    company = Company(0.01, clock)
    for _ in range(batches):
        clock.seconds += pause
        company.seen(round(per_second * pause))
    return company


def test_company_is_expected_where_enough_comes_in_while_one_waits() -> None:
    """At half load it halves the cost of a message; on one hot account it would only add to each of its steps."""
    enough = COMPANY_MIN / 0.01

    assert not _after(enough / 3).expected
    assert _after(enough * 2).expected


def test_where_hardly_anything_comes_in_one_is_alone() -> None:
    """One settlement after the other: each of its steps would wait for nobody."""
    few = ALONE_MAX / 0.01

    assert _after(few / 3, pause=0.1).alone
    assert not _after(few * 2, pause=0.1).alone


@pytest.mark.parametrize("per_second", [0.1, 1.0])
async def test_who_is_alone_does_not_wait(process: Process, per_second: float) -> None:
    """A lane that worked a moment ago waited 10 ms before each step of a lonely settlement."""
    lane = process._lanes._lanes[0]
    lane._settings = replace(lane._settings, gather_ms_max=1_000)
    lane._company = Company(1.0, _Clock())
    lane._company._per_second = per_second
    lane.worked_at = time.monotonic()
    gathering = asyncio.ensure_future(lane._gather())
    await asyncio.sleep(0)

    assert gathering.done() is lane._company.alone
    await gathering


def test_a_burst_is_seen_soon_and_forgotten_soon() -> None:
    """A tenth of a second says it."""
    clock = _Clock()
    company = Company(0.01, clock)
    clock.seconds = 60.0
    company.seen(1)
    before = company.expected
    for _ in range(5):
        clock.seconds += 0.01
        company.seen(20)
    during = company.expected
    clock.seconds += 1.0
    company.seen(1)

    assert (before, during, company.expected) == (False, True, False)
