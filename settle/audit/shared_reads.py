"""Rows that several walks look at: of a slice they are read once, and kept while it is looked at.

Of aggregates with very many rows nothing is kept: then each walk reads page by page for itself, and memory stays flat.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import asyncpg

from settle.audit.snapshots import World, pages

KEPT_ROWS_MAX = 50_000
"""So many rows that one query answers of a slice are kept at most."""
EVENTS = """
select aggregate_id, sequence, link, type, at, saga_id, payload, cause from events
where aggregate_id = any($1::text[]) order by aggregate_id, sequence
"""
JOURNALS = """
select root, root_version, no, op, unit, order_id, saga_id, posted_at, accounts, subs, amounts
from journals where root = any($1::text[]) order by root, root_version, no
"""
AGREED = """
select a.order_id, a.customer_id, a.merchant_id, a.account_id, a.payment_reference, c.customer_id holder_id, a.hold
from agreements a left join credit_accounts c on c.id = a.account_id where a.order_id = any($1::text[])
"""
"""The agreements of orders, with whose accounts they are."""
DROPPED = "select aggregate_id, sequence from event_checkpoints where aggregate_id = any($1::text[])"
P = ParamSpec("P")
T = TypeVar("T")


def once(read: Callable[Concatenate[World, P], Awaitable[T]]) -> Callable[Concatenate[World, P], Awaitable[T]]:
    """A reading that the walks over a slice share: of the same rows it is made once."""
    @wraps(read)
    async def shared(world: World, /, *given: P.args, **named: P.kwargs) -> T:
        if world.shared is None:
            return await read(world, *given, **named)
        key = read, *map(_key, given)
        if key not in world.shared:
            world.shared[key] = await read(world, *given, **named)
        found: T = world.shared[key]
        return found

    return shared


@once
async def rows(world: World, service: str, query: str, ids: Sequence[str]) -> list[asyncpg.Record]:
    """What a query answers of these aggregates."""
    return await world[service].fetch(query, ids)


async def pages_of(
    world: World, service: str, query: str, ids: Sequence[str]
) -> AsyncIterator[list[asyncpg.Record]]:
    """What a query answers of these aggregates, in pages if it is much."""
    key = pages_of, service, query, _key(ids)
    if world.shared is not None and key in world.shared:
        yield world.shared[key]
        return
    kept: list[asyncpg.Record] = []
    async for page in pages(world[service], query, ids):
        yield page
        if len(kept) <= KEPT_ROWS_MAX:
            kept += page
    if world.shared is not None and len(kept) <= KEPT_ROWS_MAX:
        world.shared[key] = kept


async def read_all(world: World, service: str, query: str, ids: Sequence[str]) -> list[asyncpg.Record]:
    """All that `pages_of` answers, for those who cannot do with a part."""
    return [row async for page in pages_of(world, service, query, ids) for row in page]


def _key(given: object) -> object:
    return tuple(given) if isinstance(given, list) else given
