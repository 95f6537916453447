"""Two processes of one service on one database: whatever both decide at once, one of them was first."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import uuid4

import pytest_asyncio

from services.kernel.decision import Decision, Done, Known, rule, rules
from services.kernel.errors import FailedPrecondition, Internal
from services.kernel.messages import Message
from services.kernel.saga import Verdict
from services.runtime.ground import metrics
from services.runtime.ground.settings import Settings
from services.runtime.process import Process
from services.runtime.service import Service
from services.runtime.stored.inbox import Answered
from tests.services.runtime.conftest import Until
from tests.services.runtime.counters import SERVICE, Add, Counter, Total
from tests.services.runtime.test_lanes import add, events, fetch

KEYS = [f"c{number}" for number in range(300)]


def claim(known: Known, body: Add, message: Message, now: datetime) -> Decision:
    """The first makes the counter, silently; every later one is refused."""
    if known.find(Counter, message.key) is not None:
        raise FailedPrecondition("TAKEN", message.key)
    return Decision(Done(Total(body.amount)), (Counter(message.key, body.amount, version=1),))


CLAIMS = replace(SERVICE, rules=rules(rule(Add, lambda body, message: ((Counter, message.key),), claim)))


def ready(process: Process) -> bool:
    """Whether its lanes can decide."""
    return process._lanes.ready


async def running(service: Service, settings: Settings, until: Until) -> list[Process]:
    """Two processes; the first holds all partitions."""
    both = [Process(service, settings) for _ in range(2)]
    for process in both:
        await process.start()
        await until(partial(ready, process))
    return both


@pytest_asyncio.fixture(loop_scope="session")
async def claiming(local: Settings, until: Until) -> AsyncIterator[list[Process]]:
    """Two processes in which a counter can be made once."""
    both = await running(CLAIMS, replace(local, batch_messages_max=64), until)
    yield both
    for process in both:
        await process.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def counting(local: Settings, until: Until) -> AsyncIterator[list[Process]]:
    """Two processes in which counters are added to."""
    both = await running(SERVICE, replace(local, batch_messages_max=64), until)
    yield both
    for process in both:
        await process.stop()


async def test_a_root_that_both_make_at_once_is_made_by_one(claiming: list[Process], local: Settings) -> None:
    """Each in its own order, under ids of their own: one is done, the other decided again on what that one made
    (findings: proto_double)."""
    asked = [(process, key) for n, process in enumerate(claiming) for key in (KEYS if n else KEYS[::-1])]

    answers = await asyncio.gather(*(add(process, str(uuid4()), n, key) for n, (process, key) in enumerate(asked)))

    verdicts = {key: Tally(a.verdict for a, (_, k) in zip(answers, asked, strict=True) if k == key) for key in KEYS}
    assert all(each == {Verdict.DONE: 1, Verdict.REFUSED: 1} for each in verdicts.values())
    assert {a.refusal.reason for a in answers if a.verdict is Verdict.REFUSED} == {"TAKEN"}
    kept = {row[0]: row[1] for row in await fetch(local, "select id, value from counters")}
    done = {key: n for n, (a, (_, key)) in enumerate(zip(answers, asked, strict=True)) if a.verdict is Verdict.DONE}
    assert kept == done


async def test_one_request_through_both_is_decided_once(claiming: list[Process], local: Settings) -> None:
    """A caller that tries again reaches the other process: both tell what one of them did."""
    ids = {key: str(uuid4()) for key in KEYS}

    answers = await asyncio.gather(*(add(process, ids[key], 7, key) for key in KEYS for process in claiming))

    assert {(a.verdict, a.outcome) for a in answers} == {(Verdict.DONE, answers[0].outcome)}
    assert (await fetch(local, "select count(*) from inbox"))[0][0] == len(KEYS)


async def test_what_both_add_is_counted_and_told_once(
    counting: list[Process], local: Settings, until: Until
) -> None:
    """New counters and known ones, also in the process that does not hold their partition; nothing is answered
    INTERNAL, however often two batches collide. An event that both publish, for one told the next, comes again in its
    place."""
    retried = metrics.BATCH_FAULTS._value.get()
    keys = KEYS[:100]
    for _ in range(3):
        asked = [(process, key) for n, process in enumerate(counting) for key in (keys if n else keys[::-1])]
        answers = await asyncio.gather(*(add(process, str(uuid4()), 1, key) for process, key in asked))
        assert {answer.verdict for answer in answers} == {Verdict.DONE}

    found = await fetch(local, "select value, version, count(*) from counters group by value, version")
    assert [tuple(row) for row in found] == [(6, 6, 100)]
    assert metrics.BATCH_FAULTS._value.get() == retried
    await until(lambda: all(process._lanes.unpublished == 0 for process in counting))
    told = await events(local)
    first = {key: list(dict.fromkeys(sequences)) for key, sequences in told.items()}
    assert first == {key: [1, 2, 3, 4, 5, 6] for key in keys}


async def test_a_collision_that_never_ends_stops_one_message_only(
    counting: list[Process], local: Settings
) -> None:
    """No other lane made what this one collides with, so no try can win: its caller hears of a defect, and who shared
    its batch is answered."""
    await fetch(
        local, "insert into events (aggregate_id, sequence, type, at, payload) values ('bad', 1, '', now(), '')"
    )

    bad, *good = await asyncio.gather(
        *(add(counting[0], str(uuid4()), 1, key) for key in ("bad", *KEYS[:50])), return_exceptions=True
    )

    assert isinstance(bad, Internal)
    assert {answer.verdict for answer in good if isinstance(answer, Answered)} == {Verdict.DONE}
    assert len(await fetch(local, "select from counters")) == 50
