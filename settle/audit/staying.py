"""Rows that change, and that the engine never takes away: how many there are of those that were made by some instant.

Whoever deletes one with all that belongs to it leaves nothing that contradicts itself. The mark of the last clean run
has this number: it may grow, by what was being written then, and never fall.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from settle.audit.findings import CARD, CREDIT, ORDER
from settle.audit.present import PRESENT
from settle.audit.snapshots import Connection

_EARLIER = "1 hour"
"""By how much the instant lies before the newest row: one that is older may not have been committed yet."""
_SET_ASIDE_DAYS = 29
"""A message that is set aside stays so long at least once it is resolved."""
Numbers: TypeAlias = tuple[str, int]
"""An instant, empty if rows of the table bear none, and how many rows were made by then."""


class Staying(NamedTuple):
    """A table or view; the column that says when a row of it was made and that never changes, if there is one; which of
    its rows stay, and for how many days at least (0: for ever)."""

    name: str
    made: str = ""
    stays: str = "true"
    days: int = 0

    @property
    def now(self) -> str:
        """The instant up to which rows are counted, and their number."""
        if not self.made:
            return f"select '' until, count(*) from {self.name} where {self.stays}"
        return f"""with last as (select max({self.made}) - interval '{_EARLIER}' until from {self.name})
                   select coalesce(min(until)::text, ''), count({self.made})
                   from last left join {self.name} on {self.made} <= until and {self.stays}"""

    @property
    def left(self) -> str:
        """How many of them are left, by that instant."""
        return f"select count(*) from {self.name} where " + (f"{self.made} <= $1::text::timestamptz" if self.made
                                                             else "$1::text = ''")


_PARKED = Staying("parked", "parked_at", "state = 'PARKED'", _SET_ASIDE_DAYS)
_SAGAS = Staying("saga_records", "started_at")
STAYING: Mapping[str, Sequence[Staying]] = {
    ORDER: (
        Staying("orders", "placed_at"), Staying("return_cases", "requested_at"), Staying("refund_days"),
        Staying("merchant_settlements", "started_at"), _SAGAS, _PARKED,
    ),
    CREDIT: (
        Staying("credit_accounts", "opened_at"), Staying("legs", "created_at"), Staying("payouts", "requested_at"),
        Staying("merchant_shares"), Staying("payment_references"), _PARKED,
    ),
    CARD: (
        Staying("gift_cards", "issued_at"), Staying("card_codes"), Staying("card_tenders"), Staying("merchant_shares"),
        Staying("redeemers"), Staying("freeze_cases", "opened_at"), Staying("disputes", "opened_at"),
        Staying("agreement_years"), Staying("revocation_batches", "requested_at"), Staying("attempts", "at"), _SAGAS,
        _PARKED,
    ),
}


async def standing(connection: Connection, service: str) -> dict[str, Numbers]:
    """How many rows of each table there are that must stay."""
    found = {}
    for each in STAYING[service]:
        for until, count in await connection.fetch(each.now):
            found[each.name] = until, count
    return found


async def fewer(
    connection: Connection, service: str, then: Mapping[str, Numbers], present: str
) -> list[tuple[str, Numbers, int]]:
    """The tables of which fewer rows are left than there were `then`, when it was `present`, with how many are."""
    found = []
    days = await connection.fetchval(f"select extract(day from {PRESENT} - $1::text::timestamptz)", present)
    for each in STAYING[service]:
        until, count = then.get(each.name, ("", 0))
        if count and not (each.days and days >= each.days):
            left = await connection.fetchval(each.left, until)
            if left < count:
                found.append((each.name, (until, count), left))
    return found
