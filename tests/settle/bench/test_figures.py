"""The figures say what was measured, and why they are void if they are."""

import os
from datetime import timedelta

from services.kernel.calendar import business_date
from settle.bench.figures import Figures, Night, Percentiles, Phase
from settle.bench.goals import reached
from settle.bench.night import UNTIL_MIDNIGHT, eve
from settle.bench.options import Options
from settle.bench.processes import busy_seconds, cost_of
from settle.bench.run import _judge
from settle.client.desk import BILL_DAY

NOTHING = Percentiles.of([])


def _phase(sent: int = 1_000, settled: int = 1_000, errors: int = 0, why: str = "INTERNAL") -> Phase:
    return Phase(
        name="closed loop", seconds=2.0, sent=sent, settled=settled, settled_per_second=500.0,
        accepted=Percentiles.of([0.01] * 99 + [0.2]), to_settled=NOTHING, errors={why: errors} if errors else {},
        cpu_per_1000={"order": 0.5, "load": 0.25}, wal_bytes_per_settlement=9_000, machine_busy=0.9, stolen=0.0,
    )


def _figures(phase: Phase) -> Figures:
    return Figures(
        mix="credit", broker="kafka 4.1.1", versions={"python": "3.11"}, stored_orders=1_000, phases=[phase],
        ceiling_per_second=2_000.0,
    )


def test_percentiles_are_of_the_measurements() -> None:
    """Milliseconds; the 99th of a hundred is the last."""
    measured = Percentiles.of([n / 1000 for n in range(1, 101)])

    assert (measured.p50, measured.p95, measured.p99, measured.longest) == (51.0, 96.0, 100.0, 100.0)
    assert Percentiles.of([]).p99 == 0.0


def test_the_page_and_the_object_say_the_same() -> None:
    """Rate, ratio and cost are in both."""
    figures = _figures(_phase())

    said, page = figures.as_json(), figures.as_text()

    assert said["settled_per_second"] == 500.0
    assert said["ratio"] == figures.ratio == 0.25
    assert said["goals"] == {
        "ratio to the ceiling >= 0.38": False, "cpu s / 1,000, closed loop <= 1.9": True,
        "wal bytes a settlement <= 10500": True,
    }
    assert "ratio to the ceiling >= 0.38: NO; cpu s / 1,000, closed loop <= 1.9: yes" in page
    assert "500 settled/s" in page
    assert "total 0.75" in page
    assert "auditor          clean" in page


def test_cards_that_are_verified_beside_the_load_make_the_figure_void() -> None:
    """Where the customer came too late to take one back, all that were left were being verified."""
    late = _figures(_phase(settled=998, errors=2, why="FAILED_PRECONDITION VERIFICATION_STARTED"))

    _judge(late, [])

    assert late.void == ["closed loop: 2 cards, and all that were left, were verified beside the load"]


def test_a_violation_makes_the_figure_void() -> None:
    """So does a settlement that did not end; a refused call is counted, not hidden."""
    lost, refused, broken = _figures(_phase(settled=999)), _figures(_phase(settled=990, errors=10)), _figures(_phase())

    _judge(lost, [])
    _judge(refused, [])
    _judge(broken, ["books.zero in credit_ledger: CNY: expected 0, found 1"])

    assert lost.void == ["closed loop: 1 of 1000 were not settled"]
    assert refused.void == []
    assert len(broken.void) == 1


def test_costs_are_those_of_the_process() -> None:
    """This very process has used time and memory; so has the machine."""
    cost = cost_of(os.getpid())

    assert cost.cpu_seconds > 0
    assert cost.rss_mib > 1
    assert busy_seconds().used > 0


def test_enough_orders_are_stored() -> None:
    """More than any run settles, however few were asked for."""
    assert Options(seconds=10, stored=5).orders > 10_000
    assert Options(seconds=10, stored=1_000_000).orders == 1_000_000


def test_a_night_says_what_settlements_kept_and_what_was_left() -> None:
    """An account without its statement makes the figures void; a rate below the goal does not."""
    rates = {"before": 1_000.0, "after": 900.0, "beside": 700.0}
    night = Night(100, issued=100, rates=rates, cuts_per_second_alone=50.0)
    figures = _figures(_phase())
    figures.night = night

    assert night.kept("after") == 0.778
    assert night.kept("before") == 0.7
    assert night.flaws() == []
    assert reached(figures)["settlements keep >= 80% of their rate"] is False
    assert "100 of 100 accounts" in figures.as_text()
    assert Night(100, issued=99).flaws() == ["100 accounts were due: 99 statements, 0 accounts left"]
    assert Night(100, issued=100, left=1).flaws() != []
    assert Night(0).kept("after") == 0.0


def test_a_night_begins_at_noon_before_its_midnight() -> None:
    """The bill day is this month's; the clock of the engine under load is manual."""
    assert business_date(eve() + UNTIL_MIDNIGHT).day == BILL_DAY
    assert business_date(eve() + UNTIL_MIDNIGHT - timedelta(seconds=1)).day == BILL_DAY - 1
    assert Options(statements=100_000).orders == 400_000
