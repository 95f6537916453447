"""What one settlement leaves open between the books is summed over both, whichever of them has more of such rows."""

import pytest

from settle.audit.clearing import CLEARING
from settle.audit.findings import CARD, CREDIT
from tests.settle.audit.breaking import Breakable
from tests.settle.audit.edits import Statement
from tests.settle.audit.violations import journal


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
