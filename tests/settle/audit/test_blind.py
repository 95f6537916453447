"""What no sum shows is found, and its row is named: 55 corruptions of the story, and others of the filled engine."""

import pytest

from tests.settle.audit import blind, blind_more, blind_redemptions
from tests.settle.audit.blind_sql import Blind, changes
from tests.settle.audit.breaking import Breakable


@pytest.mark.parametrize("planted", blind.BLIND, ids=lambda planted: planted.does)
async def test_a_corruption_of_the_story_is_found_and_located(broken_story: Breakable, planted: Blind) -> None:
    """Of 65 of these the auditor found 12, for it checked sums (findings: proto_blind)."""
    await _found_and_located(broken_story, planted)


@pytest.mark.parametrize("planted", blind_more.BLIND, ids=lambda planted: planted.does)
async def test_a_corruption_of_the_filled_engine_is_found_and_located(
    broken_filled: Breakable, planted: Blind
) -> None:
    """Swaps, whole aggregates that vanish, edits that agree in two tables, and the tables that hold no money."""
    await _found_and_located(broken_filled, planted)


@pytest.mark.parametrize("planted", blind_redemptions.BLIND, ids=lambda planted: planted.does)
async def test_a_corruption_of_what_is_recycled_is_found_and_located(
    broken_filled: Breakable, planted: Blind
) -> None:
    """Rows, journals, settlements, timers and counts of redemptions, and the codes of cards."""
    await _found_and_located(broken_filled, planted)


async def _found_and_located(broken: Breakable, planted: Blind) -> None:
    verdict = await broken.broken(changes(planted))

    said = "\n".join(map(str, verdict.findings))
    assert not verdict.failed
    assert verdict.findings, f"nobody noticed: {planted.does}"
    assert any(planted.named in finding.what for finding in verdict.findings), said
    assert set(planted.checks) <= verdict.checks, said
