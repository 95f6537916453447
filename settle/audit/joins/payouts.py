"""Payouts of redemptions over both books: what the credit ledger is to pay, the card book owes under the same id, once
(BK-6, OP-2)."""

from datetime import timedelta

from settle.audit.findings import CARD, CREDIT, Finding, instant
from settle.audit.snapshots import World
from settle.audit.states import timers

PAYOUTS = "joins.payouts"
SAYS = {PAYOUTS: "every payout of a redemption is what the card book owes under its id, or nothing if it was stopped"}
_AT_A_TIME = 1_000
_LATER = timedelta(minutes=1)
"""A payout may be asked for after the card book was looked at; so much may the clocks of two databases differ."""
ASKED = "select id, amount_minor, state, requested_at from payouts order by id"
OWED = """
select sub, sum(amount_minor) amount_minor from audit_balances
where account = 'L.PAYOUT.TRANSIT' and sub = any($1::text[]) group by sub
"""


async def payouts(world: World) -> list[Finding]:
    """Payouts that the card book does not owe, or not so much of. What it owes beside them is still to be asked for."""
    seen_at = (await timers.present(world, CARD)).at
    found: list[Finding] = []
    cursor = await world[CREDIT].cursor(ASKED)
    while rows := await cursor.fetch(_AT_A_TIME):
        owed = {
            row["sub"]: -int(row["amount_minor"])
            for row in await world[CARD].fetch(OWED, [row["id"] for row in rows])
        }
        for row in rows:
            actual = owed.get(row["id"], 0)
            settled = actual == row["amount_minor"] or (row["state"] == "STOPPED" and not actual)
            if not settled and (world.quiet or row["requested_at"] < seen_at - _LATER):
                what, expected = f"payout {row['id']} {row['state']}", f"{row['amount_minor']} owed by the card book"
                found.append(Finding(
                    PAYOUTS, CREDIT, what, expected, str(actual), since=instant(row["requested_at"]),
                    cause="the payout was made up or changed, or the settlement of its card was lost",
                ))
    return found
