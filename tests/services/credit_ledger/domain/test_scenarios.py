"""Every visible `credit_flow` case of the scenario files comes out to the fen, against the domain alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.services.credit_ledger.domain.scenario_player import ScenarioPlayer

GOLDEN = Path(__file__).parents[3] / "settle" / "vectors" / "golden"
FILES: list[dict[str, Any]] = [json.loads((GOLDEN / name).read_text()) for name in ("cases.json", "reductions.json")]
CASES = [case for file in FILES for case in file["cases"] if case["kind"] == "credit_flow"]


@pytest.mark.parametrize("by_timer", [False, True], ids=["cut by command", "cut by timer"])
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_case_comes_out_to_the_fen(case: dict[str, Any], by_timer: bool) -> None:
    """Journals, balances, outcomes, instalments, statements, splits and payouts are as the case says."""
    player = ScenarioPlayer(case, FILES[0]["policies"], by_timer)

    player.play()

    assert player.differences() == []
