"""Payouts of redemptions over both books: what the credit ledger is to pay, the card book owes under the same id, once
(BK-6, OP-2)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg

from settle.audit.findings import CARD, CREDIT, Finding, instant
from settle.audit.side_by_side import side_by_side
from settle.audit.snapshots import World, pages
from settle.audit.states import timers

PAYOUTS = "joins.payouts"
SAYS = {PAYOUTS: "every payout of a redemption is what the card book owes under its id, or nothing if it was stopped"}
_LATER = timedelta(minutes=1)
"""A payout may be asked for after the card book was looked at; so much may the clocks of two databases differ."""
ASKED = 'select id, amount_minor, state, requested_at from payouts order by id collate "C"'
OWED = """
select sub collate "C" id, -sum(amount_minor) owed_minor from audit_balances
where account = 'L.PAYOUT.TRANSIT' group by 1 order by 1
"""


async def payouts(world: World) -> list[Finding]:
    """Payouts that the card book does not owe, or not so much of. What it owes beside them is still to be asked for."""
    seen_at = (await timers.present(world, CARD)).at
    found: list[Finding] = []
    async for _, asked, owed in side_by_side(_by_id(world, CREDIT, ASKED), _by_id(world, CARD, OWED)):
        if asked is None:
            continue
        actual = int(owed["owed_minor"]) if owed is not None else 0
        settled = actual == asked["amount_minor"] or (asked["state"] == "STOPPED" and not actual)
        if not settled and (world.quiet or asked["requested_at"] < seen_at - _LATER):
            what, expected = f"payout {asked['id']} {asked['state']}", f"{asked['amount_minor']} owed by the card book"
            found.append(Finding(
                PAYOUTS, CREDIT, what, expected, str(actual), since=instant(asked["requested_at"]),
                cause="the payout was made up or changed, or the settlement of its card was lost",
            ))
    return found


async def _by_id(world: World, service: str, query: str) -> AsyncIterator[tuple[str, asyncpg.Record]]:
    async for page in pages(world[service], query):
        for row in page:
            yield row["id"], row
