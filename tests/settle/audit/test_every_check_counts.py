"""The auditor's own mutation test: without any one of its checks, at least one edit would not be noticed.

An edit that only one check finds proves that it is needed. It is looked for among the planted violations, the blind
corruptions and the random edits, and at last among edits of the tables that the check reads.
"""

from collections.abc import AsyncIterator
from random import Random

import pytest

from settle.audit import auditor, walks
from tests.settle.audit import blind, blind_more
from tests.settle.audit.blind_sql import changes
from tests.settle.audit.breaking import Breakable, Verdict
from tests.settle.audit.edits import Place, Statement
from tests.settle.audit.random_edits import Tried, pairs, tried
from tests.settle.audit.reading import Relation
from tests.settle.audit.violations import PLANTED

TRIES_MAX = 40
"""So many edits of what a check reads are tried in search of one that nobody else finds."""

_QUIET = frozenset(check.id for check in auditor.QUIET_CHECKS)

STAYS: dict[str, str] = {}
"""Checks whose every edit is found by others too, each with the reason why it stays."""


def _promised() -> list[str]:
    return [
        *dict.fromkeys(check.id for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)), *auditor.CROSS_CHECKS,
        *(walk.id for walk in walks.WALKS),
    ]


@pytest.fixture(scope="module")
async def alone(
    broken_story: Breakable, broken_filled: Breakable, edited: list[Tried]
) -> dict[str, str]:
    """The checks that alone find something, each with what that is."""
    found: dict[str, str] = {}
    async for what, verdict in _verdicts(broken_story, broken_filled):
        found.update(dict.fromkeys(_alone(verdict), what))
    for each in edited:
        found.update(dict.fromkeys(_alone(each.verdict), str(each.edit)))
    return found


def _alone(verdict: Verdict) -> frozenset[str]:
    """The check without which nobody would notice: while the engine runs, what is only asked of a quiet one is not."""
    asked_always = verdict.checks - _QUIET
    return asked_always if len(asked_always) == 1 else verdict.checks if len(verdict.checks) == 1 else frozenset()


async def _verdicts(story: Breakable, filled: Breakable) -> AsyncIterator[tuple[str, Verdict]]:
    for planted in PLANTED:
        yield planted.sql, await story.broken({planted.service: [Statement(planted.sql, ())]})
    for broken, cases in ((story, blind.BLIND), (filled, blind_more.BLIND)):
        for case in cases:
            yield case.does, await broken.broken(changes(case))


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
        if each is not None and check in _alone(each.verdict):
            return str(each.edit)
    return ""


def _read(broken: Breakable, check: str, place: Place) -> bool:
    table = Relation(place.table.service, place.table.name)
    return any(asked.id == check and table in asked.reads for asked in broken.asked)


def test_the_table_of_those_that_stay_is_about_checks() -> None:
    """No row of it is left of a check that is gone."""
    assert set(STAYS) <= set(_promised())
