"""Promises that one query cannot test: what belongs to an aggregate is read and compared in Python, some at a time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from settle.audit import chains, record, seals, unreadable
from settle.audit.causes import CAUSES
from settle.audit.findings import CARD, CREDIT, EXAMPLES_MAX, ORDER, Finding, Report, Walk
from settle.audit.folds import (
    agreements,
    cards,
    credit_walk,
    disputes,
    merchants,
    orders,
    published,
    rail_differences,
    redeemers,
    redemptions,
    remittances,
)
from settle.audit.joins import answers
from settle.audit.joins import walked as joins
from settle.audit.provenance import walked as provenance
from settle.audit.snapshots import World
from settle.audit.states import accounts as states_of_accounts
from settle.audit.states import disputes as states_of_disputes
from settle.audit.states import orders as states_of_orders
from settle.audit.states import redemptions as states_of_redemptions
from settle.audit.unreadable import UNREADABLE, is_fault, set_back

AT_A_TIME = 200
"""How many aggregates are read at a time: memory stays flat, however many there are."""
WHOLE_AT_A_TIME = {"order": 1_000, "account": 500, "card": 500}
"""How many where everything is walked and nobody is served meanwhile, of those with few rows each: a query costs about
as much for few of them."""

IDS = {
    ORDER: {"order": "orders", "merchant settlement": "merchant_settlements", "refund day": "refund_days"},
    CREDIT: {
        "account": "credit_accounts", "share": "merchant_shares", "reconciliation": "reconciliations",
        "channel": "recycling_channels", "switch": "payout_switches",
    },
    CARD: {
        "card": "gift_cards", "share": "merchant_shares", "volume": "record_volumes", "channel": "channels",
        "calendar": "calendars", "agreement": "enterprise_agreements", "redeemer": "redeemers",
    },
}
"""The aggregates that can be walked, by service: the table whose ids are theirs."""

WALKS: Sequence[Walk] = (
    *credit_walk.WALKS, *provenance.WALKS, *joins.WALKS, *rail_differences.WALKS, *answers.WALKS,
    *states_of_orders.WALKS, *states_of_accounts.WALKS, *states_of_redemptions.WALKS, *orders.WALKS, *cards.WALKS,
    *merchants.WALKS, *remittances.WALKS, *published.WALKS, *agreements.WALKS, *chains.WALKS, *record.WALKS,
    *redemptions.WALKS, *redeemers.WALKS, *seals.WALKS,
    *disputes.WALKS, *states_of_disputes.WALKS,
)
KINDS = tuple((service, of) for service, kinds in IDS.items() for of in kinds)


class Range(NamedTuple):
    """The aggregates of a kind whose ids lie behind `after` and go up to `until`; empty: no bound."""

    service: str
    of: str
    after: str = ""
    until: str = ""


async def walk_all(
    world: World, report: Report, only: str = "", walked: Callable[[int], None] = lambda _: None
) -> None:
    """Every walk over all aggregates of its kind, or `only` the one of this id; `walked` is told how many were."""
    for service, of in KINDS:
        await walk_range(world, Range(service, of), report, walks_of(service, of, only), walked)


def walks_of(service: str, of: str, only: str = "") -> list[Walk]:
    """The walks over a kind of aggregate, or `only` the one of this id."""
    return [walk for walk in WALKS if (walk.service, walk.of) == (service, of) and only in ("", walk.id)]


async def walk_range(
    world: World, range_: Range, report: Report, walks: Sequence[Walk], walked: Callable[[int], None] = lambda _: None
) -> None:
    """These walks over the aggregates of a range, some at a time; they are asked, even if there are none."""
    for walk in walks:
        report.add(walk.id, [])
    last = range_.after
    while walks and (ids := await ids_after(world, range_, last, WHOLE_AT_A_TIME.get(range_.of, AT_A_TIME))):
        await walk_ids(world, walks, ids, report)
        walked(len(ids))
        last = ids[-1]


async def walk_ids(world: World, walks: Sequence[Walk], ids: Sequence[str], report: Report) -> None:
    """These walks, all over one kind of aggregate, over these few of it: what several read of them is read once."""
    slice_ = replace(world, shared={})
    try:
        async with set_back(*world.connections.values()):
            found = [(walk, await walk.find(slice_, ids)) for walk in walks]
    except Exception as error:  # whatever it was of which row: each walk tells it for itself
        if is_fault(error, *world.connections.values()):
            raise
        for walk in walks:
            await walk_some(slice_, walk, ids, report)
    else:
        for walk, each in found:
            _take(report, walk, each)
    if walks:
        report.look(walks[0].of, len(ids))


async def walk_chosen(world: World, report: Report, chosen: Mapping[tuple[str, str], Collection[str]]) -> None:
    """Every walk over the chosen aggregates that there are, by kind."""
    for (service, of), wanted in chosen.items():
        walks, ids = walks_of(service, of), sorted(wanted)
        for first in range(0, len(ids) if walks else 0, AT_A_TIME):
            some = ids[first : first + AT_A_TIME]
            rows = await world[service].fetch(
                f"select id from {IDS[service][of]} where id = any($1::text[]) order by id", some
            )
            if rows:
                await walk_ids(world, walks, [row["id"] for row in rows], report)


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
            _take(report, walk, found)


def _take(report: Report, walk: Walk, found: Sequence[Finding]) -> None:
    likely = walk.cause or CAUSES.get(walk.id, "")
    report.add(walk.id, [replace(finding, cause=finding.cause or likely) for finding in found])


def _halves(walk: Walk, part: list[str], error: Exception, report: Report) -> list[list[str]]:
    """What to try next of a part that failed: nothing, if it is one aggregate, or if enough of them are told."""
    if len(part) > 1 and report.counts.get(UNREADABLE, 0) < EXAMPLES_MAX:
        return [part[: len(part) // 2], part[len(part) // 2 :]]
    what = f"{walk.of} {part[0]}" + (f" and {len(part) - 1:,} more up to {part[-1]}" if len(part) > 1 else "")
    report.add(UNREADABLE, [unreadable.finding(walk.service, what, f"{walk.id} can be asked", error)])
    return []


async def ids_after(world: World, range_: Range, last: str, most: int = 0) -> list[str]:
    """The next aggregates of a range behind the last ones: `most` of them, or as many as are read at a time."""
    rows = await world[range_.service].fetch(
        f"""select id from {IDS[range_.service][range_.of]} where id > $1 and ($2 = '' or id <= $2)
            order by id limit {most or AT_A_TIME}""", last, range_.until,
    )
    return [row["id"] for row in rows]
