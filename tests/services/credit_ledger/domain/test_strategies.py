"""The strategies of a partial refund: parts that sum, stay
within their instalments and say who goes first (PR-1, PR-2)."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credit_ledger.domain.holds.schedule import parts
from services.credit_ledger.domain.model.terms import Strategy
from services.credit_ledger.domain.refunds.strategies import compare, overdue_first, reduce_by

GOLDEN = Path(__file__).parents[5] / "shared" / "golden" / "cases.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text())["cases"] if GOLDEN.exists() else []
OUTSTANDING = st.lists(st.integers(0, 10**6), min_size=1, max_size=24)


@st.composite
def refunds(draw: st.DrawFn) -> tuple[int, list[int]]:
    """An amount within what is outstanding."""
    outstanding = draw(OUTSTANDING)
    return draw(st.integers(0, sum(outstanding))), outstanding


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "schedule"], ids=lambda case: str(case["id"]))
def test_the_schedules_of_the_scenario_file(case: dict[str, Any]) -> None:
    """Equal parts, the last takes the rest; each fee is on the whole principal (SD-1)."""
    given_ = case["given"]

    principal, fee = parts(given_["principal"], given_["n"], given_["fee_ppm"])

    assert {"principal": list(principal), "fee": list(fee)} == case["then"]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["kind"] == "strategy_compare"], ids=lambda case: str(case["id"])
)
def test_the_strategies_of_the_scenario_file(case: dict[str, Any]) -> None:
    """Reductions and what is left, for every strategy that the case names."""
    found = compare(case["given"]["refund"], case["given"]["outstanding"])

    for name, expected in case["then"]["reductions"].items():
        assert list(found[Strategy(name)][0]) == expected
    for name, expected in case["then"]["after"].items():
        assert list(found[Strategy(name)][1]) == expected


@given(refund=refunds(), strategy=st.sampled_from(Strategy))
def test_every_strategy_places_the_whole_amount_within_what_is_outstanding(
    refund: tuple[int, list[int]], strategy: Strategy
) -> None:
    """Never a negative share, never a lost fen, never below zero."""
    amount, outstanding = refund

    shares = reduce_by(strategy, amount, outstanding)

    assert sum(shares) == amount
    assert all(0 <= share <= whole for share, whole in zip(shares, outstanding, strict=True))


@given(refund=refunds(), strategy=st.sampled_from(Strategy), data=st.data())
def test_overdue_instalments_are_cleared_before_any_other(
    refund: tuple[int, list[int]], strategy: Strategy, data: st.DataObject
) -> None:
    """Nothing falls on the others while an overdue one still owes, and the oldest overdue one goes first (RA-4)."""
    amount, outstanding = refund
    overdue = data.draw(st.lists(st.booleans(), min_size=len(outstanding), max_size=len(outstanding)))

    late, others = overdue_first(strategy, amount, outstanding, overdue)

    unpaid = [whole - part for whole, part, is_late in zip(outstanding, late, overdue, strict=True) if is_late]
    assert sum(late) + sum(others) == amount
    assert not sum(others) or not any(unpaid)
    touched = [part for part, is_late in zip(late, overdue, strict=True) if is_late]
    assert all(not touched[i + 1] or not unpaid[i] for i in range(len(touched) - 1))


def test_few_fen_over_many_instalments_give_no_negative_share() -> None:
    """EQUAL: 2 fen over three: the even share is 1, the last gets what nobody was offered."""
    assert reduce_by(Strategy.EQUAL, 2, [5, 5, 5]) == (1, 1, 0)
    assert reduce_by(Strategy.EQUAL, 1, [5, 5, 5]) == (0, 0, 1)


def test_an_even_share_above_an_instalment_is_shared_out_again() -> None:
    """EQUAL: what did not fit goes round once more."""
    assert reduce_by(Strategy.EQUAL, 10, [1, 9, 9]) == (1, 4, 5)
    assert reduce_by(Strategy.EQUAL, 19, [1, 9, 9]) == (1, 9, 9)


@given(principal=st.integers(0, 10**9), count=st.integers(1, 24), fee_ppm=st.integers(0, 10**6))
def test_a_schedule_is_its_principal(principal: int, count: int, fee_ppm: int) -> None:
    """No fen of the principal is lost or made, whatever the count (CV-4, SD-1)."""
    principals, fees = parts(principal, count, fee_ppm)

    assert sum(principals) == principal
    assert len(set(fees)) == 1
    assert abs(fees[0] * 10**6 - principal * fee_ppm) * 2 <= 10**6
