"""Disputes: they stand as their fields allow, and what waits for a day or for its remedy is woken."""

from collections.abc import Sequence

import asyncpg

from services.card_redemption.domain.disputes.case import Dispute, DisputeState, Lateness, Remedy, Route, Verdict
from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.disputes.lifecycle import DISPUTE
from services.card_redemption.domain.disputes.timers import EXECUTE, SLA
from services.card_redemption.domain.recycling.payouts import PayoutMethod
from settle.audit.findings import CARD, Finding, Walk
from settle.audit.folds.disputes import NAMES, PAPERS, ROWS
from settle.audit.shared_reads import read_all
from settle.audit.snapshots import World
from settle.audit.states import timers
from settle.audit.states.orders import flaws_told

DISPUTES = "states.disputes"


async def disputes(world: World, ids: Sequence[str]) -> list[Finding]:
    """What of the disputes of these cards contradicts its state, and what is wrong with their timers."""
    now = await timers.present(world, CARD)
    found = [_dispute_of(row) for row in await read_all(world, CARD, ROWS, ids)]
    told = [
        finding for each in found
        for finding in flaws_told(
            DISPUTES, CARD, f"disputes {each.id}", DISPUTE.all_flaws(each, each.version), each.updated_at
        )
    ]
    waits = [wait for each in found for wait in DISPUTE.waits(each)]
    there = await timers.found(world, CARD, [(kind, each.id) for each in found for kind in (SLA, EXECUTE)])
    return [*told, *timers.compared(DISPUTES, CARD, waits, there, now)]


def _dispute_of(row: asyncpg.Record) -> Dispute:
    typed = {
        "type": DisputeType(row["type"]), "route": Route(row["route"]), "method": PayoutMethod(row["method"]),
        "state": DisputeState(row["state"]), "remedy": Remedy(row["remedy"]), "lateness": Lateness(row["lateness"]),
        "verdict": None if row["verdict"] is None else Verdict(row["verdict"]),
        "papers": PAPERS.decode(row["papers"]), "deciders": NAMES.decode(row["deciders"]),
    }
    return Dispute(**{**dict(row), **typed})


WALKS = (Walk(DISPUTES, "a dispute stands as its fields say, and is woken in time", CARD, "card", disputes),)
