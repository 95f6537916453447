"""The timers of cards and of redemptions with promised days, as the auditor sees them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.card_redemption.domain.cards.closing import SWEEP
from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.redemption.timers import SLA
from settle.audit.findings import CARD
from tests.settle.audit.breaking import Breakable, breakable
from tests.settle.audit.edits import Statement
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import house
from tests.settle.audit.recycled import FLAT, Recycled

PROMISED = replace(FLAT, channel="PROMISED", sla_working_days=5)


@pytest.fixture(scope="module")
async def promised(shared_dsn: str) -> AsyncIterator[Breakable]:
    """A redemption that is under way in a channel that says how long that may take (A22)."""
    async with house(shared_dsn, "promised", BEGIN) as world:
        await world.ask(CARD, PROMISED.channel, ProposeChannelPolicy(PROMISED, "ann"))
        await world.ask(CARD, PROMISED.channel, ApproveChannelPolicy(PROMISED.channel, 1, "bob"))
        await Recycled(world, "far", PROMISED).submitted()
        async with breakable(world.dsns) as opened:
            yield opened


async def test_what_looks_after_the_promised_days_is_neither_missed_nor_idle(promised: Breakable) -> None:
    """It is a timer of its redemption like any other."""
    assert not (await promised.asked_all()).checks


async def test_what_looks_after_the_promised_days_is_missed_where_it_is_gone(promised: Breakable) -> None:
    """Nobody would hear that they are over."""
    verdict = await promised.broken({CARD: [Statement(f"delete from timers where kind = '{SLA}'", ())]})

    assert "states.redemptions" in verdict.checks


async def test_a_card_may_have_its_timer(promised: Breakable) -> None:
    """What came back to it is looked at again (PM-3)."""
    swept = f"insert into timers select '{SWEEP}', id, id, 0, now() from gift_cards"

    assert "states.timers" not in (await promised.broken({CARD: [Statement(swept, ())]})).checks
