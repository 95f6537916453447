"""Disputes are as the last of their steps left them (DOMAIN 2.10)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from services.card_redemption.domain.disputes.evidence import Paper
from settle.audit.findings import CARD, Finding, Walk
from settle.audit.shared_reads import DROPPED, EVENTS, read_all, rows
from settle.audit.snapshots import World
from settlement.card_redemption.v1 import channel_pb2, dispute_events_pb2, dispute_pb2

HISTORY = "disputes.history"
ROWS = """
select id, card_id, redemption_id, customer_id, type, route, vip, method, opened_by, opened_at, updated_at, state,
       claimed_minor, complaint, let_in_by, handler, papers, verdict, remedy, granted_minor, deciders, police_case,
       reason, target_on, due_on, lateness, attempts, version
from disputes where card_id = any($1::text[]) order by id
"""
PAPERS = msgspec.json.Decoder(tuple[Paper, ...])
NAMES = msgspec.json.Decoder(tuple[str, ...])
_TYPE: str = dispute_events_pb2.DisputeStepped.DESCRIPTOR.full_name


async def differing(world: World, ids: Sequence[str]) -> list[Finding]:
    """What the disputes of these cards say that their last step did not."""
    last: dict[str, dispute_pb2.Dispute] = {}
    kept_since: dict[str, datetime] = {}
    for row in await read_all(world, CARD, EVENTS, ids):
        kept_since.setdefault(row["aggregate_id"], row["at"])
        if row["type"] == _TYPE:
            told = dispute_events_pb2.DisputeStepped.FromString(row["payload"]).dispute
            last[told.dispute_id] = told
    disputes = {row["id"]: row for row in await read_all(world, CARD, ROWS, ids)}
    pruned = {row["aggregate_id"] for row in await rows(world, CARD, DROPPED, ids)}
    missing = [
        Finding(HISTORY, CARD, f"disputes {key}", "the case that was told of", "none")
        for key in sorted(last.keys() - disputes.keys())
    ]
    untold = [
        Finding(HISTORY, CARD, f"disputes {key}", "a step that tells of it", "none")
        for key in sorted(disputes.keys() - last.keys())
        if not (disputes[key]["card_id"] in pruned and _before(disputes[key], kept_since))
    ]
    both = sorted(disputes.keys() & last.keys())
    return [*missing, *untold, *(finding for key in both for finding in _compared(disputes[key], last[key]))]


def _before(dispute: asyncpg.Record, kept_since: Mapping[str, datetime]) -> bool:
    """Whether its last step is older than every event of its card that is kept: its seal tells what it is."""
    return dispute["card_id"] not in kept_since or dispute["updated_at"] <= kept_since[dispute["card_id"]]


def _compared(row: asyncpg.Record, told: dispute_pb2.Dispute) -> Iterator[Finding]:
    said = {**_said(row), **{name: str(row[name] or "") for name in ("target_on", "due_on", "verdict")}}
    for name, value in _expected(told).items():
        if said[name] != value:
            yield Finding(HISTORY, CARD, f"disputes {row['id']} {name}", str(value), str(said[name]))


def _said(row: asyncpg.Record) -> dict[str, object]:
    papers = [(paper.kind.value, paper.reference, paper.by) for paper in PAPERS.decode(row["papers"])]
    return {**dict(row), "papers": papers, "deciders": list(NAMES.decode(row["deciders"]))}


def _expected(told: dispute_pb2.Dispute) -> Mapping[str, object]:
    kind = dispute_pb2.EvidenceKind
    return {
        "card_id": told.card_id, "redemption_id": told.redemption_id, "customer_id": told.customer_id,
        "type": _word(dispute_pb2.DisputeType, told.type, "DISPUTE_TYPE_"), "version": told.version,
        "state": _word(dispute_pb2.DisputeState, told.state, "DISPUTE_STATE_"),
        "route": _word(dispute_pb2.DisputeRoute, told.route, "DISPUTE_ROUTE_"), "vip": told.vip_level,
        "method": _word(channel_pb2.PayoutMethod, told.method, "PAYOUT_METHOD_"), "opened_by": told.opened_by,
        "remedy": _word(dispute_pb2.DisputeRemedy, told.remedy, "DISPUTE_REMEDY_"), "complaint": told.complaint,
        "lateness": _word(dispute_pb2.DisputeLateness, told.lateness, "DISPUTE_LATENESS_"),
        "verdict": _word(dispute_pb2.DisputeVerdict, told.verdict, "DISPUTE_VERDICT_") if told.verdict else "",
        "claimed_minor": told.claimed.minor_units, "granted_minor": told.granted.minor_units,
        "let_in_by": told.let_in_by, "handler": told.handler, "deciders": list(told.deciders),
        "police_case": told.police_case, "reason": told.reason, "target_on": told.target_date,
        "due_on": told.due_date,
        "papers": [
            (_word(kind, paper.kind, "EVIDENCE_KIND_"), paper.reference, paper.submitted_by) for paper in told.evidence
        ],
    }


def _word(enum: Any, number: int, prefix: str) -> str:  # Any: the stubs of enums have no common type
    return str(enum.Name(number)).removeprefix(prefix)


WALKS = (
    Walk(
        HISTORY, "a dispute is as the last of its steps left it", CARD, "card", differing,
        cause="an event was lost or changed, or the row was changed past the engine",
    ),
)
