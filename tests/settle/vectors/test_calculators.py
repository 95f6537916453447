"""The calculators against the oracle's arithmetic, on random numbers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settle.vectors.calculators import calculate
from settle.vectors.comparison import first_difference
from settle.vectors.scenario import Json, Scenario, load
from settle.vectors.sequence import plays_alone
from tests.settle.vectors.redemption_variations import CALCULATED
from tests.settle.vectors.reference import half_up, payables_of, reduction, split

GOLDEN = Path(__file__).parent / "golden"
amounts = st.integers(0, 10**7)


def calculated(kind: str, given_: Json) -> Json:
    """What the product says."""
    return calculate(Scenario(id="X", kind=kind, given=given_, when=(), then={}, policies={}))


@given(amounts, st.integers(1, 60), st.integers(0, 10**6))
def test_schedule(principal: int, n: int, fee_ppm: int) -> None:
    """Equal parts, the last one with the rest; the fee on the whole principal each time."""
    found = calculated("schedule", {"principal": principal, "n": n, "fee_ppm": fee_ppm})

    assert found["principal"] == [principal // n] * (n - 1) + [principal - principal // n * (n - 1)]
    assert found["fee"] == [half_up(principal * fee_ppm, 10**6)] * n


@given(
    st.lists(amounts, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=3),
)
def test_discount_alloc(lines: list[int], shares: list[tuple[int, bool]]) -> None:
    """Promotions one after another, each over what its lines cost by then."""
    promos: list[Json] = []
    steps = []
    order: Json = {"lines": [{"qty": 1, "unit_price": line} for line in lines], "promos": promos}
    for percent, first_only in shares:
        current = payables_of(order)
        promos.append({"amount": (current[0] if first_only else sum(current)) * percent // 100})
        if first_only:
            promos[-1]["lines"] = [0]
        steps.append(payables_of(order))

    assert calculated("discount_alloc", {"lines": lines, "promos": promos}) == {"steps": steps, "payable": steps[-1]}


@given(amounts, st.integers(1, 50))
def test_unit_refund(payable: int, qty: int) -> None:
    """Differences of floors: together the whole line."""
    units = calculated("unit_refund", {"payable": payable, "qty": qty})["units"]

    assert units == [payable * (k + 1) // qty - payable * k // qty for k in range(qty)]


@given(st.lists(amounts, min_size=1, max_size=4), st.lists(amounts, max_size=5))
def test_tender_split(tenders: list[int], refunds: list[int]) -> None:
    """By what remains; too much changes nothing."""
    left, splits = list(tenders), list[Json]()
    for refund in refunds:
        if refund > sum(left):
            splits.append("REJECT_OVER_REFUND")
            continue
        splits.append(split(refund, left, "first"))
        left = [amount - part for amount, part in zip(left, splits[-1], strict=True)]

    found = calculated("tender_split", {"tenders": [{"type": "?", "amount": a} for a in tenders], "refunds": refunds})

    assert found == {"splits": splits, "remaining": left}


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=24), st.floats(0, 1))
def test_strategy_compare(outstanding: list[int], share: float) -> None:
    """Every strategy, for every amount."""
    refund = int(sum(outstanding) * share)
    found = calculated("strategy_compare", {"outstanding": outstanding, "refund": refund})

    for name in ("PROPORTIONAL", "EQUAL", "LAST_FIRST", "NEXT_FIRST"):
        wanted = reduction(name, refund, outstanding)
        assert found["reductions"][name] == wanted
        assert found["after"][name] == [u - part for u, part in zip(outstanding, wanted, strict=True)]


def test_working_days_and_dates() -> None:
    """A holiday between, a free day as the start."""
    found = calculated("sla", {"holidays": ["2026-04-06"], "items": [{"from": "2026-04-04", "business_days": 1}]})
    assert found == {"due": ["2026-04-07"]}
    instants = ["2026-04-03T16:00:00+00:00"]
    assert calculated("t_plus_1", {"holidays": ["2026-04-06"], "accepted": instants}) == {"dates": ["2026-04-07"]}


REDEMPTION = {"channels": {"PERCENT": {"fee": {"type": "PCT_FACE", "ppm": 100_000}}, "FREE": {}},
              "cooling_daily_cap_fen": 100, "first_redemption_cap_fen": 10}


@pytest.mark.parametrize(("kind", "given_", "when", "expected"), [
    ("cancel_fee", {"channel": "PERCENT", "faces": [4, 5]}, (), {"fees": [0, 1]}),
    ("cancel_fee", {"channel": "FREE", "faces": [4]}, (), {"fees": [0]}),
    ("payout", {"pairs": [[9_999, 925_000]]}, (), {"payouts": [9_249], "spread": [750]}),
    ("policy_guard", {"configs": [[950_000, 0], [950_000, None]]}, (), {"results": ["REJECT_CONFIG", "OK"]}),
    ("first_time", {}, ({"face": 11, "prior_completed": 0},), {"decisions": ["DENY_FIRST_TIME_CAP"]}),
    ("daily_cap", {}, (
        {"user": "a", "at": "2026-03-06T15:59:59Z", "face": 101},
        {"user": "a", "at": "2026-03-06T15:59:59Z", "face": 100},
        {"user": "b", "at": "2026-03-06T15:59:59Z", "face": 1}, {"user": "a", "at": "2026-03-06T16:00:00Z", "face": 1},
    ), {"decisions": ["DENY_DAILY_CAP", "ALLOW", "ALLOW", "ALLOW"]}),
])
def test_redemptions_are_judged_by_the_policies_of_the_file(
    kind: str, given_: Json, when: tuple[Json, ...], expected: Json
) -> None:
    """Not by the product's own caps and fees."""
    assert calculate(Scenario(id="X", kind=kind, given=given_, when=when, then={}, policies=REDEMPTION)) == expected


def test_a_fee_that_is_written_as_none_is_none() -> None:
    """The page's default may be said."""
    policies = {"channels": {"SELF": {"kind": "SELF", "window_s": 5, "fee": {"type": "NONE"}}}}
    asked = {"channel": "SELF", "faces": [1, 100_000]}

    scenario = Scenario(id="X", kind="cancel_fee", given=asked, when=(), then={}, policies=policies)

    assert calculate(scenario) == {"fees": [0, 0]}


@pytest.mark.parametrize("case", CALCULATED, ids=lambda case: case["id"])
def test_redemptions_beside_the_visible_ones_are_calculated(case: Json) -> None:
    """Halves, midnights, holidays, ties in the queue: what DOMAIN.md says of them."""
    scenario = Scenario(policies=load(GOLDEN / "cases.json")[0].policies, **case)

    assert not plays_alone(scenario)
    assert first_difference(scenario, calculate(scenario)) is None
