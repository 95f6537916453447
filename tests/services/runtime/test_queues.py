"""A lane's rows: open work first, then new work, and never nothing of the background."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.kernel.messages import Message, Op, TimerDue
from services.kernel.saga import WAKE, Reply, Verdict
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.lanes.queues import BACKGROUND_ALONE, BACKGROUND_SHARE, Queues
from services.runtime.stored.inbox import Answered

DUE = datetime(2026, 11, 5, tzinfo=UTC)
NO_LOOP = asyncio.new_event_loop()
NO_LOOP.close()


def _timer(kind: str) -> Item:
    return Item(Message("", "a", TimerDue(kind, "a", DUE)))


def _call(background: bool = False) -> Item:
    answer: asyncio.Future[Answered] = asyncio.Future(loop=NO_LOOP)
    return Item(Message("m", "a", None), answer, background=background)


def test_a_batch_takes_open_work_before_new_work() -> None:
    """Records and the wake-ups of sagas are urgent; a full batch leaves calls waiting."""
    queues = Queues()
    call, wake, record = _call(), _timer(WAKE), Item(Message("r", "a", None))
    for item in (call, wake, record):
        queues.add(item)

    assert queues.take(2) == [wake, record]
    assert queues.take(2) == [call]
    assert not queues


def test_the_background_has_a_share_beside_other_work() -> None:
    """One at least, and one in so many; whatever else waits, a statement cut gets its turn."""
    queues = Queues()
    for _ in range(100):
        queues.add(_timer("statement_cut"))
        queues.add(_call(background=True))
    queues.add(_call())

    assert [item.background or item.timer is not None for item in queues.take(512)].count(True) == 1
    for _ in range(4 * BACKGROUND_SHARE):
        queues.add(_call())
    assert len(queues.take(512)) == 4 * BACKGROUND_SHARE + 5
    assert len(queues.background) == 194


def test_the_background_alone_fills_small_batches() -> None:
    """So that a settlement that comes next does not wait long."""
    queues = Queues()
    for _ in range(2 * BACKGROUND_ALONE):
        queues.add(_timer("statement_cut"))

    assert len(queues.take(512)) == BACKGROUND_ALONE
    assert len(queues.take(7)) == 7


def test_a_lost_session_forgets_what_comes_again_and_nothing_else() -> None:
    """Records, timers and reports come again; a call has a caller who waits, in the background too, and what waited for
    a claim has no record any more."""
    queues = Queues()
    call, nightly, waited = _call(), _call(background=True), Item(Message("saga_1/T", "a", None))
    record = Item(Message("r", "a", None), record=RecordPlace("t", 0, 0, [], b""))
    report = Item(Message("", "a", None))
    for item in (call, nightly, _timer(WAKE), _timer("statement_cut"), record, report, waited):
        queues.add(item)

    queues.forget_fetched()

    assert queues.take(512) == [nightly, waited, call]


def _answer(op: Op) -> Item:
    return Item(Message("", "a", Reply("saga_1", "credit", op, Verdict.DONE)))


@pytest.mark.parametrize("found", [True, False])
async def test_what_claims_depend_on_goes_at_once(found: bool) -> None:
    """The answer to a TRY, or what somebody is known to wait for; and what is there beside it."""
    queues = Queues()
    queues.add(_answer(Op.CONFIRM))
    if not found:
        queues.add(_answer(Op.TRY))

    async with asyncio.timeout(1):
        await queues.hurried(60, lambda: found)


async def test_what_nobody_claims_for_waits_for_what_hurries_or_its_time() -> None:
    """Alone it would cost a transaction in front of one that somebody waits for."""
    queues = Queues()
    queues.add(_answer(Op.CONFIRM))
    await queues.hurried(0.001, lambda: False)
    waiting = asyncio.create_task(queues.hurried(60, lambda: False))
    await asyncio.sleep(0)

    queues.add(_answer(Op.CANCEL))
    await asyncio.sleep(0)
    patient = not waiting.done()
    queues.add(_answer(Op.TRY))
    async with asyncio.timeout(1):
        await waiting

    assert patient
    assert len(queues.take(9)) == 3
