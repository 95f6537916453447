"""The auditor's own mutation test: without any one of its checks, at least one edit would not be noticed.

An edit that only one check finds proves that it is needed. It is looked for among the planted violations, the blind
corruptions and the random edits, and at last among edits of the tables that the check reads.
"""

import os
from collections.abc import AsyncIterator
from random import Random

import pytest

from settle.audit import auditor, walks
from tests.settle.audit import blind, blind_more
from tests.settle.audit.blind_sql import changes
from tests.settle.audit.breaking import Breakable, Verdict
from tests.settle.audit.edits import Place, Statement
from tests.settle.audit.random_edits import pairs, random_edits, tried
from tests.settle.audit.reading import Relation
from tests.settle.audit.violations import PLANTED

EDITS = int(os.environ.get("SETTLE_EDITS", "200"))
TRIES_MAX = 150
"""So many edits of what a check reads are tried in search of one that nobody else finds."""

STAYS: dict[str, str] = {}
"""Checks whose every edit is found by others too, each with the reason why it stays."""


def _promised() -> list[str]:
    return [
        *dict.fromkeys(check.id for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)), *auditor.CROSS_CHECKS,
        *(walk.id for walk in walks.WALKS),
    ]


@pytest.fixture(scope="module")
async def alone(
    broken_story: Breakable, broken_filled: Breakable, filled_places: list[Place]
) -> dict[str, str]:
    """The checks that alone find something, each with what that is."""
    found: dict[str, str] = {}
    async for what, verdict in _verdicts(broken_story, broken_filled, filled_places):
        if len(verdict.checks) == 1:
            found.setdefault(next(iter(verdict.checks)), what)
    return found


async def _verdicts(
    story: Breakable, filled: Breakable, places: list[Place]
) -> AsyncIterator[tuple[str, Verdict]]:
    for planted in PLANTED:
        yield planted.sql, await story.broken({planted.service: [Statement(planted.sql, ())]})
    for broken, cases in ((story, blind.BLIND), (filled, blind_more.BLIND)):
        for case in cases:
            yield case.does, await broken.broken(changes(case))
    async for each in random_edits(filled, places, EDITS, seed=1):
        yield str(each.edit), each.verdict


@pytest.mark.parametrize("check", _promised())
async def test_without_a_check_something_is_missed(
    check: str, alone: dict[str, str], broken_filled: Breakable, filled_places: list[Place]
) -> None:
    """A check for which no edit is found only by it is one too many, or has a reason of its own."""
    only = alone.get(check) or await _searched(check, broken_filled, filled_places)

    assert bool(only) != (check in STAYS), only or "whatever it finds is found by others too"


async def _searched(check: str, broken: Breakable, places: list[Place]) -> str:
    random = Random(7)
    mine = [pair for pair in pairs(places, random) if _read(broken, check, pair[0])]
    for place, way in mine[:TRIES_MAX]:
        each = await tried(broken, place, way, random)
        if each is not None and each.verdict.checks == {check}:
            return str(each.edit)
    return ""


def _read(broken: Breakable, check: str, place: Place) -> bool:
    table = Relation(place.table.service, place.table.name)
    return any(asked.id == check and table in asked.reads for asked in broken.asked)


def test_the_table_of_those_that_stay_is_about_checks() -> None:
    """No row of it is left of a check that is gone."""
    assert set(STAYS) <= set(_promised())
