"""Agreements with enterprises, their years and batches are what events tell: each is decided again by its domain."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from google.protobuf.message import DecodeError, Message

from services.card_redemption.domain.enterprise import changing, drawing, events
from services.card_redemption.domain.enterprise.agreement import (
    Agreement,
    AgreementProposal,
    AgreementTerms,
    AgreementYear,
    year_id,
)
from services.card_redemption.domain.enterprise.batch import RevocationBatch, RevocationItem
from services.card_redemption.domain.enterprise.commands import DrawAgreement
from services.card_redemption.domain.recycling.enterprise import Revocation
from services.kernel.calendar import start_of
from services.kernel.decision import Decision
from services.kernel.errors import SettlementError
from settle.audit.findings import CARD, Finding, Walk, instant
from settle.audit.shared_reads import DROPPED, EVENTS, read_all, rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import enterprise_events_pb2 as pb
from settlement.card_redemption.v1 import enterprise_pb2

AGREEMENTS = "agreements.history"
CAUSE = "the row or an event was changed, deleted or put there past the engine"
_AGREEMENTS = """
select id, customer_id, number, terms, proposed_by, approved_by, since, proposals, proposal, year, redeemed_minor,
       sequence, version
from enterprise_agreements where id = any($1::text[])
"""
_BATCHES = """
select id, agreement_id, requested_at, items, version from revocation_batches where agreement_id = any($1::text[])
order by agreement_id, id
"""
_YEARS = """
select id, agreement_id, year, redeemed_minor, version from agreement_years where agreement_id = any($1::text[])
order by agreement_id, year
"""


@dataclass(slots=True)
class _Told:
    """What the events make of an agreement, its batches and its closed years, and what has to be told next; why they
    do not."""

    agreement: Agreement
    batches: dict[str, RevocationBatch] = field(default_factory=dict)
    years: dict[str, AgreementYear] = field(default_factory=dict)
    next: list[object] = field(default_factory=list)
    fault: str = ""
    since: str = ""


_Step = Callable[[_Told, Any, datetime], Decision]  # Any: the message of the event


def _terms(wire: enterprise_pb2.AgreementTerms) -> AgreementTerms:
    return AgreementTerms(
        signed_on=_day(wire.signed_date), document=wire.document, qualification=wire.qualification,
        qualified_until=_day(wire.qualification_until_date), until=_day(wire.until_date),
        edit_cutoff=timedelta(seconds=wire.edit_cutoff_seconds),
        annual_purchase_minor=wire.annual_purchase.minor_units, alert_above_minor=wire.alert_above.minor_units,
    )


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _item(wire: enterprise_pb2.RevocationItem) -> RevocationItem:
    name = enterprise_pb2.RevocationResult.Name(wire.result).removeprefix("REVOCATION_RESULT_")
    return RevocationItem(wire.redemption_id, wire.card_id, Revocation[name], wire.face_minor)


def _items(wire: pb.RevocationRequested | pb.BatchRevoked) -> tuple[RevocationItem, ...]:
    return tuple(map(_item, wire.items))


def _draw(told: _Told, wire: pb.AgreementDrawn, at: datetime) -> Decision:
    begin, agreement = start_of(date(wire.year, 1, 1)), told.agreement
    body = DrawAgreement(agreement.id, wire.redemption_id, wire.face_minor, begin)
    if wire.year < agreement.year and not wire.total_minor:
        return drawing.uncounted(agreement, body)
    year = drawing.closed_year(agreement, body)
    return drawing.drawn(agreement, body, told.years.get(year_id(agreement.id, year)))


def _request(told: _Told, wire: pb.RevocationRequested, at: datetime) -> Decision:
    batch = RevocationBatch(wire.batch_id, told.agreement.id, at, _items(wire))
    return drawing.requested(told.agreement, batch)


_STEPS: Mapping[type[Message], _Step] = {
    pb.AgreementProposed: lambda told, wire, at: changing.propose(
        told.agreement, _terms(wire.terms), wire.proposed_by, at
    ),
    pb.AgreementApproved: lambda told, wire, at: changing.approve(
        told.agreement, told.agreement.proposal.number if told.agreement.proposal else 0, wire.approved_by, at
    ),
    pb.AgreementDrawn: _draw,
    pb.RevocationRequested: _request,
    pb.RevocationDecided: lambda told, wire, at: drawing.reported(
        told.agreement, told.batches[wire.batch_id], _item(wire.item)
    ),
}
"""What was decided, by the event that tells it first."""
_FACTS: Mapping[type[Message], Callable[[Any], object]] = {  # Any: as above
    pb.AgreementProposed: lambda wire: events.AgreementProposed(
        wire.customer_id, _terms(wire.terms), wire.proposal, wire.proposed_by
    ),
    pb.AgreementApproved: lambda wire: events.AgreementApproved(
        customer_id=wire.customer_id, terms=_terms(wire.terms), number=wire.number, proposed_by=wire.proposed_by,
        approved_by=wire.approved_by,
    ),
    pb.AgreementDrawn: lambda wire: events.AgreementDrawn(
        wire.redemption_id, wire.face_minor, wire.year, wire.total_minor
    ),
    pb.RedeemedAmountAlert: lambda wire: events.RedeemedAmountAlert(
        customer_id=wire.customer_id, redemption_id=wire.redemption_id, year=wire.year, total_minor=wire.total_minor,
        above_minor=wire.above_minor,
    ),
    pb.RevocationRequested: lambda wire: events.RevocationRequested(wire.batch_id, _items(wire)),
    pb.RevocationDecided: lambda wire: events.RevocationDecided(wire.batch_id, _item(wire.item)),
    pb.BatchRevoked: lambda wire: events.BatchRevoked(wire.batch_id, _items(wire), wire.released_minor),
}
_BY_NAME = {message.DESCRIPTOR.full_name: message for message in _FACTS}


def _tell(told: _Told, event: asyncpg.Record) -> None:
    """Take one event: what a decision before it still had to tell, or the first of another one."""
    kind = _BY_NAME[event["type"]]
    wire = kind.FromString(event["payload"])
    if not told.next:
        decision = _STEPS[kind](told, wire, event["at"])
        told.next = [each.body for each in decision.events]
        for row in decision.changes:
            if isinstance(row, Agreement):
                told.agreement = row
            elif isinstance(row, RevocationBatch):
                told.batches[row.id] = row
            elif isinstance(row, AgreementYear):
                told.years[row.id] = row
    expected, said = told.next.pop(0), _FACTS[kind](wire)
    if said != expected:
        raise ValueError(f"{said}, not {expected}")


def _replayed(row: asyncpg.Record, found: Sequence[asyncpg.Record]) -> _Told:
    told = _Told(Agreement(row["id"], row["customer_id"]))
    for event in found:
        told.since = told.since or instant(event["at"])
        try:
            _tell(told, event)
        except (KeyError, ValueError, IndexError, DecodeError, SettlementError) as error:
            told.fault = f"event {event['sequence']}: {error}"
            return told
    if told.next:
        told.fault = f"{told.next[0]} was not told"
    return told


def _grouped(found: Sequence[asyncpg.Record], column: str) -> Mapping[str, Sequence[asyncpg.Record]]:
    groups: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in found:
        groups[row[column]].append(row)
    return groups


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What these agreements, their years and their batches say that their events do not."""
    told = _grouped(await read_all(world, CARD, EVENTS, ids), "aggregate_id")
    pruned = {row["aggregate_id"] for row in await rows(world, CARD, DROPPED, ids)}
    batches = _grouped(await rows(world, CARD, _BATCHES, ids), "agreement_id")
    years = _grouped(await rows(world, CARD, _YEARS, ids), "agreement_id")
    found: list[Finding] = []
    for row in await rows(world, CARD, _AGREEMENTS, ids):
        key = row["id"]
        if key not in pruned:
            replayed = _replayed(row, told[key])
            since = replayed.since
            found += _of_agreement(row, replayed)
            found += _of_rows("revocation_batches", batches[key], _batch, replayed.batches, since)
            # versions of years count what newer processes wrote alone (0024)
            found += _of_rows("agreement_years", years[key], _year, replayed.years, since, beside=("version",))
    return found


def _of_agreement(row: asyncpg.Record, told: _Told) -> Iterator[Finding]:
    what = f"enterprise_agreements {row['id']}"
    if told.fault:
        yield Finding(AGREEMENTS, CARD, what, "events that its functions allow", told.fault, since=told.since)
        return
    try:
        stored = Agreement(**dict(row) | {
            "terms": msgspec.json.decode(row["terms"], type=AgreementTerms),
            "proposal": row["proposal"] and msgspec.json.decode(row["proposal"], type=AgreementProposal),
        })
    except (msgspec.MsgspecError, ValueError) as error:
        yield Finding(AGREEMENTS, CARD, what, "what the engine wrote", str(error), since=told.since)
        return
    yield from _unlike(what, told.agreement, stored, told.since, ("events_head",))


def _batch(row: asyncpg.Record) -> RevocationBatch:
    return RevocationBatch(**dict(row) | {"items": msgspec.json.decode(row["items"], type=tuple[RevocationItem, ...])})


def _year(row: asyncpg.Record) -> AgreementYear:
    return AgreementYear(**dict(row))


def _of_rows(
    table: str, stored: Sequence[asyncpg.Record], made: Callable[[asyncpg.Record], Any], told: Mapping[str, Any],
    since: str, *, beside: Sequence[str] = (),
) -> Iterator[Finding]:
    """The rows of an agreement in one table, `made` values of, beside those that its events tell. Any: of one type."""
    expected = dict(told)
    for row in stored:
        what, said = f"{table} {row['id']}", expected.pop(row["id"], None)
        if said is None:
            yield Finding(AGREEMENTS, CARD, what, "an event that tells it", "none", since=since)
            continue
        try:
            actual = made(row)
        except (msgspec.MsgspecError, ValueError) as error:
            yield Finding(AGREEMENTS, CARD, what, "what the engine wrote", str(error), since=since)
            continue
        yield from _unlike(what, said, actual, since, beside)
    for missing in expected:
        yield Finding(AGREEMENTS, CARD, f"{table} {missing}", "a row, as it was told", "none")


def _unlike(what: str, told: Any, stored: Any, since: str, beside: Sequence[str] = ()) -> Iterator[Finding]:
    """Field by field, what is not as the events make it. Any: two of one type."""
    for each in fields(stored):
        expected, actual = getattr(told, each.name), getattr(stored, each.name)
        if expected != actual and each.name not in beside:
            yield Finding(AGREEMENTS, CARD, f"{what} {each.name}", str(expected), str(actual), since=since)


WALKS = (
    Walk(
        AGREEMENTS, "an agreement is what two people made of it and what was redeemed under it, its batches too", CARD,
        "agreement", differing, cause=CAUSE,
    ),
)
"""For the list of walks."""
