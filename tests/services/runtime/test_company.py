"""Whether waiting for company pays, by how many messages came in of late."""

from services.runtime.lanes.company import COMPANY_MIN, Company


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
