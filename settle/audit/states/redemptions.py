"""Redemptions: each is as its state allows, and what waits is woken (DOMAIN 2.8)."""

from collections.abc import Sequence

from services.card_redemption.domain.redemption.lifecycle import REDEMPTION
from services.card_redemption.domain.redemption.timers import ALL
from settle.audit.findings import CARD, Finding, Walk
from settle.audit.folds.redemption_rows import OF_CARDS, order_of
from settle.audit.shared_reads import rows
from settle.audit.snapshots import World
from settle.audit.states import timers
from settle.audit.states.orders import flaws_told

REDEMPTIONS = "states.redemptions"


async def redemptions(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of the redemptions of these cards contradicts its state, and what is wrong with its timers."""
    found = [order_of(row) for row in await rows(world, CARD, OF_CARDS, ids)]
    if not found:
        return []
    now = await timers.present(world, CARD)
    told = [
        finding for order in found for finding in flaws_told(
            REDEMPTIONS, CARD, f"redemption_orders {order.id}", REDEMPTION.all_flaws(order, order.version),
            order.updated_at,
        )
    ]
    waits = [wait for order in found for wait in REDEMPTION.waits(order)]
    there = await timers.found(world, CARD, [(kind, order.id) for order in found for kind in ALL])
    return [*told, *timers.compared(REDEMPTIONS, CARD, waits, there, now)]


WALKS = (
    Walk(
        REDEMPTIONS, "a redemption stands as its fields say, and is woken where it waits", CARD, "card", redemptions
    ),
)
