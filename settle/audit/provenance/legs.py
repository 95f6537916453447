"""Legs: each is the payment that one operation of its account sent, to where its order was paid from; and what left the
transit is what became of the legs of an order, rail by rail (P7, PM-3, PM-6)."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.credit_ledger.domain.log.postings import POSTINGS
from services.credit_ledger.domain.model import books
from services.credit_ledger.domain.model.commands import (
    CorrectLeg,
    LegCorrection,
    PayOutCreditBalance,
    RefundTenders,
    ReleaseTenders,
    ReportLeg,
    ReturnBankDeposit,
)
from services.credit_ledger.domain.model.leg import OVER, LegEnd, LegState, Rail, RailWord
from services.credit_ledger.domain.model.operation import PaidOut
from services.credit_ledger.domain.model.redemptions import DisbursePayout
from services.credit_ledger.domain.model.tenders import Tenders
from settle.audit.findings import CREDIT, Finding
from settle.audit.provenance.words import finding
from settle.audit.shared_reads import JOURNALS, read_all, rows
from settle.audit.snapshots import World

LEGS, PAID = "provenance.legs", "provenance.paid"

_TO_INSTRUMENTS = (PayOutCreditBalance.__name__, DisbursePayout.__name__)
_SENDING = (
    ReleaseTenders.__name__, RefundTenders.__name__, ReturnBankDeposit.__name__, *_TO_INSTRUMENTS
)
_BANK = Tenders._fields.index("bank_minor")
_SENT = f"""
select o.account_id, o.number, o.kind, o.at, o.order_id, o.reference, o.facts, a.payment_reference,
       coalesce(o.body ->> 'payment_reference', '') deposit_reference, coalesce(o.body ->> 'instrument', '') instrument,
       coalesce((o.body -> 'tenders' ->> {_BANK})::bigint, (o.body ->> 'bank_minor')::bigint,
                (o.body ->> 'amount_minor')::bigint, 0) amount_minor
from operations o left join agreements a on a.order_id = o.order_id
where o.account_id = any($1::text[]) and o.kind in ({", ".join(f"'{kind}'" for kind in _SENDING)})
  and o.body ->> 'leg_id' is distinct from ''
"""
_LEGS = """
select id, account_id, order_id, refund_id, rail, reference, amount_minor, created_at, state, ended, word,
       counted_minor, payout_id
from legs where account_id = any($1::text[])
"""
_PAID_ANYWAY = f"""
select reference leg_id from operations
where account_id = any($1::text[]) and kind = '{CorrectLeg.__name__}'
  and body ->> 'correction' = '{LegCorrection.PAID_ANYWAY}'
"""
_TRANSITS = (books.TRANSIT_CARD, books.TRANSIT_PAYOUT)
_BY_RAIL = sorted({
    row.op for row in POSTINGS[ReportLeg] if row.debited & set(_TRANSITS) and books.DEPOSIT not in row.debited
} - {"chargeback_kept"})
_PAYOUTS = "select id from payouts where account_id = any($1::text[])"
Transit = tuple[str, str, str]
"""An account, whose money waits (the order, or the instrument), and the transit."""


class Booked(NamedTuple):
    """What stands in a transit, what of that its rail paid, and since when."""

    moved: int
    by_rail: int
    since: datetime | None


_NOTHING = Booked(0, 0, None)


class Leg(NamedTuple):
    """A leg as it is stored."""

    id: str
    account_id: str
    order_id: str
    refund_id: str
    rail: str
    reference: str
    amount_minor: int
    created_at: datetime
    state: str
    ended: str
    word: str
    counted_minor: int
    payout_id: str

    @property
    def content(self) -> tuple[object, ...]:
        """What the operation that sent it says of it."""
        return self.order_id, self.refund_id, self.rail, self.reference, self.amount_minor, self.created_at

    @property
    def transit(self) -> Transit:
        """Where its money waits."""
        if self.rail == Rail.CARD:
            return self.account_id, self.order_id, books.TRANSIT_CARD
        return self.account_id, self.reference, books.TRANSIT_PAYOUT

    @property
    def waits(self) -> bool:
        """Whether its money is on its way."""
        return self.state not in OVER and self.ended == LegEnd.NONE

    @property
    def paid(self) -> bool:
        """Whether the rail paid it, and nothing else ended it."""
        return self.state == LegState.SETTLED and self.ended == LegEnd.NONE and self.word in ("", RailWord.PAID)


async def legs(world: World, ids: Sequence[str]) -> list[Finding]:
    """Legs of these accounts that no operation sent so, and operations whose leg is not there."""
    stored = Counter(leg.content for leg in await _legs(world, ids))
    found = []
    sent = [each for row in await rows(world, CREDIT, _SENT, ids) for each in _sent_by(row)]
    by_operation = Counter(content for content, _ in sent)
    for content, key in sent:
        if by_operation[content] > stored[content]:
            found.append(finding(LEGS, CREDIT, key, f"its leg {_said(content)}", "none", at=content[-1]))
    for leg in await _legs(world, ids):
        if stored[leg.content] > by_operation[leg.content]:
            key = f"leg {leg.id} of {leg.account_id}"
            found.append(finding(
                LEGS, CREDIT, key, "an operation that sent it so", _said(leg.content), at=leg.created_at
            ))
    return found


async def paid(world: World, ids: Sequence[str]) -> list[Finding]:
    """Transits of these accounts that are not what waits of their legs, or out of which the rail did not pay the legs
    that it paid."""
    payouts = {row["id"] for row in await world[CREDIT].fetch(_PAYOUTS, ids)}
    booked = _booked(await read_all(world, CREDIT, JOURNALS, ids), payouts)
    corrected = {row["leg_id"] for row in await world[CREDIT].fetch(_PAID_ANYWAY, ids)}
    returned = {
        row["reference"] for row in await rows(world, CREDIT, _SENT, ids) if row["kind"] == ReturnBankDeposit.__name__
    }
    waiting, settled, of = Counter[Transit](), Counter[Transit](), dict[Transit, list[str]]()
    for leg in await _legs(world, ids):
        if leg.payout_id:
            continue
        sent = leg.amount_minor - leg.counted_minor
        of.setdefault(leg.transit, []).append(f"{leg.id} {leg.state}")
        waiting[leg.transit] += sent if leg.waits and leg.id not in returned else 0
        settled[leg.transit] += sent if leg.paid and leg.id not in corrected else 0
    return [
        each for transit in sorted(booked.keys() | of.keys())
        for each in _unpaid(
            transit, booked.get(transit, _NOTHING), waiting[transit], settled[transit], of.get(transit, [])
        )
    ]


async def _legs(world: World, ids: Sequence[str]) -> list[Leg]:
    return [Leg(*row.values()) for row in await rows(world, CREDIT, _LEGS, ids)]


def _sent_by(row: Any) -> Iterator[tuple[tuple[Any, ...], str]]:  # Any: of many types
    """What an operation sent: of a refund also what went back to the instruments of repayments."""
    key, kind = f"operation {row['account_id']}/{row['number']} {row['kind']}", row["kind"]
    refund_id = row["reference"] if kind == RefundTenders.__name__ else ""
    if row["amount_minor"]:
        card = kind not in _TO_INSTRUMENTS
        whence = (row["deposit_reference"] or row["payment_reference"] or "") if card else row["instrument"]
        yield (
            row["order_id"], refund_id, Rail.CARD.value if card else Rail.PAYOUT.value, whence, row["amount_minor"],
            row["at"],
        ), key
    for entry in _given_back(row["facts"]):
        yield ("", row["reference"], Rail.PAYOUT.value, entry.instrument, entry.amount_minor, row["at"]), key


def _given_back(facts: Any) -> Iterator[PaidOut]:  # Any: json as the driver gives it
    return (PaidOut(*entry) for entry in json.loads(facts).get("paid_out", ())) if len(facts) > len("{}") else iter(())


def _booked(journals: Sequence[Any], payouts: Collection[str]) -> dict[Transit, Booked]:  # Any: asyncpg records
    """What stands in each transit of what these journals moved; but for payouts of redemptions, whose other side is in
    the card book (BK-6)."""
    found: dict[Transit, Booked] = {}
    for row in journals:
        for account, sub, amount in zip(row["accounts"], row["subs"], row["amounts"], strict=False):
            if account in _TRANSITS and sub not in payouts:
                transit = row["root"], row["order_id"] if account == books.TRANSIT_CARD else sub, account
                moved, by_rail, since = found.get(transit, _NOTHING)
                paid_out = amount if row["op"] in _BY_RAIL or row["op"] == "leg_bounced" else 0
                since = row["posted_at"] if since is None else max(since, row["posted_at"])
                found[transit] = Booked(moved + amount, by_rail + paid_out, since)
    return found


def _unpaid(
    transit: Transit, booked: Booked, waiting: int, settled: int, of: Sequence[str]
) -> Iterator[Finding]:
    account_id, whose, account = transit
    key = f"{account} of {whose or 'nobody'} on {account_id}"
    moved, by_rail, since = booked
    named = ", ".join(sorted(of)) or "no legs"
    if -moved != waiting:
        yield finding(PAID, CREDIT, key, f"{waiting} on the way by {named}", f"{-moved} in the journals", at=since)
    if by_rail != settled:
        yield finding(PAID, CREDIT, key, f"{settled} paid by {named}", f"{by_rail} in the journals", at=since)


def _said(content: Sequence[object]) -> str:
    return " ".join(str(each) for each in content if each != "")
