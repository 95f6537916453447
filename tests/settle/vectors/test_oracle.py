"""The oracle gives what the visible scenarios expect; the generator keeps to what files may contain."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from settle.vectors.comparison import first_difference
from settle.vectors.scenario import Scenario, load
from tests.settle.vectors.generate import case
from tests.settle.vectors.oracle import expected
from tests.settle.vectors.reference import Json

GOLDEN = Path(__file__).parent / "golden"
FLOWS = [
    scenario for name in ("cases.json", "reductions.json") for scenario in load(GOLDEN / name)
    if scenario.kind == "credit_flow"
]


def as_json(scenario: Scenario) -> Json:
    """The case as the oracle takes it."""
    return {"given": scenario.given, "when": list(scenario.when)}


@pytest.mark.parametrize("scenario", FLOWS, ids=[scenario.id for scenario in FLOWS])
def test_the_oracle_agrees_with_the_visible_scenarios(scenario: Scenario) -> None:
    """Every credit flow that is published, to the fen."""
    assert first_difference(scenario, expected(as_json(scenario), scenario.policies)) is None


@pytest.mark.parametrize("seed", range(200))
def test_generated_cases_are_in_playing_order(seed: int) -> None:
    """Time never runs back, a cut stands at its midnight, and the same seed tells the same case."""
    made = case(seed)
    instants = [datetime.fromisoformat(event["at"]) for event in made["when"]]

    assert instants == sorted(instants)
    assert made == case(seed)
    for event in made["when"]:
        if event["type"] == "STATEMENT":
            assert event["at"].startswith(f"{event['bill_date']}T00:00:00")


@pytest.mark.parametrize("seed", range(200))
def test_generated_cases_end_with_possible_books(seed: int) -> None:
    """Assets are not negative (the bank may be), limits are not, and both ledgers sum to zero."""
    made = case(seed)
    balances = made["then"]["balances"]
    money = {name: amount for name, amount in balances.items() if not name.startswith("LIM.")}

    assert sum(money.values()) == 0
    assert sum(balances.values()) - sum(money.values()) == made["given"]["limit"]
    for name, amount in balances.items():
        assert amount >= 0 or not name.startswith(("A.", "LIM.")) or name == "A.BANK", name


def test_a_flash_refund_waits_a_day() -> None:
    """No case adjusts by hand earlier than the page allows."""
    for seed in range(300):
        accepted: dict[str, datetime] = {}
        for event, outcome in zip((made := case(seed))["when"], made["then"]["outcomes"], strict=True):
            at = datetime.fromisoformat(event["at"])
            if event["type"] == "REFUND" and outcome == "OK":
                accepted.setdefault(event["order"], at)
            if event["type"] == "MANUAL_ADJUST":
                assert at - accepted[event["order"]] > timedelta(days=1), made["id"]
