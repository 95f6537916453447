"""Every visible `credit_flow` case of the scenario files comes out to the fen, against the domain alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.services.credit_ledger.domain.scenario_player import ScenarioPlayer

GOLDEN = Path(__file__).parents[5] / "shared" / "golden" / "cases.json"
FILE: dict[str, Any] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {"cases": [], "policies": {}}
CASES = [case for case in FILE["cases"] if case["kind"] == "credit_flow"]


@pytest.mark.parametrize("by_timer", [False, True], ids=["cut by command", "cut by timer"])
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_case_comes_out_to_the_fen(case: dict[str, Any], by_timer: bool) -> None:
    """Journals, balances, outcomes, instalments, statements, splits and payouts are as the case says."""
    player = ScenarioPlayer(case, FILE["policies"], by_timer)

    player.play()

    assert player.differences() == []
