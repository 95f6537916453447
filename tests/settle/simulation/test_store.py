"""The simulated database refuses what PostgreSQL refuses: rows made twice or changed meanwhile, commits of the dead."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.decision import Aggregate, Known, Timer
from services.kernel.effects import Effects, ToLoad
from services.order.domain.order import Order
from services.order.domain.states import OrderState
from services.runtime.lanes.encoding import Encoded
from services.runtime.lanes.faults import TransientFault
from services.runtime.lanes.item import Item
from services.runtime.lanes.waiting import NOBODY
from settle.simulation.agenda import START
from settle.simulation.seeds import lived
from settle.simulation.services import business
from settle.simulation.store import Collision, Connection, Disconnected, Staged, Store
from settle.simulation.tape import Tape
from settle.simulation.transaction import Transaction
from settle.simulation.world import World

ORDER = Order(
    id="ord_1", customer_id="cus", merchant_id="mer", account_id="acc", state=OrderState.PLACING, lines=(), tenders=(),
    placed_at=START, updated_at=START,
)


def _store() -> tuple[Store, Connection, Connection]:
    store = Store("order", business("order", 2))
    return store, store.connect(0, 1), store.connect(0, 1)


def _staged(rows: Sequence[Aggregate], found: dict[type, dict[str, int]] | None = None) -> Staged:
    effects: Effects[Item] = Effects()
    for row in rows:
        effects.dirty.setdefault(type(row), {})[row.key] = row
    effects.found = found or {}
    return Staged(
        effects=effects, encoded=Encoded(), links=[], parked=[], offsets={}, waiting={}, first_seq=1
    )


def test_two_lanes_that_make_the_same_row_collide() -> None:
    """The second one decides again."""
    store, one, other = _store()
    store.commit(one, _staged([ORDER]), START)

    with pytest.raises(Collision):
        store.commit(other, _staged([ORDER]), START)


def test_what_is_gone_locks_nothing() -> None:
    """Nobody would let go of it: its transaction is over."""
    store, one, other = _store()
    store.commit(one, _staged([ORDER]), START)
    store.disconnect(other)

    with pytest.raises(Disconnected):
        store.lock(other, Order, ["ord_1"])

    assert store.lock(one, Order, ["ord_1"]) is None


def test_a_row_that_was_changed_since_it_was_found_is_not_written_over() -> None:
    """Nor one that is gone."""
    store, one, other = _store()
    store.commit(one, _staged([ORDER]), START)

    with pytest.raises(Collision):
        store.commit(other, _staged([ORDER], {Order: {"ord_1": 7}}), START)


def test_a_timer_that_was_found_and_moved_is_due_again() -> None:
    """It is found once it is due, not before, and again where the clock went back in between."""
    store, _, _ = _store()
    later = START + timedelta(seconds=5)
    store.timers.put(Timer("hold", "ord_1", "ord_1", START))
    assert [each.due_at for each in store.timers.find_due({0, 1}, START)] == [START]
    assert store.timers.next_due() is None

    store.timers.put(Timer("hold", "ord_1", "ord_1", later))

    assert (store.timers.find_due({0, 1}, START), store.timers.next_due()) == ([], later)
    assert len(store.timers.find_due({0, 1}, later)) == 1
    assert (store.timers.find_due({0, 1}, START), store.timers.next_due()) == ([], later)


def test_rows_of_a_root_are_found_whether_they_came_before_anybody_asked_or_after() -> None:
    """By key, and none of another root."""
    store, one, _ = _store()
    other, later = replace(ORDER, id="ord_2"), replace(ORDER, id="ord_3")
    store.commit(one, _staged([other, ORDER]), START)
    before = store.family_of(Order, "ord_1"), store.family_of(Order, "ord_3")

    store.commit(one, _staged([later]), START)

    assert (*before, store.family_of(Order, "ord_3")) == ([ORDER], [], [later])
    assert store.those(Order, lambda row: row.id != "ord_2") == [ORDER, later]


def test_whoever_lost_the_connection_commits_nothing_and_holds_nothing() -> None:
    """Locks and partitions are free for others."""
    store, one, other = _store()
    store.commit(one, _staged([ORDER]), START)
    assert store.lock(one, Order, ["ord_1"]) is None
    assert store.lock(other, Order, ["ord_1"]) is one
    assert store.gain(one, [0, 1]) == [0, 1]

    store.disconnect(one)

    with pytest.raises(Disconnected):
        store.commit(one, _staged([]), START)
    assert store.lock(other, Order, ["ord_1"]) is None
    assert store.gain(other, [0, 1]) == [0, 1]


def test_of_two_that_wait_for_each_other_one_begins_again_and_the_other_goes_on() -> None:
    """As PostgreSQL ends a deadlock. What is locked in a later round can do so: the days of refunds."""
    world = World(Tape())
    store = world.stores["order"]
    first, second = (process.lane for process in world.processes["order"])
    one, other = store.connect(0, 1), store.connect(1, 1)
    store.commit(one, _staged([ORDER, replace(ORDER, id="ord_2")]), START)
    held, wanted = Transaction(first, one, NOBODY, False), Transaction(second, other, NOBODY, False)
    assert (store.lock(one, Order, ["ord_1"]), store.lock(other, Order, ["ord_2"])) == (None, None)

    waits = held._load(ToLoad(rows={Order: {"ord_2"}}), Known())
    assert next(waits) is other.over
    with pytest.raises(TransientFault):
        next(wanted._load(ToLoad(rows={Order: {"ord_1"}}), Known()))
    store.end(other)

    assert list(waits) == []
    assert store.lock(other, Order, ["ord_2"]) is one


def test_a_lane_that_takes_what_another_one_consumed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be dropped: nobody has a partition whose connection is gone, so it cannot come to that."""
    monkeypatch.setattr(Store, "reached", lambda store, partitions: dict.fromkeys(partitions, 1))

    world = lived(Tape())

    assert "fence" in {each.check for each in world.violations}
