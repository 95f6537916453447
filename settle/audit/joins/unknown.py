"""Nobody acts for a settlement that the coordinator does not know: no claim, no answer, no operation, no journal, no
event; and no payment is kept for an order that it does not pay."""

from datetime import timedelta
from typing import Any

from settle.audit.coordinators import known_settlements, latest_begun
from settle.audit.findings import BOOKS, CARD, CREDIT, Check, Finding, instant
from settle.audit.snapshots import World, pages

UNKNOWN = "joins.unknown"
SAYS = {UNKNOWN: "every settlement that claimed, answered, logged or posted something is on the coordinator's record"}

_TRACES = {
    CREDIT: """
        union all select pending_saga_id, 'claim of account ' || id, pending_tried_at
        from credit_accounts where pending_saga_id is not null
        union all select saga_id, 'operation ' || account_id || '/' || number, at
        from operations where saga_id <> ''""",
    CARD: """
        union all select pending_saga_id, 'claim of tender of ' || order_id, pending_tried_at
        from card_tenders where pending_saga_id is not null
        union all select pending_saga_id, 'claim of share ' || id, pending_tried_at
        from merchant_shares where pending_saga_id is not null
        union all select pending_saga_id, 'claim of redeemer ' || id, pending_tried_at
        from redeemers where pending_saga_id is not null""",
}


def _traces(book: str) -> str:
    """What a settlement that has not ended by the coordinator's snapshot left in a book, one row each: where there is
    more than its answers, a row that names whom it is about."""
    return f"""
        select t.saga_id, max(t.what) what, min(t.since) since
        from (select saga_id, 'journal ' || root || '/' || root_version what, posted_at since
              from journals where saga_id <> ''
              union all select saga_id, 'event ' || aggregate_id || '/' || sequence, at from events where saga_id <> ''
              union all select split_part(message_id, '/', 1), 'answer ' || message_id, decided_at
              from inbox where message_id ~ '^saga_[^/]*/[A-Z]$'
              {_TRACES[book]}) t
        left join audit_settlements s on s.id = t.saga_id
        where s.id is null group by t.saga_id"""


_EARLIER = timedelta(hours=1)


async def unknown(world: World) -> list[Finding]:
    """Traces of settlements that are on no record. Of an engine that works, one may have begun after the coordinator's
    snapshot: only what is an hour older counts."""
    latest = None if world.quiet else await latest_begun(world)
    found: list[Finding] = []
    for book in BOOKS:
        async for rows in pages(world[book], _traces(book)):
            known = await known_settlements(world, [row["saga_id"] for row in rows])
            found += [
                _finding(book, row) for row in rows
                if row["saga_id"] not in known and (latest is None or row["since"] < latest - _EARLIER)
            ]
    return found


def _finding(book: str, row: Any) -> Finding:  # Any: asyncpg record
    return Finding(
        UNKNOWN, book, f"{row['what']} for {row['saga_id']}", "a settlement on record", "none",
        since=instant(row["since"]), cause="the settlement was lost at the coordinator, or made up",
    )


QUIET = (
    Check(
        "joins.payments", "a payment that is kept for an order pays it, or goes back because it was rejected (OP-4)",
        (CREDIT,),
        """select 'payment ' || p.id, 'an agreement or a leg of ' || p.order_id, 'neither'
           from payment_references p
           left join agreements a on a.order_id = p.order_id and a.payment_reference = p.id
           left join (select distinct order_id, reference from legs) l
               on l.order_id = p.order_id and l.reference = p.id
           where p.order_id <> '' and a.order_id is null and l.order_id is null
             and not exists (select from credit_accounts where pending_saga_id is not null)""",
    ),
)
