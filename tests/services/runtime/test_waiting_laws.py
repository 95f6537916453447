"""Laws of waiting, over random batches of the kernel's admission and a lane's line: one after the other, each once."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.kernel.decision import Busy
from services.kernel.effects import Effects
from services.kernel.errors import Unavailable
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.saga import Verdict
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.lanes.waiting import (
    ABOARD_MAX,
    ALL_ABOARD_MAX,
    ANSWER_SECONDS,
    LOOK_SECONDS,
    NOBODY,
    OF_A_ROOT_MAX,
    WAITING_MAX,
    Waiting,
)
from services.runtime.stored.inbox import Answered
from tests.in_memory import NOW, InMemory
from tests.services.kernel.jars import JAR, Jar, Put, shelf

ROOM = 10**6


@dataclass
class Lane:
    """A lane without a database: batches that commit or not, and who waits between them."""

    world: InMemory = field(default_factory=lambda: shelf(Jar(room=ROOM)))
    waiting: Waiting = field(default_factory=lambda: Waiting(lambda: 0.0))
    queue: list[Item] = field(default_factory=list)
    arrived: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)

    def arrive(self, op: Op | None, number: int) -> None:
        """A command of a saga (its first operation, maybe again), or a call."""
        name = f"saga_{number}" if op else f"call_{len(self.arrived)}"
        saga = SagaRef(name, "shelf", op) if op else None
        self.queue.append(Item(Message(f"{name}/{op}" if op else name, JAR, Put(1), saga=saga, caller="order/o")))
        if name not in self.arrived:
            self.arrived.append(name)

    def end(self, op: Op) -> None:
        """The saga that holds the claim lets it go."""
        pending = self.world.row(Jar, JAR).pending
        if pending is not None:
            saga = SagaRef(pending.saga_id, "shelf", op)
            self.queue.append(Item(Message(f"{pending.saga_id}/{op}", JAR, Put(1), saga=saga, caller="order/o")))

    def run(self, commits: bool = True) -> None:
        """One transaction over all that came; one that fails leaves everything as it was."""
        if not commits:
            return
        items, self.queue = self.queue, []
        aboard = self.waiting.aboard(items)
        admit: Any = self.world.admit  # Any: items are arrivals of the runtime's own kind
        effects: Effects[Item] = admit(*items, waiting=aboard.waiting, awake=sorted(aboard.awake))
        self.waiting.settle(items, aboard, effects, self.world.now)
        self.met.update(item.message.id for item, _ in effects.busy)
        new = [answer for answer in effects.answered.values() if answer.id[-2:] not in ("/F", "/C")]
        assert {answer.verdict for answer in new} <= {Verdict.DONE}
        self.answered += [answer.id.removesuffix("/T") for answer in new]


STEPS = st.lists(st.one_of(
    st.tuples(st.just("come"), st.sampled_from([Op.TRY, Op.TRY, Op.EXECUTE, None]), st.integers(0, 40)),
    st.tuples(st.just("end"), st.sampled_from([Op.CONFIRM, Op.CANCEL]), st.just(0)),
    st.tuples(st.just("run"), st.booleans(), st.just(0)),
), max_size=60)


@example([
    ("come", Op.TRY, 3), ("run", True, 0), ("come", Op.TRY, 1), ("come", Op.TRY, 1), ("end", Op.CONFIRM, 0),
    ("come", Op.TRY, 2), ("run", True, 0), ("end", Op.CONFIRM, 0), ("come", Op.TRY, 0),
])
@given(STEPS)
def test_who_waits_is_decided_once_in_the_order_of_arrival_and_meets_a_claim_once_a_delivery(
    steps: list[tuple[str, Any, int]]
) -> None:
    """Whatever comes twice, whatever fails: nobody is passed over, nobody overtakes, nobody is asked over and over."""
    lane, first_op, deliveries = Lane(), dict[int, Op](), Counter[str]()
    for what, how, number in steps:
        if what == "come":
            op = how and first_op.setdefault(number, how)
            lane.arrive(op, number)
            deliveries[lane.queue[-1].message.id] += 1
        elif what == "end":
            lane.end(how)
        else:
            lane.run(how)
    for _ in range(2 * len(lane.arrived) + 2):
        lane.run()
        lane.end(Op.CONFIRM)
    lane.run()

    assert lane.answered == lane.arrived
    assert (len(lane.waiting), list(lane.waiting.awake)) == (0, [])
    assert all(times <= deliveries[name] for name, times in lane.met.items())
    assert lane.world.row(Jar, JAR).pending is None


def test_more_than_one_transaction_takes_are_decided_in_several() -> None:
    """The end of a claim wakes those behind the first so many too, without another end."""
    lane = Lane()
    lane.arrive(Op.TRY, 0)
    lane.run()
    for _ in range(3 * ABOARD_MAX):
        lane.arrive(None, 0)
    lane.run()
    waited = len(lane.waiting)

    lane.end(Op.CANCEL)
    for _ in range(3):
        lane.run()

    assert (waited, len(lane.waiting)) == (3 * ABOARD_MAX, 0)
    assert lane.answered == lane.arrived


def test_only_those_are_loaded_who_may_be_decided() -> None:
    """A batch that ends no claim loads none of them; one that does loads them up to the next who claims."""
    lane = Lane()
    for op, number in ((Op.TRY, 0), (Op.EXECUTE, 1), (Op.TRY, 2), (Op.EXECUTE, 3)):
        lane.arrive(op, number)
    lane.run()
    lane.arrive(Op.EXECUTE, 4)
    newcomer = lane.waiting.aboard(lane.queue)
    lane.end(Op.CONFIRM)
    ending = lane.waiting.aboard(lane.queue)

    assert list(newcomer.items) == []
    assert [item.message.id for item in ending.items] == ["saga_1/E", "saga_2/T"]


def test_claims_that_may_have_ended_elsewhere_are_looked_at_a_batch_at_a_time() -> None:
    """After an outage of their coordinator, one transaction loaded and locked them all, however many. Who waits the
    longest comes first: which of them did was left to the hashes of their names."""
    seconds = 0.0
    waiting = Waiting(lambda: seconds)
    items = [Item(Message(f"saga_{n}/E", f"jar_{n}", Put(1))) for n in range(3 * ALL_ABOARD_MAX)]
    met: Effects[Item] = Effects(busy=[(item, Busy("saga")) for item in items])
    waiting.settle(items, NOBODY, met, NOW)
    seconds = LOOK_SECONDS + 1
    waiting.tend()

    looked: Counter[str] = Counter()
    while waiting.awake:
        aboard = waiting.aboard([])
        assert 0 < len(aboard.items) <= ALL_ABOARD_MAX
        looked.update(list(aboard.waiting))
        waiting.settle([], aboard, Effects(busy=[(item, Busy("saga")) for item in aboard.items]), NOW)

    assert list(looked.items()) == [(item.message.key, 1) for item in items]
    assert len(waiting) == len(items)


async def test_one_root_does_not_take_all_places_of_those_who_wait() -> None:
    """Calls for one claimed root filled the lane's bound until their deadlines, and all others were refused."""
    waiting = Waiting(lambda: 0.0)
    calls = [
        Item(Message(f"call_{n}", JAR, Put(1)), asyncio.get_running_loop().create_future(), expires_at=9.0)
        for n in range(OF_A_ROOT_MAX + 1)
    ]

    waiting.settle(calls, NOBODY, Effects(busy=[(call, Busy("saga")) for call in calls]), NOW)

    assert (len(waiting), waiting.calls) == (OF_A_ROOT_MAX, OF_A_ROOT_MAX)
    assert [call for call in calls if call.answer is not None and call.answer.done()] == calls[-1:]
    with pytest.raises(Unavailable, match="ACCOUNT_BUSY"):
        await _heard(calls[-1])


def test_of_what_may_not_wait_nothing_stays() -> None:
    """Its root stayed without anybody in it, and was looked at for ever."""
    seconds = 0.0
    waiting = Waiting(lambda: seconds)
    items = [Item(Message(f"saga_{n}/E", f"jar_{n}", Put(1))) for n in range(WAITING_MAX + 1)]
    waiting.settle([], NOBODY, Effects(busy=[(item, Busy("saga")) for item in items]), NOW)
    waiting.settle(items, NOBODY, Effects(), NOW)
    seconds = LOOK_SECONDS + 1

    waiting.tend()

    assert (len(waiting), list(waiting.awake)) == (0, [])


def test_of_each_partition_the_oldest_record_that_waits_is_known() -> None:
    """Whoever takes the partition over reads again from there; what goes makes room for the next."""
    waiting = Waiting(lambda: 0.0)
    items = [_recorded(number, *place) for number, place in enumerate([(0, 7), (0, 5), (1, 9)])]
    waiting.settle([], NOBODY, Effects(busy=[(item, Busy("saga")) for item in items]), NOW)

    newcomer = _recorded(9, 1, 3)

    assert waiting.oldest([]) == {0: 5, 1: 9}
    assert waiting.oldest([newcomer]) == {0: 5, 1: 3}
    waiting.leave(items[1:2])
    assert waiting.oldest([]) == {0: 7, 1: 9}


def _recorded(number: int, partition: int, offset: int) -> Item:
    place = RecordPlace("commands", partition, offset, [], b"")
    return Item(Message(f"saga_{number}/E", f"jar_{number}", Put(1)), record=place)


async def test_a_caller_is_told_in_time_that_its_root_stays_claimed() -> None:
    """Before its own deadline, not after it; a command waits on for its coordinator."""
    clock = [0.0]
    waiting = Waiting(lambda: clock[-1])
    call = Item(Message("call", JAR, Put(1)), asyncio.get_running_loop().create_future(), expires_at=9.0)
    command = Item(Message("saga_1/E", JAR, Put(1)))
    waiting.settle([], NOBODY, Effects(busy=[(call, Busy("saga")), (command, Busy("saga"))]), NOW)

    told = []
    for seconds in (9.0 - ANSWER_SECONDS, 9.3 - ANSWER_SECONDS):
        clock.append(seconds)
        waiting.tend()
        told.append(call.answer is not None and call.answer.done())

    assert (told, len(waiting), waiting.calls) == ([False, True], 1, 0)
    with pytest.raises(Unavailable, match="ACCOUNT_BUSY"):
        await _heard(call)


async def _heard(call: Item) -> Answered:
    """What the caller hears."""
    assert isinstance(call.answer, asyncio.Future)
    answer: Answered = await call.answer
    return answer
