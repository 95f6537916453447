"""The order in which what dead lanes left behind leaves, where several of them told events of one aggregate."""

from services.runtime.ground.records import Outgoing
from services.runtime.stored.outbox import Row, in_order


def _event(lane_id: int, sequence: int, key: str = "acc_1") -> Row:
    headers = [("ce_sequence", str(sequence).encode())] if sequence else []
    return Row(lane_id, sequence + 1, Outgoing("settlement.credit_ledger.events.v1", 0, key, headers, b""))


def test_events_of_two_dead_lanes_leave_in_the_order_of_their_numbers() -> None:
    """Whoever told the later ones died before it published the earlier ones, and is swept first: its id is the lower
    one. A subscriber saw a gap (found by the simulator)."""
    swept, others = [_event(1, 1), _event(1, 3), _event(1, 6)], [_event(2, 2), _event(2, 4), _event(2, 5), _event(2, 7)]

    ordered = in_order(swept, others)

    assert [row.record.sequence for row in ordered] == [1, 2, 3, 4, 5, 6]


def test_what_is_no_event_waits_for_nothing() -> None:
    """A command of the same key has no number, and other aggregates are nobody's business."""
    command = _event(1, 0)

    assert in_order([command], [_event(2, 1)]) == [command]
    assert in_order([_event(1, 2, "acc_2")], [_event(2, 1)]) == [_event(1, 2, "acc_2")]
