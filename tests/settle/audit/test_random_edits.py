"""Every random edit of a row that changes what it means is found; what means nothing is listed, each with its reason.

SETTLE_EDITS says how many edits are tried (the check tries 500, a full run 10,000), SETTLE_EDITS_SEED which.
"""

from random import Random

import pytest

from tests.settle.audit.breaking import Breakable
from tests.settle.audit.edits import Place
from tests.settle.audit.meaningless import GAPS, TABLE, Meaningless, reason_of
from tests.settle.audit.random_edits import SEED, Tried, pairs, tried

pytestmark = pytest.mark.timeout(3600)  # a full run takes many minutes
TRIES_MAX = 240
"""So often an edit of a row of the table is tried that nobody notices."""


async def test_the_filled_engine_is_clean(broken_filled: Breakable) -> None:
    """What the edits are compared with: no check finds anything, whatever was touched."""
    verdict = await broken_filled.asked_all()

    assert not verdict.failed
    assert not verdict.findings, "\n".join(map(str, verdict.findings))


async def test_no_edit_makes_the_auditor_fail(edited: list[Tried]) -> None:
    """What cannot be read is a finding."""
    failed = [f"{each.edit}: {each.verdict.failed}" for each in edited if each.verdict.failed]

    assert not failed, "\n".join(failed)


async def test_edits_that_change_meaning_are_found(edited: list[Tried]) -> None:
    """Single values, rows that go or come twice, and values that change places, in all tables."""
    missed = [str(each.edit) for each in edited if not each.verdict.findings and not reason_of(each.edit)]

    assert not missed, f"{len(missed)} of {len(edited)}:\n" + "\n".join(missed)


async def test_what_is_taken_back_leaves_nothing(broken_filled: Breakable, edited: list[Tried]) -> None:
    """However many edits were tried, the transactions that stay open hold no locks of them: they are thousands."""
    for service, connection in broken_filled.world.connections.items():
        held = await connection.fetchval(
            "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'transactionid'"
        )
        assert held < len(edited) / 10, f"{service} holds {held} after {len(edited)} edits"


@pytest.mark.parametrize("row", [*TABLE, *GAPS], ids=lambda row: f"{row.service} {row.place} {row.way}")
async def test_a_row_of_the_table_is_needed(
    broken_filled: Breakable, filled_places: list[Place], row: Meaningless
) -> None:
    """An edit of its kind is missed; a gap that was closed is no row any more."""
    random = Random(SEED)
    covered = [pair for pair in pairs(filled_places, random) if row.may_cover(*pair)]
    assert covered, "there is nothing that it could be about"

    for _ in range(TRIES_MAX):
        each = await tried(broken_filled, *random.choice(covered), random)
        if each is not None and not each.verdict.findings and row.covers(each.edit):
            return
    pytest.fail(f"in {TRIES_MAX} tries every edit was found")
