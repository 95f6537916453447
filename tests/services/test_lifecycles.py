"""Every move of every table is made by some decision: tests of the services are played once more, and watched.

That no other move is made holds of every world in memory in all tests (`tests.lifecycles`).
"""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from types import ModuleType
from typing import Any

from _pytest.mark import ParameterSet

from settle.simulation.lives import ALL
from tests.lifecycles import collected
from tests.services import seldom, test_bank_refunds
from tests.services.card_redemption import (
    test_closing,
    test_enterprise,
    test_redemptions,
    test_releasing,
    test_standing,
    test_tendering,
)
from tests.services.card_redemption import test_disputes as test_card_disputes
from tests.services.card_redemption import test_merchants as test_card_merchants
from tests.services.credit_ledger.domain import (
    test_boundaries,
    test_chargebacks,
    test_deposits,
    test_last_word,
    test_leg_adjustments,
    test_legs,
    test_manual_adjustment,
    test_participation,
    test_payout_stops,
    test_payouts,
    test_refunds,
    test_reversals,
    test_shipments,
    test_statements,
    test_strategies,
    test_undoing,
)
from tests.services.order import (
    test_bank_shares,
    test_completion,
    test_deductions,
    test_deposit_returns,
    test_disputes,
    test_merchants,
    test_price_reductions,
    test_quotes,
    test_settlements,
    test_versions,
    test_windows,
)

PLAYED: tuple[ModuleType, ...] = (
    test_bank_shares, test_completion, test_deductions, test_deposit_returns, test_disputes, test_merchants,
    test_price_reductions, test_quotes, test_settlements, test_versions, test_windows, test_chargebacks, test_deposits,
    test_last_word, test_leg_adjustments, test_legs, test_manual_adjustment, test_participation, test_refunds,
    test_reversals, test_shipments, test_statements, test_strategies, test_undoing, test_tendering, test_boundaries,
    test_bank_refunds, test_card_merchants, test_payout_stops, test_payouts, test_standing,
    test_redemptions, test_releasing, test_closing, test_card_disputes, test_enterprise,
)
BY_HISTORIES = "random histories make it, in test_histories of the credit ledger: a reversal replays what came after"
BY_TIME = "no decision makes it: its due date passes, and the table is asked on that date"
NOT_PLAYED: dict[tuple[str, str | None, str], str] = {
    ("hold", None, "RELEASED"): "random histories make it, in test_histories of the credit ledger: they hold nothing",
    ("agreement", "SETTLED_EARLY", "PAID_OFF"): BY_HISTORIES, ("agreement", "PAID_OFF", "SETTLED_EARLY"): BY_HISTORIES,
    ("instalment", "SATISFIED", "VOID"): BY_HISTORIES,
    ("instalment", "SATISFIED", "BILLED"): BY_HISTORIES, ("instalment", "BILLED", "OVERDUE"): BY_TIME,
    ("instalment", "OVERDUE", "SATISFIED"): BY_TIME, ("instalment", "OVERDUE", "VOID"): BY_TIME,
}
"""Moves that none of these makes, and who does."""


def plays() -> Iterator[Callable[[], None]]:
    """The tests of these modules that need no fixture and draw nothing at random, each with each of its parameters."""
    for module in PLAYED:
        for name, test in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("test_") and not hasattr(test, "hypothesis") and not inspect.iscoroutinefunction(test):
                yield from (partial(test, **given) for given in _parameters(test))


def _parameters(test: Any) -> Iterator[dict[str, object]]:  # Any: pytest keeps the marks in an attribute
    """What a test is called with, time after time; nothing for one that also takes a fixture."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    choices = []
    for names, values, *_ in (mark.args for mark in marks):
        named = names.replace(" ", "").split(",") if isinstance(names, str) else list(names)
        rows = [value.values if isinstance(value, ParameterSet) else value for value in values]
        choices.append([dict(zip(named, row if len(named) > 1 else (row,), strict=True)) for row in rows])
    for chosen in product(*choices):
        given = {name: value for each in chosen for name, value in each.items()}
        if set(given) == set(inspect.signature(test).parameters):
            yield given


def test_every_move_is_made_by_a_test() -> None:
    """A move that nobody makes is no move: it leaves the table, or is listed with who makes it."""
    with collected() as seen:
        for play in plays():
            play()
        for story in seldom.STORIES:
            story()

    written = {(life.name, before, after) for life in ALL for before, after in life.moves}
    unseen = {(name, before and before.value, after.value) for name, before, after in written - seen}
    assert sorted(map(str, unseen - set(NOT_PLAYED))) == []
    assert unseen >= set(NOT_PLAYED)
