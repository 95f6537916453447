"""Disputes in every state, by the real rules and SQL: the auditor finds nothing, and every edit of their rows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from settle.audit import auditor, telling
from settle.audit.findings import CARD
from tests.settle.audit.breaking import Breakable, breakable
from tests.settle.audit.disputing import dispute
from tests.settle.audit.edits import Statement
from tests.settle.audit.house import House, house
from tests.settle.audit.scratch import server

NOW = datetime(2026, 3, 6, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
async def disputed() -> AsyncIterator[House]:
    """Told once; the tests only look."""
    with server() as dsn:
        async with house(dsn, "disputed", NOW) as world:
            await dispute(world)
            yield world


@pytest.fixture(scope="module")
async def broken(disputed: House) -> AsyncIterator[Breakable]:
    """The same, to be broken."""
    async with breakable(disputed.dsns) as opened:
        yield opened


async def test_what_was_decided_is_clean(disputed: House) -> None:
    """Cases, redemptions, both books: everything fits, and every kind of state is there."""
    report = await auditor.audit(disputed.dsns, wait_seconds=0, strict=True)

    assert report.clean, telling.as_text(report)
    states = await disputed.connections[CARD].fetch("select distinct state from disputes order by state")
    assert [row["state"] for row in states] == ["ESCALATED_12315", "EXECUTED", "OPEN"]


@pytest.mark.parametrize(("edit", "check"), [
    ("update disputes set granted_minor = granted_minor + 1 where remedy = 'ADJUSTMENT'", "disputes.history"),
    ("update disputes set handler = '' where state = 'ESCALATED_12315'", "states.disputes"),
    ("update disputes set vip = 0", "disputes.history"), ("update disputes set reason = 'other'", "disputes.history"),
    ("delete from timers where kind = 'dispute_sla'", "states.disputes"), ("update disputes set rank = 0", "seals"),
    ("update disputes set deciders = '[\"clerk\"]' where remedy <> 'NONE'", "disputes.four_eyes"),
    ("delete from journals where op = 'manual_adjust'", "disputes.outcome"),
    ("update redemption_orders set adjusted_minor = adjusted_minor + 1 where adjusted_minor > 0", "disputes.adjusted"),
    ("update redeemers set cases = (select json_agg(redemption_id) from disputes)", "disputes.outcome"),
    ("delete from disputes where state = 'OPEN'", "disputes.history"),
    ("update disputes set papers = '[]'", "disputes.history"),
])
async def test_an_edit_is_found(broken: Breakable, edit: str, check: str) -> None:
    """Whatever of a case is changed past the engine, somebody says so."""
    verdict = await broken.broken({CARD: [Statement(edit, ())]})

    assert check in verdict.checks, verdict
