"""How long a call would wait, by what the lane decided of late; and when who is refused may come again."""

from services.runtime.lanes.outlook import ALWAYS_TAKEN, RETRY_SECONDS_MAX, RETRY_SECONDS_MIN, Outlook
from services.runtime.lanes.repeats import Repeats


class _Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def _deciding(per_second: float, clock: _Clock, batches: int = 40) -> Outlook:
    """A lane that decides so many calls a second, a tenth of it in each batch, and would have them wait a second."""
    outlook = Outlook(1.0, clock, lambda least, most: 1.0)
    for _ in range(batches):
        outlook.began()
        clock.seconds += 0.1
        outlook.decided(round(per_second / 10))
    return outlook


def test_as_many_wait_as_are_decided_in_time() -> None:
    """The bound grows with what the lane does."""
    fast = _deciding(2_000, _Clock())

    assert not fast.crowded(1_999)
    assert fast.crowded(2_001)


def test_a_batch_full_is_always_taken() -> None:
    """A lane that has decided nothing yet, or only small batches, is no reason to refuse anybody."""
    resting, slow = Outlook(1.0, _Clock()), _deciding(10, _Clock())

    for outlook in (resting, slow):
        assert not outlook.crowded(ALWAYS_TAKEN - 1)
        assert outlook.crowded(ALWAYS_TAKEN)


def test_a_batch_without_calls_says_nothing() -> None:
    """Replies go first, whatever waits."""
    clock = _Clock()
    outlook = _deciding(2_000, clock)
    for _ in range(50):
        outlook.began()
        clock.seconds += 0.1
        outlook.decided(0)

    assert not outlook.crowded(1_999)


def test_a_lane_that_slows_down_takes_fewer() -> None:
    """Within seconds."""
    clock = _Clock()
    outlook = _deciding(4_000, clock)
    for _ in range(50):
        outlook.began()
        clock.seconds += 0.1
        outlook.decided(100)

    assert outlook.crowded(1_100)


def test_who_is_refused_comes_again_in_a_line() -> None:
    """One after the other, at half of what the lane decides: what all of them say together is no new flood."""
    outlook = _deciding(1_000, _Clock())

    told = [outlook.retry_seconds() for _ in range(1_000)]

    assert RETRY_SECONDS_MIN <= told[0] < told[500] < told[-1]
    assert 1.9 < told[-1] - told[0] < 2.1


def test_nobody_is_told_to_wait_for_ever_nor_for_nothing() -> None:
    """The line has an end, and a pause makes it short again."""
    clock = _Clock()
    outlook = _deciding(1_000, clock)
    latest = max(outlook.retry_seconds() for _ in range(50_000))
    clock.seconds += 2 * RETRY_SECONDS_MAX

    assert latest == RETRY_SECONDS_MAX
    assert outlook.retry_seconds() == RETRY_SECONDS_MIN


def test_the_times_to_come_again_are_spread() -> None:
    """Those of many processes would be the same otherwise."""
    outlook = Outlook(1.0, _Clock(), lambda least, most: most)

    assert outlook.retry_seconds() > RETRY_SECONDS_MIN


def test_repeats_are_known_as_long_as_they_are_of_late() -> None:
    """Memory is finite."""
    repeats = Repeats(2)
    for request_id in ("a", "b", "a", "c"):
        repeats.note(request_id)

    assert [repeats.known(request_id) for request_id in "abc"] == [False, True, True]
