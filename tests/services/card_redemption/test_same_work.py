"""A denied submission on a real database: the same statements in the same order, whatever its code is (RD-20)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.channels.commands import ApproveChannelPolicy, ProposeChannelPolicy
from services.card_redemption.domain.codes import CardCode
from services.card_redemption.domain.redemption.commands import ConfirmRedemption
from services.card_redemption.domain.redemption.drafts import DWELL_MIN, Draft
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.timers import RESUBMITTED
from services.card_redemption.store import TABLES
from services.kernel.messages import Message, TimerDue
from services.runtime.ground.writing import write
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.redeeming import CARD, SELF, Redeeming

SHOWN = replace(SELF, version=0, name_zh="自营")
KEPT = (GiftCard, CardCode, RedemptionOrder)


def _idle(world: Redeeming) -> None:
    """Another's, and he redeems nothing."""


def _active(world: Redeeming) -> None:
    world.submitted()


def _used(world: Redeeming) -> None:
    world.submitted()
    world.verify()


async def _there(cards: CardLedger, happens: Callable[[Redeeming], None]) -> Redeeming:
    """A card as it is after that, and the channel."""
    world, saves = Redeeming(), {table.kind: table.save for table in TABLES}
    happens(world)
    for kind in KEPT:
        rows = [row for row in world.rows.values() if isinstance(row, kind)]
        if rows:
            await write(cards.connection, *saves[kind](rows, {}))
    await cards.run(Message("propose", SHOWN.channel, ProposeChannelPolicy(SHOWN, "ann")))
    await cards.run(Message("approve", SHOWN.channel, ApproveChannelPolicy(SHOWN.channel, 1, "bob")))
    return world


async def _denied(cards: CardLedger, draft: Draft) -> list[str]:
    """What PostgreSQL is asked when a stranger confirms it."""
    said = list[str]()
    with cards.connection.query_logger(lambda record: said.append(record.query)):
        await cards.run(Message(f"confirm-{draft.nonce}", draft.card_id, ConfirmRedemption(draft)))
        await asyncio.sleep(0)  # the last one is told in its turn
    return said


@pytest.mark.parametrize("happens", [_idle, _active, _used])
async def test_a_stranger_is_answered_after_the_same_statements(
    cards: CardLedger, happens: Callable[[Redeeming], None]
) -> None:
    """As for a code that nobody has; what is opened is opened by the timer."""
    world = await _there(cards, happens)
    prepared_at = cards.clock.at - DWELL_MIN
    stranger = world.draft(SELF, "n-1", customer_id="cus_2", account_id="acc_2", prepared_at=prepared_at)
    unknown = replace(stranger, nonce="n-2", card_id="crd_0", blind_index="nobodys")
    told = {draft.nonce: await _denied(cards, draft) for draft in (unknown, stranger)}

    assert told["n-1"] == told["n-2"]
    assert len(told["n-1"]) >= 3
    reasons = await cards.connection.fetch("select reason, outcome from attempts where kind = 'CONFIRM_REDEMPTION'")
    assert [tuple(row) for row in reasons] == [("CODE_REJECTED", "DENIED")] * 2
    rows = await cards.connection.fetch("select key, root from timers where kind = $1 order by root", RESUBMITTED)
    assert [row["root"] for row in rows] == ["crd_0", CARD.id]
    assert await cards.connection.fetchval("select count(*) from freeze_cases") == 0
    for row in rows:
        await cards.run(Message("", row["root"], TimerDue(RESUBMITTED, row["key"], cards.clock.at), row["key"]))
    opened = await cards.connection.fetch("select submitted_by, card_id from freeze_cases")
    assert [tuple(row) for row in opened] == [("cus_2", CARD.id)] * (happens is _active)
