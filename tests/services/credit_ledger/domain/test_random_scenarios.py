"""Two readings of the scenario format agree on random cases, to the fen: the product's rules, and a plain model."""

import os

import pytest

from tests.services.credit_ledger.domain.random_cases import POLICIES, random_case
from tests.services.credit_ledger.domain.scenario_player import ScenarioPlayer

pytestmark = pytest.mark.timeout(1800)  # a full run takes minutes
HISTORIES = int(os.environ.get("SETTLE_HISTORIES", "400"))


def test_random_cases_come_out_as_the_model_says() -> None:
    """Journals, balances, outcomes, instalments, statements, splits and payouts of every seed are the model's."""
    wrong = []
    for seed in range(HISTORIES):
        player = ScenarioPlayer(random_case(seed), POLICIES, by_timer=seed % 2 == 1)

        player.play()

        wrong += player.differences()
    assert wrong[:1] == []
