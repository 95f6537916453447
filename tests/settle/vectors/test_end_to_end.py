"""Scenario cases on a running engine: the visible ones, and random ones whose `then` the oracle wrote."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from settle.client.engine import Engine
from settle.client.tokens import Tokens
from settle.local.endpoints import sandboxes_of, targets_of
from settle.vectors.runner import FLOWS, run
from settle.vectors.scenario import Scenario, load
from settle.vectors.sequence import plays_alone
from settle.vectors.session import engine_said
from tests.settle.vectors.generate import POLICIES, case
from tests.settle.vectors.redemption_oracle import redemption_case
from tests.settle.vectors.redemption_variations import PLAYED

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]

GOLDEN = Path(__file__).parent / "golden"
CASES = int(os.environ.get("SETTLE_VECTOR_CASES", "100"))
SEED = int(os.environ.get("SETTLE_VECTOR_SEED", "1"))
BROKER = os.environ.get("SETTLE_VECTOR_BROKER", "auto")


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A stack under the manual clock."""
    with engine_said(tmp_path_factory.mktemp("engine"), BROKER) as found:
        yield found


async def failures(scenarios: list[Scenario], targets: Mapping[str, str]) -> list[str]:
    """The failing lines."""
    engine = Engine(targets_of(targets), sandboxes_of(targets), Tokens.of(targets))
    try:
        return [verdict.line for verdict in await run(scenarios, engine) if verdict.failure]
    finally:
        await engine.close()


async def test_the_visible_credit_flows_pass(targets: Mapping[str, str]) -> None:
    """Every published case of this kind, to the fen."""
    flows = [scenario for scenario in load(GOLDEN / "cases.json") if scenario.kind in FLOWS]

    assert len(flows) == 36
    assert await failures(flows, targets) == []


async def test_price_reductions_and_goodwill_keep_no_goods_out(targets: Mapping[str, str]) -> None:
    """Pieces of a reduced line are worth less, goodwill costs none its worth, and a return pays what is left, down to
    nothing: before, the last three of these were refused or stranded (PR-8, PR-9, golden E30-E32)."""
    assert await failures(list(load(GOLDEN / "reductions.json")), targets) == []


async def test_merchants_are_paid_and_claimed_from_over_both_books(targets: Mapping[str, str]) -> None:
    """Two settlements, the second out of both books; refunds after them, and reversals of these (P23, P24, OP-3)."""
    assert await failures(list(load(GOLDEN.parent / "merchants.json")), targets) == []


async def test_the_visible_redemptions_pass(targets: Mapping[str, str]) -> None:
    """Every published case that is played alone: windows, flows, first redemptions, codes that are submitted twice,
    transfers, batches and schedules of enterprises."""
    alone = [scenario for scenario in load(GOLDEN / "cases.json") if plays_alone(scenario)]

    assert len(alone) == 27
    assert await failures(alone, targets) == []


async def test_redemptions_beside_the_visible_ones_pass(targets: Mapping[str, str]) -> None:
    """Their boundaries moved by a second and a fen, in every channel: what DOMAIN.md says of them."""
    policies = load(GOLDEN / "cases.json")[0].policies
    assert await failures([Scenario(policies=policies, **each) for each in PLAYED], targets) == []


async def test_random_redemptions_pass(targets: Mapping[str, str]) -> None:
    """The engine and the rules of the page agree on redemptions that nobody has seen."""
    policies = load(GOLDEN / "cases.json")[0].policies
    made = [redemption_case(seed, policies) for seed in range(SEED, SEED + max(1, CASES // 5))]
    assert await failures([Scenario(policies=policies, **each) for each in made], targets) == []


async def test_random_cases_pass(targets: Mapping[str, str]) -> None:
    """The engine and the oracle agree on cases that nobody has seen."""
    made = [case(seed) for seed in range(SEED, SEED + CASES)]
    flows = [Scenario(**(one | {"when": tuple(one["when"]), "policies": POLICIES})) for one in made]

    assert await failures(flows, targets) == []
