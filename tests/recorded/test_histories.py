"""Sagas are decided today as they were: a run that began before a change ends as if there had been none.

Whoever changes a kind of settlement raises its version and keeps the definition of before, so its histories stay as
they are, and `python -m tests.recorded histories` adds those of the new one. A change of the kernel that is meant to
decide some of them otherwise names them in `CHANGED`, and says in its commit what becomes of runs that are under way.
"""

from collections import Counter
from collections.abc import Mapping

import pytest

from services.kernel.saga import Phase
from services.order.sagas import DEFINITIONS
from tests.recorded.histories import History, decided_again, definition_of, recorded

CHANGED: Mapping[str, str] = {}
"""By the name of a history, the version that decides it otherwise."""
RECORDED = recorded()


@pytest.mark.parametrize("history", RECORDED, ids=lambda history: history.name)
def test_a_history_is_decided_again_as_it_was(history: History) -> None:
    """Phase by phase, with every command, body, timer and deadline."""
    definition = definition_of(history)
    assert definition is not None, f"{history.kind} version {history.version} is gone, and runs of it may live"

    today = decided_again(history, definition)

    assert (today == history.decided) is (history.name not in CHANGED), CHANGED.get(history.name, "")


def test_there_are_enough_of_all_that_can_happen() -> None:
    """At least 200, of every definition that there is, through every phase, ended both ways."""
    phases = Counter(decided.split()[0] for history in RECORDED for decided in history.decided)
    ends = Counter((history.kind, history.decided[-1].split()[0]) for history in RECORDED)

    assert len(RECORDED) >= 200
    assert {(history.kind, history.version) for history in RECORDED} == {(d.kind, d.version) for d in DEFINITIONS}
    assert set(phases) == set(Phase)
    for kind in DEFINITIONS.kinds:
        assert ends[kind, "DONE"] > 0
        assert ends[kind, "ABORTED"] > 0


def test_what_is_changed_is_recorded() -> None:
    """A name that no history has would hide one."""
    assert CHANGED.keys() <= {history.name for history in RECORDED}
