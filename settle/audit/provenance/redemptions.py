"""Journals of redemptions: each is on the accounts, sides and sub-accounts that its operation has (P26 to P35)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.card_redemption.domain.postings import OF_REDEMPTIONS, SUBS
from services.kernel.ids import derived
from settle.audit.findings import CARD
from settle.audit.provenance.words import Posted
from settle.audit.snapshots import World

_ROWS = """
select o.id, o.terms ->> 'channel' channel,
       array(select p.payout_id from redemption_payouts p where p.redemption_id = o.id) payouts,
       array(select s.id from saga_records s where s.root = o.card_id) settlements
from redemption_orders o where o.id = any($1::text[])
"""


class Owner(NamedTuple):
    """The redemption of a journal: what its sub-accounts may name beside itself."""

    channel: str
    payouts: frozenset[str]
    settlements: frozenset[str]


async def owners(world: World, journals: Sequence[Posted]) -> dict[str, Owner]:
    """The redemptions of these journals."""
    ids = sorted({journal.order_id for journal in journals})
    return {
        row["id"]: Owner(row["channel"], frozenset(row["payouts"]), frozenset(row["settlements"]))
        for row in await world[CARD].fetch(_ROWS, ids)
    } if ids else {}


def strange(journal: Posted, owners: Mapping[str, Owner]) -> Iterator[tuple[str, str]]:
    """What no redemption posts so: what would be right, and what is there."""
    rows, owner = [row for row in OF_REDEMPTIONS if row.op == journal.op], owners.get(journal.order_id)
    if owner is None:
        yield "a redemption that is there", journal.order_id
        return
    voucher = derived("vch", journal.order_id)
    names = {
        "card": {journal.root}, "order": {journal.order_id}, "channel": {owner.channel}, "payout": owner.payouts,
        "settlement": owner.settlements, "voucher": {voucher},
        "goodwill": {journal.order_id if journal.op == "manual_adjust" else voucher},
    }
    if not journal.lines:
        yield "lines", "none"
    for account, sub, amount in journal.lines:
        if not any(row.allows(account, amount) for row in rows):
            yield f"what {journal.op} posts", f"{account} {amount}"
        elif sub not in names[SUBS[account]]:
            yield f"{account} of its {SUBS[account]}", sub or "nobody"
