"""Every refunded fen explains itself: the steps compute to the same numbers, in two languages (U2)."""

import pytest

from services.credit_ledger.domain.model.effects import CreditEffect, Step
from tests.services.credit_ledger.domain import recomputing
from tests.services.credit_ledger.domain.random_cases import POLICIES, random_case
from tests.services.credit_ledger.domain.scenario_player import ScenarioPlayer
from tests.services.credit_ledger.domain.test_scenarios import CASES


def effects_of(player: ScenarioPlayer) -> list[CreditEffect]:
    """All effects that a case answered."""
    found: list[CreditEffect] = []
    player.listen = found.append
    player.play()
    return found


def explain(effect: CreditEffect) -> None:
    """The chain of one effect: it computes again, and its links make the credit share."""
    by_rule: dict[str, int] = {}
    for step in effect.steps:
        assert recomputing.holds(step), step
        words = recomputing.words(step)
        assert any("一" <= letter <= "鿿" for letter in words.zh)
        assert words.en.isascii()
        by_rule[step.rule] = by_rule.get(step.rule, 0) + step.amount_minor
    principal = sum(by_rule.get(rule, 0) for rule in ("RA-3", "RA-4", "PR-1", "PR-2"))
    surplus = by_rule.get("RA-5", 0)
    assert principal == effect.principal_refunded_minor
    assert effect.moved.credit_minor == principal + by_rule.get("P25", 0) + surplus - effect.fee_back_minor
    assert surplus == sum(by_rule.get(rule, 0) for rule in ("RA-5(1)", "RA-5(2)", "RA-5(3)", "RA-5(4)", "RA-6"))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_scenarios_explain_themselves(case: dict[str, object]) -> None:
    """On every visible case."""
    for effect in effects_of(ScenarioPlayer(case, POLICIES)):
        if effect.op in ("refund", "refund_confirm", "manual_adjust"):
            explain(effect)


def test_random_scenarios_explain_themselves() -> None:
    """On mixtures that no scenario shows."""
    told = 0
    for seed in range(150):
        for effect in effects_of(ScenarioPlayer(random_case(seed), POLICIES)):
            if effect.op in ("refund", "refund_confirm", "manual_adjust"):
                explain(effect)
                told += 1
    assert told > 100


def test_a_forged_step_does_not_hold() -> None:
    """A fen more, or a fen moved from one instalment to the next, is found."""
    honest = Step(
        rule="PR-1", formula="PROPORTIONAL", amount_minor=10, inputs=(10,), numbers=(1, 2, 3), weights=(5, 5, 5),
        amounts=(3, 3, 4),
    )
    more = Step(
        rule="PR-1", formula="PROPORTIONAL", amount_minor=11, inputs=(10,), numbers=(1, 2, 3), weights=(5, 5, 5),
        amounts=(3, 3, 5),
    )
    moved = Step(
        rule="PR-1", formula="PROPORTIONAL", amount_minor=10, inputs=(10,), numbers=(1, 2, 3), weights=(5, 5, 5),
        amounts=(4, 3, 3),
    )

    assert [recomputing.holds(step) for step in (honest, more, moved)] == [True, False, False]


def test_a_step_in_words() -> None:
    """The rule's sentence with the numbers of this refund."""
    step = Step(
        rule="RA-4", formula="in_order", amount_minor=33_333, inputs=(50_000,), numbers=(1, 2),
        weights=(33_333, 33_333), amounts=(33_333, 0),
    )

    words = recomputing.words(step)

    assert words.zh == "先冲抵逾期第 1 期本金 333.33 元"
    assert words.en == "overdue instalments 1 come first: 333.33 of principal is cleared"
