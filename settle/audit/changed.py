"""What was written since a mark: the aggregates of every row whose transaction is younger, whoever wrote it.

PostgreSQL itself notes the transaction of each row (`xmin`), also of one that somebody writes past the engine, whose
own instants would tell nothing. A row that was deleted is missed in the count of its table, if that is append-only, or
counted by PostgreSQL among the deleted rows of a table of which the engine deletes none; then everything is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from settle.audit.coordinators import roots_of
from settle.audit.findings import CARD, COORDINATORS, CREDIT, ORDER, SERVICES
from settle.audit.present import PRESENT
from settle.audit.snapshots import Connection, World, pages
from settle.audit.staying import Numbers, standing
from settle.audit.walks import IDS

Kind = tuple[str, str]
AGE_MAX = 2**30
"""After so many transactions the age of a row tells nothing: their numbers are used again."""
CHANGED_MAX = 200_000
"""More aggregates than these are not kept in memory: then everything is looked at."""
_ROUTE = 1_000

_ORDER, _SETTLEMENT, _REFUND_DAY = (ORDER, "order"), (ORDER, "merchant settlement"), (ORDER, "refund day")
_ACCOUNT, _CARD = (CREDIT, "account"), (CARD, "card")
_VOLUME, _REDEEMER = (CARD, "volume"), (CARD, "redeemer")
_ROOTS: Mapping[str, Sequence[Kind]] = {
    service: tuple((service, of) for of in kinds) for service, kinds in IDS.items()
}
_SAGA: Kind = (ORDER, "saga")
"""Not walked itself: its root is."""


class Written(NamedTuple):
    """A table, and which aggregates a row of it belongs to: an expression, and of which kinds its value may be."""

    table: str
    owners: Sequence[tuple[str, Sequence[Kind]]]


def _of_runtime(service: str) -> tuple[Written, ...]:
    roots = _ROOTS[service]
    return (
        *(Written(table, (("root", roots),)) for table in ("timers", "notices", "sagas", "saga_digests")),
        Written("events", (("aggregate_id", roots),)),
        Written("event_checkpoints", (("aggregate_id", roots),)),
        Written("chain_starts", (("id", roots),)),
        Written("journals", (("root", roots), ("order_id", (_ORDER,)), ("saga_id", (_SAGA,)))),
        Written("inbox", (("case when message_id like '%/%' then split_part(message_id, '/', 1) end", (_SAGA,)),)),
    )


_OF_ACCOUNT = (("account_id", (_ACCOUNT,)),)
_OF_BOTH = (("account_id", (_ACCOUNT,)), ("order_id", (_ORDER,)))
WRITTEN: Mapping[str, Sequence[Written]] = {
    ORDER: (
        *_of_runtime(ORDER),
        Written("orders", (("id", (_ORDER,)), ("account_id", (_ACCOUNT,)))),
        Written("return_cases", (("order_id", (_ORDER,)),)),
        Written("merchant_settlements", (("id", (_SETTLEMENT,)),)),
        Written("refund_days", (("id", (_REFUND_DAY,)),)),
    ),
    CREDIT: (
        *_of_runtime(CREDIT),
        Written("credit_accounts", (("id", (_ACCOUNT,)),)),
        *(Written(table, _OF_BOTH) for table in ("agreements", "operations", "credit_refunds", "adjustments", "legs")),
        *(Written(table, _OF_ACCOUNT) for table in ("statements", "repayments", "payouts")),
        Written("payment_references", (("order_id", (_ORDER,)),)),
        Written("remittances", (("channel", _ROOTS[CREDIT]),)),
        *(
            Written(table, (("id", _ROOTS[CREDIT]),))
            for table in ("merchant_shares", "reconciliations", "recycling_channels", "payout_switches")
        ),
    ),
    CARD: (
        *_of_runtime(CARD),
        Written("gift_cards", (("id", (_CARD,)),)),
        Written("card_tenders", (("card_id", (_CARD,)), ("order_id", (_ORDER,)))),
        Written("card_codes", (("card_id", (_CARD,)),)),
        Written("attempts", (("volume", (_VOLUME,)), ("card_id", (_CARD,)))),
        Written("record_volumes", (("id", (_VOLUME,)),)),
        Written("redemption_orders", (("card_id", (_CARD,)), ("customer_id", (_REDEEMER,)))),
        Written("freeze_cases", (("card_id", (_CARD,)),)),
        *(
            Written(table, (("id", _ROOTS[CARD]),))
            for table in ("merchant_shares", "channels", "calendars", "enterprise_agreements", "redeemers")
        ),
        *(Written(each, (("agreement_id", _ROOTS[CARD]),)) for each in ("agreement_years", "revocation_batches")),
        Written("disputes", (("card_id", (_CARD,)),)),
        Written("channel_versions", (("channel", _ROOTS[CARD]),)),
    ),
}
"""Every table that a promise about an aggregate may read; a test holds it to the schema."""
APPEND_ONLY: Mapping[str, Sequence[str]] = {
    ORDER: ("events", "operator_acts", "journals"),
    CREDIT: ("events", "operator_acts", "journals", "operations", "statements", "adjustments", "remittances"),
    CARD: ("events", "operator_acts", "journals", "channel_versions"),
}
NEVER_DELETED: Mapping[str, Sequence[str]] = {
    ORDER: ("orders", "return_cases", "merchant_settlements", "refund_days", "saga_digests", "event_checkpoints"),
    CREDIT: (
        "credit_accounts", "agreements", "credit_refunds", "legs", "repayments", "payment_references",
        "merchant_shares", "event_checkpoints", "payouts", "payout_switches", "recycling_channels",
    ),
    CARD: (
        "gift_cards", "card_tenders", "merchant_shares", "channels", "calendars", "event_checkpoints", "attempts",
        "record_volumes", "redemption_orders", "freeze_cases", "redeemers", "card_codes", "enterprise_agreements",
        "agreement_years", "revocation_batches", "disputes",
    ),
}
"""Tables whose rows change, and stay."""
_PLACE = f"""
select (select system_identifier from pg_control_system()) || '/' || oid place,
       pg_snapshot_xmin(pg_current_snapshot())::text xmin, pg_snapshot_xmax(pg_current_snapshot())::text xmax,
       array(select pg_snapshot_xip(pg_current_snapshot())::text) under_way, now()::text at, ({PRESENT})::text present
from pg_database where datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database stood: which it is; the oldest transaction that was open, the first that had not begun, those
    between that were under way; the time, also by the clock of decisions; how many rows of its append-only tables were
    seen, how many were ever deleted from tables whose rows stay, and how many of those had been made by when."""

    database: str
    xmin: int
    at: str
    xmax: int = 0
    under_way: Sequence[int] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    deleted: Mapping[str, int] = field(default_factory=dict)
    present: str = ""
    standing: Mapping[str, Numbers] = field(default_factory=dict)


async def places_of(world: World) -> dict[str, Place]:
    """Where the snapshots of all services stand."""
    found = {}
    for service in SERVICES:
        place = await place_of(world[service])
        counts = {table: await count_of(world[service], table, place) for table in APPEND_ONLY[service]}
        deleted = {table: await _deleted(world[service], table) for table in NEVER_DELETED[service]}
        stays = await standing(world[service], service)
        found[service] = replace(place, counts=counts, deleted=deleted, standing=stays)
    return found


async def place_of(connection: Connection) -> Place:
    """Where a service's snapshot stands, without counts."""
    row = await connection.fetchrow(_PLACE)
    assert row is not None
    under_way = [int(xid) for xid in row["under_way"]]
    return Place(row["place"], int(row["xmin"]), row["at"], int(row["xmax"]), under_way, present=row["present"])


async def why_not(connection: Connection, since: Place) -> str:
    """Why what changed since a mark cannot be told here; empty if it can."""
    now = await place_of(connection)
    if now.database != since.database:
        return "the mark was made of another database"
    if not _of_its_time(now, since):
        return "the mark is of another time of the database, or too old"
    for table, expected in since.counts.items():
        if (count := await count_of(connection, table, since)) != expected:
            return f"{table} holds {count:,} rows from before the mark, not {expected:,}"
    for table, expected in since.deleted.items():
        if await _deleted(connection, table) != expected:
            return f"rows of {table} may have been deleted since the mark"
    return ""


async def comparable(connection: Connection, since: Place) -> bool:
    """Whether the rows that stood there at a mark can be told from later ones here."""
    now = await place_of(connection)
    return now.database == since.database and _of_its_time(now, since)


def _of_its_time(now: Place, since: Place) -> bool:
    return 0 <= now.xmin - since.xmin < AGE_MAX


async def changed(world: World, since: Mapping[str, Place]) -> dict[Kind, set[str]] | None:
    """The aggregates of which anything was written since these places, by kind; None if they are too many."""
    found: dict[Kind, set[str]] = {}
    for service in SERVICES:
        since_then = await age(world[service], since[service])
        for written in WRITTEN[service]:
            if not await _add_written(world[service], written, since_then, found):
                return None
    sagas = sorted(found.pop(_SAGA, ()))
    for coordinator in COORDINATORS:
        for first in range(0, len(sagas), _ROUTE):
            roots = await roots_of(world, coordinator, sagas[first : first + _ROUTE])
            for kind in _ROOTS[coordinator]:
                found.setdefault(kind, set()).update(roots)
    return {kind: ids for kind, ids in found.items() if ids}


async def _add_written(
    connection: Connection, written: Written, age: int, found: dict[Kind, set[str]]
) -> bool:
    """Whether what was found is still few."""
    values = ", ".join(f"({number}, {expression})" for number, (expression, _) in enumerate(written.owners))
    query = f"""select distinct owner.no, owner.id from public.{written.table} written
                cross join lateral (values {values}) owner (no, id) where age(written.xmin) <= $1 and owner.id <> ''"""
    async for rows in pages(connection, query, age):
        for row in rows:
            for kind in written.owners[row["no"]][1]:
                found.setdefault(kind, set()).add(row["id"])
        if sum(map(len, found.values())) > CHANGED_MAX:
            return False
    return True


async def age(connection: Connection, since: Place) -> int:
    """How many transactions ago the oldest that was open then began: what is not older may have been written since."""
    return int(await connection.fetchval("select age($1::text::xid)", str(since.xmin % 2**32)))


async def _deleted(connection: Connection, table: str) -> int:
    return int(await connection.fetchval("select pg_stat_get_tuples_deleted($1::text::regclass)", f"public.{table}"))


async def count_of(connection: Connection, table: str, since: Place) -> int:
    """The rows that were seen there, for their transactions had ended; of events also those that were dropped since,
    whose number their checkpoints keep."""
    dropped = "+ (select coalesce(sum(sequence), 0) from event_checkpoints)" if table == "events" else ""
    return int(await connection.fetchval(
        f"""select (select count(*) from public.{table}
                    where age(xmin) > age($1::text::xid) and xmin <> all($2::text[]::xid[])) {dropped}""",
        str(since.xmax % 2**32), [str(xid % 2**32) for xid in since.under_way],
    ))
