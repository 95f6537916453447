"""Where the records stood whose messages wait for a claim."""

from datetime import UTC, datetime

from services.kernel.decision import Busy
from services.kernel.effects import Effects
from services.kernel.messages import Message, Op, SagaRef
from services.runtime.lanes.item import Item, RecordPlace
from services.runtime.lanes.waiting import NOBODY, Waiting

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def _at(offset: int, saga_id: str) -> Item:
    message = Message(f"{saga_id}/T", "acc_1", None, saga=SagaRef(saga_id, "credit_ledger", Op.TRY))
    return Item(message, record=RecordPlace("commands", 3, offset, [], b""))


def test_two_that_stood_at_one_offset_wait_and_leave_one_by_one() -> None:
    """Kafka lost the first record and gave its offset away again; the lane fell over when the second one left (found by
    the simulator)."""
    waiting, items = Waiting(lambda: 0.0), [_at(7, "saga_1"), _at(7, "saga_2")]
    effects: Effects[Item] = Effects(busy=[(item, Busy("saga_0")) for item in items])
    waiting.settle(items, NOBODY, effects, NOW)

    waiting.leave(items[:1])
    assert waiting.oldest([]) == {3: 7}
    waiting.leave(items[1:])

    assert waiting.oldest([]) == {}
