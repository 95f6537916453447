"""Rows of disputes, under their cards, and the queries of them for callers."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from services.card_redemption.domain.disputes.case import (
    Dispute,
    DisputeState,
    Lateness,
    Remedy,
    Route,
    Verdict,
)
from services.card_redemption.domain.disputes.evidence import Paper
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

DISPUTE_COLUMNS = """id, card_id, redemption_id, customer_id, type, route, vip, method, opened_by, opened_at,
    updated_at, state, claimed_minor, complaint, let_in_by, handler, papers, verdict, remedy, granted_minor, deciders,
    police_case, reason, target_on, due_on, lateness, attempts, version"""
_PAPERS = msgspec.json.Decoder(tuple[Paper, ...])
_NAMES = msgspec.json.Decoder(tuple[str, ...])
_encode = msgspec.json.encode


def dispute_of(row: asyncpg.Record) -> Dispute:
    """The case in a row."""
    verdict = row["verdict"]
    return Dispute(
        id=row["id"], card_id=row["card_id"], redemption_id=row["redemption_id"], customer_id=row["customer_id"],
        type=DisputeType(row["type"]), route=Route(row["route"]), vip=row["vip"], method=PayoutMethod(row["method"]),
        opened_by=row["opened_by"], opened_at=row["opened_at"], updated_at=row["updated_at"],
        state=DisputeState(row["state"]), claimed_minor=row["claimed_minor"], complaint=row["complaint"],
        let_in_by=row["let_in_by"], handler=row["handler"], papers=_PAPERS.decode(row["papers"]),
        verdict=None if verdict is None else Verdict(verdict), remedy=Remedy(row["remedy"]),
        granted_minor=row["granted_minor"], deciders=_NAMES.decode(row["deciders"]), police_case=row["police_case"],
        reason=row["reason"], target_on=row["target_on"], due_on=row["due_on"], lateness=Lateness(row["lateness"]),
        attempts=row["attempts"], version=row["version"],
    )


async def load_disputes(connection: Connection, keys: Sequence[str]) -> list[Dispute]:
    """Read these; their cards are locked already."""
    rows = await connection.fetch(f"select {DISPUTE_COLUMNS} from disputes where id = any($1::text[])", keys)
    return [dispute_of(row) for row in rows]


async def load_disputes_of(connection: Connection, card_ids: Sequence[str]) -> list[Dispute]:
    """Read all of these cards."""
    rows = await connection.fetch(f"select {DISPUTE_COLUMNS} from disputes where card_id = any($1::text[])", card_ids)
    return [dispute_of(row) for row in rows]


save_disputes = Saving(
    "disputes",
    key="id",
    once=(
        *columns("text", "id", "card_id", "redemption_id", "customer_id", "opened_by"),
        column("type", "text", "type.value"), column("method", "text", "method.value"),
        column("opened_at", "timestamptz"), column("claimed_minor", "bigint"),
    ),
    moving=(
        *columns("integer", "vip", "attempts"), column("rank", "integer", "place.rank"),
        column("updated_at", "timestamptz"), column("route", "text", "route.value"),
        column("state", "text", "state.value"), column("remedy", "text", "remedy.value"),
        column("lateness", "text", "lateness.value"),
        *columns("text", "complaint", "let_in_by", "handler", "police_case", "reason"),
        column("verdict", "text", lambda each: None if each.verdict is None else each.verdict.value),
        column("papers", "json", lambda each: _encode(each.papers)),
        column("deciders", "json", lambda each: _encode(each.deciders)),
        *columns("date", "target_on", "due_on"), *columns("bigint", "granted_minor", "version"),
    ),
    sealed=True,
)
"""Of what it is, who opened it and what is claimed never change."""


async def find_dispute(connection: Connection, dispute_id: str) -> Dispute | None:
    """One case as it is, without a lock."""
    row = await connection.fetchrow(f"select {DISPUTE_COLUMNS} from disputes where id = $1", dispute_id)
    return dispute_of(row) if row else None


async def list_of_card(connection: Connection, card_id: str) -> list[Dispute]:
    """All cases of a card, not locked."""
    return await load_disputes_of(connection, [card_id])


async def list_disputes(
    connection: Connection, customer_id: str, redemption_id: str, state: str, before: tuple[datetime, str], limit: int
) -> list[Dispute]:
    """Cases of a customer or of a redemption, the latest first, opened before."""
    rows = await connection.fetch(
        f"""select {DISPUTE_COLUMNS} from disputes
            where ($1 = '' or customer_id = $1) and ($2 = '' or redemption_id = $2) and ($3 = '' or state = $3)
              and (opened_at, id) < ($4, $5)
            order by opened_at desc, id desc limit $6""",
        customer_id, redemption_id, state, *before, limit,
    )
    return [dispute_of(row) for row in rows]


async def list_queue(
    connection: Connection, kind: str, overdue: bool, after: tuple[int, datetime, str], limit: int
) -> list[Dispute]:
    """What waits for somebody, as it is heard (RD-32)."""
    rows = await connection.fetch(
        f"""select {DISPUTE_COLUMNS} from disputes
            where state in ('OPEN', 'TRIAGED', 'EVIDENCE', 'ESCALATED_12315')
              and ($1 = '' or type = $1) and (not $2 or lateness = 'OVERDUE') and (rank, opened_at, id) > ($3, $4, $5)
            order by rank, opened_at, id limit $6""",
        kind, overdue, *after, limit,
    )
    return [dispute_of(row) for row in rows]
