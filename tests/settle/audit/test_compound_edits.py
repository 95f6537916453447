"""What a cunning hand does to the filled engine is found like single edits: sums that stay, rows that change places.

SETTLE_EDITS says how many of them are tried (a tenth), SETTLE_EDITS_SEED which.
"""

from random import Random

import pytest

from tests.settle.audit.breaking import Breakable, RefusedByDatabaseError
from tests.settle.audit.compound_edits import ALL_GONE, ways
from tests.settle.audit.edits import Edit, Place
from tests.settle.audit.meaningless import Meaningless, reason_of
from tests.settle.audit.random_edits import EDITS, SEED

pytestmark = pytest.mark.timeout(3600)  # a full run takes many minutes
TRIED = EDITS // 10
BESIDE = (
    Meaningless("*", "parked.*", ALL_GONE, "records that nobody decided: nothing else knows that they came"),
    Meaningless("*", "inbox.*", ALL_GONE, "answers to what changed nothing: their repeat is decided anew"),
    Meaningless("*", "merchant_shares.id", "*", "a share of which nothing is owed is made again when it is needed"),
    Meaningless("order", "refund_days.*", ALL_GONE, "days of a limit: money is as safe without; the mark tells them"),
    Meaningless("*", "*_at", "in the other case", "the same instant"),
    Meaningless("card_redemption", "channels.proposal.*", "*", "a gap: a proposal that waits has no seal"),
)
"""Beside what carries no meaning in single edits."""


async def test_what_keeps_sums_or_looks_the_same_is_found(
    broken_filled: Breakable, filled_places: list[Place]
) -> None:
    """And none of it makes the auditor fail, however long a name, however large a number."""
    random, left = Random(SEED), TRIED
    found = ways(filled_places)
    random.shuffle(found)
    missed, failed = list[Edit](), list[str]()
    for way in found:
        edit = way.make(random) if left else None
        if edit is None:
            continue
        try:
            verdict = await broken_filled.broken({edit.service: edit.statements}, edit.rows)
        except RefusedByDatabaseError:
            continue
        left -= 1
        failed += [f"{edit}: {verdict.failed}"] if verdict.failed else []
        missed += [edit] if not verdict.findings and not verdict.failed and not _reason_of(edit) else []

    assert not failed, "\n".join(failed)
    assert not missed, "\n".join(map(str, missed))


def _reason_of(edit: Edit) -> str:
    return reason_of(edit) or next((row.reason for row in BESIDE if row.covers(edit)), "")
