"""Promises that one query cannot test: what belongs to an aggregate is read and compared in Python, some at a time."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from settle.audit import unreadable
from settle.audit.findings import CARD, CREDIT, EXAMPLES_MAX, ORDER, Finding, Report
from settle.audit.folds import cards, merchants, orders
from settle.audit.snapshots import World
from settle.audit.unreadable import UNREADABLE, is_fault, set_back

AT_A_TIME = 200
"""How many aggregates are read at a time: memory stays flat, however many there are."""

IDS = {
    ORDER: {"order": "orders", "merchant settlement": "merchant_settlements"},
    CREDIT: {"account": "credit_accounts", "share": "merchant_shares"},
    CARD: {"card": "gift_cards", "share": "merchant_shares"},
}
"""The aggregates that can be walked, by service: the table whose ids are theirs."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One promise about each aggregate `of` a kind in a `service`: `find` answers what breaks it among these ids.
    `cause` is what most likely happened where it is broken, unless a finding knows better."""

    id: str
    says: str
    service: str
    of: str
    find: Callable[[World, Sequence[str]], Awaitable[list[Finding]]]
    cause: str = ""


WALKS: Sequence[Walk] = (
    Walk(
        orders.HISTORY, "an order and its return cases are what their events and settlements make of them", ORDER,
        "order", orders.differing,
        "an event or a settlement was lost or changed, or a row was changed past the engine",
    ),
    Walk(
        cards.HISTORY, "a gift card and what orders took of it are what its events and journals make of them", CARD,
        "card", cards.differing,
        "a journal or an event was lost or changed, or a row was changed past the engine",
    ),
    Walk(
        merchants.CARD_SHARES, "a merchant's share in the card book tells each settlement that its journals say", CARD,
        "share", merchants.card_shares,
        "a journal or an event was lost or changed, or a row was changed past the engine",
    ),
    Walk(
        merchants.CREDIT_SHARES, "a merchant's share in the credit book tells each payment that its journals say",
        CREDIT, "share", merchants.credit_shares,
        "a journal or an event was lost or changed, or a row was changed past the engine",
    ),
    Walk(
        merchants.SETTLEMENTS, "a settlement with a merchant is what its saga says", ORDER, "merchant settlement",
        merchants.settlements, "the row or the saga was changed past the engine",
    ),
)


async def walk_all(world: World, report: Report, only: str = "") -> None:
    """Every walk over all aggregates of its kind, or `only` the one of this id."""
    wanted = [walk for walk in WALKS if only in ("", walk.id)]
    for service, kinds in IDS.items():
        for of in kinds:
            walks = [walk for walk in wanted if (walk.service, walk.of) == (service, of)]
            await _walk_over(world, service, of, walks, report)


async def _walk_over(world: World, service: str, of: str, walks: Sequence[Walk], report: Report) -> None:
    last = ""
    while walks and (ids := await _ids_after(world, service, of, last)):
        for walk in walks:
            await walk_some(world, walk, ids, report)
        last = ids[-1]


async def walk_some(world: World, walk: Walk, ids: Sequence[str], report: Report) -> None:
    """Have one walk look at these aggregates, and take what it finds into the report; of those at which it fails, one
    that cannot be read is told from the others by halves."""
    report.add(walk.id, [])
    parts = [list(ids)]
    while parts:
        part = parts.pop()
        try:
            async with set_back(*world.connections.values()):
                found = await walk.find(world, part)
        except Exception as error:  # whatever a row that should not be there does to a fold: it is told
            if is_fault(error, *world.connections.values()):
                raise
            parts += _halves(walk, part, error, report)
        else:
            report.add(walk.id, [replace(finding, cause=finding.cause or walk.cause) for finding in found])


def _halves(walk: Walk, part: list[str], error: Exception, report: Report) -> list[list[str]]:
    """What to try next of a part that failed: nothing, if it is one aggregate, or if enough of them are told."""
    if len(part) > 1 and report.counts.get(UNREADABLE, 0) < EXAMPLES_MAX:
        return [part[: len(part) // 2], part[len(part) // 2 :]]
    what = f"{walk.of} {part[0]}" + (f" and {len(part) - 1:,} more up to {part[-1]}" if len(part) > 1 else "")
    report.add(UNREADABLE, [unreadable.finding(walk.service, what, f"{walk.id} can be asked", error)])
    return []


async def _ids_after(world: World, service: str, of: str, last: str) -> list[str]:
    rows = await world[service].fetch(
        f"select id from {IDS[service][of]} where id > $1 order by id limit {AT_A_TIME}", last
    )
    return [row["id"] for row in rows]
