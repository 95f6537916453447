"""Whatever happens between the beginning of a saga and its last answer, that answer ends it: nothing waits for ever."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.card_redemption.domain.redemption.plans import Kind
from services.card_redemption.sagas import DEFINITIONS
from services.kernel.saga import Run
from tests.lifecycles import is_sound
from tests.services.card_redemption.redeeming import Redeeming
from tests.services.card_redemption.saga_beginnings import BEGINNINGS, HAPPENINGS

ENDS = ("done", "refused", "not stopped")
DAY = timedelta(days=1)


def begun(name: str) -> tuple[Redeeming, Run]:
    """The world in which a saga of this kind is under way, and that saga."""
    kind, begin = BEGINNINGS[name]
    made = begin()
    (run,) = (row for row in made.rows.values() if isinstance(row, Run) and not row.terminal)
    assert run.kind == kind
    return made, run


def flaws(name: str, happened: list[str], end: str) -> str:
    """What is wrong once all of that happened, and everybody answered; "" if nothing is."""
    made, run = begun(name)
    for each in happened:
        HAPPENINGS[each](made)
    made.ledger.stops, made.ledger.refuses = end != "not stopped", "ACCOUNT_NOT_ACTIVE" if end == "refused" else ""
    made.settle_down()
    if not made.row(Run, run.id).terminal:
        return f"{name}, {happened}, {end}: {made.row(Run, run.id).phase}"
    made.ledger.refuses = ""
    made.turn(DAY)
    made.settle_down()
    is_sound(made)
    left = {sub: amount for (account, sub), amount in made.both().items() if account == "X.CLEARING"}
    return f"{name}, {happened}, {end}: {left} is left between the books" if left else ""


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_saga_ends_whatever_happens_meanwhile(name: str, end: str) -> None:
    """One thing, each of them once (BK-5)."""
    assert [flaw for each in HAPPENINGS if (flaw := flaws(name, [each], end))] == []


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(sorted(BEGINNINGS)), end=st.sampled_from(ENDS),
    happened=st.lists(st.sampled_from(sorted(HAPPENINGS)), min_size=2, max_size=5),
)
def test_a_saga_ends_whatever_happens_one_after_another(name: str, happened: list[str], end: str) -> None:
    """Several things, in any order."""
    assert flaws(name, happened, end) == ""


def test_every_kind_of_saga_is_ended() -> None:
    """Whoever adds one adds how it begins."""
    assert {kind for kind, _ in BEGINNINGS.values()} == {*Kind, "card_close"} == {*DEFINITIONS.kinds}
