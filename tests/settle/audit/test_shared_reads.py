"""What several walks look at is read once a slice, unless it is too much to keep; a walk that fails spoils no other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from settle.audit import sealed_tables as tables
from settle.audit import shared_reads, walks
from settle.audit.findings import CREDIT, ORDER, Finding, Report, Walk
from settle.audit.folds import credit_operations
from settle.audit.shared_reads import AGREED, EVENTS, JOURNALS
from settle.audit.snapshots import World
from tests.settle.audit.breaking import Breakable
from tests.settle.audit.reading import Listening

SHARED = {
    (ORDER, "order"): (
        *(sealed.query for of, sealed in tables.WALKED if of == "order"), EVENTS, AGREED,
    ),
    (CREDIT, "account"): (credit_operations.QUERY, JOURNALS, EVENTS),
}
"""What more than one walk over a kind reads."""


@pytest.mark.parametrize("kind", SHARED)
async def test_a_slice_is_read_once(broken_filled: Breakable, kind: tuple[str, str]) -> None:
    """Events, journals, the log, the rows of orders and their agreements: once each, whatever number of walks."""
    report, heard = await _heard(broken_filled.world, kind)

    assert not report.findings
    assert {query: heard[query] for query in SHARED[kind]} == dict.fromkeys(SHARED[kind], 1)


async def test_what_is_too_much_is_not_kept(broken_filled: Breakable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each walk reads the pages for itself, and finds the same."""
    monkeypatch.setattr(shared_reads, "KEPT_ROWS_MAX", 0)

    report, heard = await _heard(broken_filled.world, (CREDIT, "account"))

    assert not report.findings
    assert heard[credit_operations.QUERY] > 1


async def test_a_walk_that_fails_spoils_no_other(broken_filled: Breakable) -> None:
    """All are asked again, each for itself: what the others find is told, and where it failed."""
    async def finds(world: World, ids: Sequence[str]) -> list[Finding]:
        return [Finding("finds", ORDER, f"orders {id_}", "1", "2") for id_ in ids if id_ == "ord_done"]

    async def fails(world: World, ids: Sequence[str]) -> list[Finding]:
        if "ord_late" in ids:
            await world[ORDER].fetchval("select 1 / 0")
        return []

    report = Report()
    asked = [Walk(find.__name__, "all is well", ORDER, "order", find) for find in (finds, fails)]

    await walks.walk_ids(broken_filled.world, asked, ["ord_done", "ord_late", "ord_never"], report)

    assert {(finding.check, finding.what) for finding in report.findings} == {
        ("finds", "orders ord_done"), ("audit.unreadable", "order ord_late")
    }
    assert report.looked == {"order": 3}


async def _heard(world: World, kind: tuple[str, str]) -> tuple[Report, Counter[str]]:
    """What all walks over all aggregates of a kind find, and how often each query was asked."""
    ears: dict[str, Any] = {name: Listening(connection) for name, connection in world.connections.items()}
    report, rows = Report(), await world[kind[0]].fetch(f"select id from {walks.IDS[kind[0]][kind[1]]} order by id")
    heard = replace(world, connections=ears)
    await walks.walk_ids(heard, walks.walks_of(*kind), [row["id"] for row in rows], report)
    return report, Counter(query for ear in ears.values() for query in ear.heard)
