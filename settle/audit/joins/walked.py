"""The joins over the databases, as the auditor asks them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from settle.audit.findings import CARD, CREDIT, ORDER, Check, Finding, Walk
from settle.audit.joins import parties, payouts, refunds, requests, settlements_of_cards, unknown
from settle.audit.joins.rows import ORDERS, orders
from settle.audit.snapshots import World

CHECKS: Sequence[Check] = requests.CHECKS
QUIET: Sequence[Check] = unknown.QUIET
CROSS: Mapping[str, Callable[[World], Awaitable[list[Finding]]]] = {
    unknown.UNKNOWN: unknown.unknown, payouts.PAYOUTS: payouts.payouts,
}
SAYS = unknown.SAYS | payouts.SAYS


async def _orders(world: World, ids: Sequence[str]) -> list[Finding]:
    """Everything about these orders, which are read once."""
    read = await orders(world, ids)
    told = await refunds.told(world, ids, read) if world.quiet else []
    return [*await parties.parties(world, ids, read), *refunds.settled(read), *told]


WALKS = (
    Walk(
        ORDERS, "an order is what its settlements did; agreement, card, payment, refunds, legs and cases say the same",
        ORDER, "order", _orders, cause="a row was lost or changed past the engine, or a notice was lost",
    ),
    Walk(
        parties.AGREEMENTS, "every agreement is of an order that the coordinator has", CREDIT, "account",
        parties.agreements, cause="the order was lost at the coordinator: what it holds nobody will release",
    ),
    Walk(
        parties.TENDERS, "every deposit of a card is of an order that the coordinator has", CARD, "card",
        parties.card_tenders, cause="the order was lost at the coordinator: what it holds nobody will release",
    ),
    *settlements_of_cards.WALKS,
)
