"""What goes wrong at the sandbox acquirer."""

from dataclasses import dataclass

from settle.local.shares import Shares


@dataclass(frozen=True, slots=True)
class Faults(Shares):
    """Shares of the calls.

    `timeout_done`: booked, but the answer never comes. `timeout_undone`: neither. `late_done`: the answer never comes
    and the booking happens after the caller gave up. `unavailable`: down. `rejected`: refused for good.
    """

    timeout_done_ppm: int = 0
    timeout_undone_ppm: int = 0
    unavailable_ppm: int = 0
    rejected_ppm: int = 0
    late_done_ppm: int = 0
