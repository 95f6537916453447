"""What one settlement leaves open between the books is summed over both, whichever of them has more of such rows."""

from dataclasses import replace

import pytest

from settle.audit.clearing import CLEARING
from settle.audit.findings import CARD, CREDIT
from tests.settle.audit.breaking import Breakable
from tests.settle.audit.edits import Statement
from tests.settle.audit.planting import journal


def _posted(saga_id: str, minor: int) -> Statement:
    """A journal of a settlement that moves so much between the books."""
    return Statement(journal(
        "X.CLEARING,A.BANK", f"{minor},{-minor}", f'{saga_id},""', op="merchant_settle", saga=saga_id, root=saga_id,
    ), ())


@pytest.mark.parametrize(("credit", "card", "found"), [
    ({"saga_x": 5}, {"saga_x": -5}, {}), ({"saga_x": 5}, {"saga_x": -4}, {"saga_x": "1"}),
    ({"saga_a": 3, "saga_c": 5}, {"saga_b": 2, "saga_c": -5}, {"saga_a": "3", "saga_b": "2"}),
    ({"saga_b": 2}, {"saga_a": 1, "saga_b": -2, "saga_c": 7}, {"saga_a": "1", "saga_c": "7"}),
])
async def test_what_both_books_have_of_a_settlement_is_summed(
    broken_story: Breakable, credit: dict[str, int], card: dict[str, int], found: dict[str, str]
) -> None:
    """The rows of both are read beside each other, and none is kept: of a large engine they are millions."""
    verdict = await broken_story.broken({
        CREDIT: [_posted(*each) for each in credit.items()], CARD: [_posted(*each) for each in card.items()],
    })

    told = {finding.what.split()[0]: finding.actual for finding in verdict.findings if finding.check == CLEARING}
    assert told == found


@pytest.mark.parametrize(("phase", "ended", "found"), [
    ("DONE", "'2026-01-02'", {"saga_x"}), ("CONFIRMING", "'2026-01-02'", set()),
    ("DONE", "(select value::timestamptz from runtime_facts where name = 'manual_clock')", set()),
])
async def test_of_a_working_engine_what_a_redemption_left_open_is_told_once_it_has_ended(
    broken_story: Breakable, phase: str, ended: str, found: set[str]
) -> None:
    """Of the last minute it is not: the card book, which says that it ended, is read after the credit book."""
    working = replace(broken_story, world=replace(broken_story.world, quiet=False))
    claim = Statement(f"""
        insert into sagas (id, root, kind, definition_version, phase, decision, started_at, deadline_at, updated_at,
                           version, plan, branches)
            select 'saga_x', 'crd_1', 'customer_claim', 2, '{phase}', 'COMMIT', at, at, at, 3, '{{}}',
                   '[["credit_ledger", "ENDED", "", null]]' from (select {ended}::timestamptz at) ended
    """, ())

    verdict = await working.broken({CREDIT: [_posted("saga_x", 5)], CARD: [claim]})

    assert {each.what.split()[0] for each in verdict.findings if each.check == CLEARING} == found
