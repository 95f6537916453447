"""The auditor's own mutation test: without any one of its checks, at least one edit would not be noticed.

It has two layers. Queries are asked of everything; walks look at what changed, by the engine's own rules. Each is to
hold without the other, and without what is only asked of a quiet engine: so an edit that one check alone finds in one
of these ways proves that it is needed. Whoever has the key, as the engine itself has, makes seals that fit: so each is
to hold without them, too. It is looked for among the planted violations, the blind corruptions and the
random edits, and at last among edits of the tables that the check reads.
"""

from collections.abc import AsyncIterator
from random import Random

import pytest

from settle.audit import auditor, seals, walks
from tests.settle.audit import blind, blind_more, blind_redemptions
from tests.settle.audit.blind_sql import changes
from tests.settle.audit.breaking import Breakable, Verdict
from tests.settle.audit.edits import Place, Statement
from tests.settle.audit.random_edits import Tried, pairs, tried
from tests.settle.audit.reading import Relation
from tests.settle.audit.violations import PLANTED

TRIES_MAX = 160
"""So many edits of what a check reads are tried in search of one that nobody else finds."""

_QUIET = frozenset(check.id for check in auditor.QUIET_CHECKS)

_SEALS = frozenset(check.id for check in seals.CHECKS) | set(seals.SAYS)
_WALKS = frozenset(walk.id for walk in walks.WALKS)
_ALARM = "one sum of everything: how much is missing, where others tell only what differs (BK-1, BK-3 to BK-5)"
_RULE = "the rule as it is promised, by its name; a sum that others compare shows it only by the way"
_PEOPLE = "what people wait for or have to see, told as that"
_OTHERWISE = "the fold decides by the engine's own code, and would repeat its faults; this compares journals and rows"

STAYS: dict[str, str] = {
    **dict.fromkeys((
        "journals.balance", "journals.shape", "books.zero", "agreements.deposits", "clearing.zero",
    ), _ALARM),
    **dict.fromkeys((
        "accounts.known", "rails.deposits", "suspense.zero", "cards.refunds", "cards.claims", "cards.held",
        "merchants.covered", "merchants.claims", "merchants.clawed_back", "sagas.decision", "sagas.moved_cards",
        "joins.agreements", "joins.card_tenders", "cards.claimed",
        "states.merchant_settlements", "sagas.traceless", "orders.owes_nothing",
        "orders.refunded_whole",
        "orders.card_tenders", "orders.card_returned", "unfinished.verdict", "disputes.outcome", "disputes.adjusted",
        "disputes.four_eyes", "states.disputes",
    ), _RULE),
    "joins.requests": "events from before they named their cause; once those are 30 days old it may go",
    **dict.fromkeys((
        "unfinished.frozen", "unfinished.sagas", "unfinished.notices", "states.sagas", "states.claims",
    ), _PEOPLE),
    **dict.fromkeys((
        "provenance.journals", "provenance.events", "provenance.legs", "provenance.paid",
        "provenance.statement_lines", "provenance.shares", "provenance.card_shares", "provenance.cards",
    ), _OTHERWISE),
    "chains.of_orders": "folds read an order's events by the rules of today; the chain holds them whatever they say",
    "chains.of_cards": "folds read a card's events by the rules of today; the chain holds them whatever they say",
    "record.cards": "an attempt that is taken out before it is sealed, or with all that came after it: no chain tells",
}
"""Checks whose every edit is found by others of their layer too, each with the reason why it stays."""


def _promised() -> list[str]:
    return [
        *dict.fromkeys(check.id for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS)), *auditor.CROSS_CHECKS,
        *dict.fromkeys(walk.id for walk in walks.WALKS),
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


def _alone(verdict: Verdict) -> set[str]:
    """The checks without which nobody would notice: altogether, of a layer, or while the engine runs."""
    found = verdict.checks
    without = found - _SEALS
    ways = (
        found, without, without - _QUIET, without - _WALKS, without - _WALKS - _QUIET, without & _WALKS, found & _SEALS,
    )
    return {check for way in ways if len(way) == 1 for check in way}


async def _verdicts(story: Breakable, filled: Breakable) -> AsyncIterator[tuple[str, Verdict]]:
    for planted in PLANTED:
        yield planted.sql, await story.broken({planted.service: [Statement(planted.sql, ())]})
    for broken, cases in ((story, blind.BLIND), (filled, (*blind_more.BLIND, *blind_redemptions.BLIND))):
        for case in cases:
            yield case.does, await broken.broken(changes(case))


@pytest.mark.parametrize("check", _promised())
async def test_without_a_check_something_is_missed(
    check: str, alone: dict[str, str], broken_filled: Breakable, filled_places: list[Place]
) -> None:
    """A check for which no edit is found only by it is one too many, or has a reason of its own."""
    only = alone.get(check) or (check not in STAYS and await _searched(check, broken_filled, filled_places))

    assert only or check in STAYS, "whatever it finds is found by others too"


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
