"""The diagrams of states are those of the tables, and the tables are of one piece."""

from typing import Any

import pytest

from services.kernel.lifecycle import Lifecycle
from services.kernel.saga_life import DEADLINE_SECONDS_MAX, RESEND_SECONDS_MAX
from services.order.sagas import DEFINITIONS
from tests.architecture.diagrams import DOCUMENT, SERVICES, drawn

LIVES = [life for _, lives in SERVICES for life in lives]
NEVER_STORED = {("refund of an order", "FAILED")}
"""States that are only told."""


def test_the_diagrams_are_those_of_the_tables() -> None:
    """Whoever changes a table draws it again: `python -m tests.architecture.diagrams`."""
    assert DOCUMENT.read_text() == drawn()


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
def test_every_state_can_be_reached(life: Lifecycle[Any]) -> None:  # Any: of every kind of rows
    """From a beginning, move by move; a state of which that is not true stands in no table, or is never stored."""
    reached: set[object] = set(life.begins)
    for _ in life.states:
        reached |= {after for before, after in life.moves if before in reached}

    assert {(life.name, state.value) for state in set(life.states) - reached} <= NEVER_STORED
    assert set(life.woken) <= set(life.states)


def test_no_saga_pauses_or_tries_longer_than_its_table_says() -> None:
    """The bounds of the timers of sagas are those of all definitions, also of earlier ones."""
    for definition in DEFINITIONS:
        assert definition.resend_seconds_max <= RESEND_SECONDS_MAX
        assert definition.deadline_seconds <= DEADLINE_SECONDS_MAX
