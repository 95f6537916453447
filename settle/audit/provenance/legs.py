"""Legs: each is the payment that one operation of its account sent, to where its order was paid from; and what left the
transit is what became of the legs of an order, rail by rail (P7, PM-3, PM-6)."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
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
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.redemptions import DisbursePayout
from settle.audit import sealed_tables as tables
from settle.audit.findings import CREDIT, Finding
from settle.audit.folds import credit_operations
from settle.audit.folds.credit_rows import AGREEMENTS
from settle.audit.provenance.words import finding
from settle.audit.shared_reads import JOURNALS, once, pages_of, read_all
from settle.audit.snapshots import World

LEGS, PAID = "provenance.legs", "provenance.paid"

_SENDING = frozenset(
    body.__name__ for body in (
        ReleaseTenders, RefundTenders, ReturnBankDeposit, PayOutCreditBalance, DisbursePayout, CorrectLeg,
    )
)
"""What sends legs, and what says of one that the rail paid it after all."""
_TRANSITS = (books.TRANSIT_CARD, books.TRANSIT_PAYOUT)
_BY_RAIL = sorted({
    row.op for row in POSTINGS[ReportLeg] if row.debited & set(_TRANSITS) and books.DEPOSIT not in row.debited
} - {"chargeback_kept"})
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


_of_leg = itemgetter(*Leg._fields)


async def legs(world: World, ids: Sequence[str]) -> list[Finding]:
    """Legs of these accounts that no operation sent so, and operations whose leg is not there."""
    stored = Counter(leg.content for leg in await _legs(world, ids))
    paid_with = {
        row["key"]: row["payment_reference"]
        async for page in pages_of(world, CREDIT, AGREEMENTS.query, ids) for row in page
    }
    found = []
    sent = [each for operation in await _sending(world, ids) for each in _sent_by(operation, paid_with)]
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
    payouts = {row["id"] for row in await read_all(world, CREDIT, tables.PAYOUTS.query, ids)}
    booked = _booked(await read_all(world, CREDIT, JOURNALS, ids), payouts)
    operations = await _sending(world, ids)
    corrected = {each.reference for each in operations if _paid_anyway(each.body)}
    returned = {each.reference for each in operations if isinstance(each.body, ReturnBankDeposit)}
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
    return [Leg._make(_of_leg(row)) for row in await read_all(world, CREDIT, tables.LEGS.query, ids)]


@once
async def _sending(world: World, ids: Sequence[str]) -> list[Operation]:
    """What the logs of these accounts have of legs."""
    return [
        credit_operations.link_of(row).operation
        async for page in pages_of(world, CREDIT, credit_operations.QUERY, ids)
        for row in page if row["kind"] in _SENDING
    ]


def _paid_anyway(body: object) -> bool:
    return isinstance(body, CorrectLeg) and body.correction is LegCorrection.PAID_ANYWAY


def _sent_by(operation: Operation, paid_with: Mapping[str, str]) -> Iterator[tuple[tuple[Any, ...], str]]:
    """What an operation sent: of a refund also what went back to the instruments of repayments. Any: of many types."""
    key = f"operation {operation.account_id}/{operation.number} {operation.kind}"
    order_id, body, at = operation.order_id, operation.body, operation.at
    refund_id = operation.reference if isinstance(body, RefundTenders) else ""
    rail, whence, amount_minor = _asked(body, paid_with.get(order_id, ""))
    if amount_minor:
        yield (order_id, refund_id, rail.value, whence, amount_minor, at), key
    for entry in operation.facts.paid_out:
        yield ("", operation.reference, Rail.PAYOUT.value, entry.instrument, entry.amount_minor, at), key


def _asked(body: object, paid_with: str) -> tuple[Rail, str, int]:
    """By which rail, to where and how many fen; 0 where no leg is sent."""
    match body:
        case ReleaseTenders() | RefundTenders():
            return Rail.CARD, paid_with, body.tenders.bank_minor
        case ReturnBankDeposit():
            return Rail.CARD, body.payment_reference, body.bank_minor
        case PayOutCreditBalance():
            return Rail.PAYOUT, body.instrument, body.amount_minor
        case DisbursePayout():
            return Rail.PAYOUT, body.instrument, body.amount_minor if body.leg_id else 0
    return Rail.CARD, "", 0


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
