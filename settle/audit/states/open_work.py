"""What is under way: settlements, notices and the daily comparison are woken, every claim is a known settlement's, and
no timer wakes nothing."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from services.card_redemption.domain.cards.closing import SWEEP
from services.card_redemption.domain.disputes.timers import EXECUTE, SLA
from services.card_redemption.domain.four_eyes import ADOPT_TIMER
from services.card_redemption.domain.redemption.timers import ALL as REDEMPTION_TIMERS
from services.card_redemption.domain.redemption.timers import DRAFT_ENDS, RESUBMITTED
from services.credit_ledger.domain import lifecycles
from services.credit_ledger.domain.legs.payouts import PAYOUT_TIMER
from services.credit_ledger.domain.legs.steps import LEG_TIMER
from services.credit_ledger.domain.model.reconciliation import Place, Reconciliation, ReconciliationState
from services.credit_ledger.domain.reconciliation.running import RECONCILE_TIMER
from services.credit_ledger.domain.refunds.posting import FLASH_TIMER
from services.credit_ledger.domain.statements.cut import CUT_TIMER
from services.kernel.lifecycle import Wait
from services.kernel.notices import NOTICE
from services.kernel.saga import WAKE, Branch, BranchState, Phase, Run
from services.kernel.saga_life import BY_HAND, SAGA, notice_wait
from services.order.domain.completion import AFTER_SALE
from services.order.domain.placing import HOLD_EXPIRY
from services.order.domain.returns import AUTO_APPROVE, WAYBILL_EXPIRY
from settle.audit.coordinators import known_settlements
from settle.audit.findings import BOOKS, CARD, COORDINATORS, CREDIT, ORDER, SERVICES, Finding
from settle.audit.snapshots import World
from settle.audit.states import timers
from settle.audit.states.orders import flaws_told

SAGAS, NOTICES, STANDING, TIMERS, CLAIMS = (
    "states.sagas", "states.notices", "states.reconciliation", "states.timers", "states.claims"
)
SAYS = {
    SAGAS: "a settlement that is open is in a phase that its branches allow, and is woken",
    NOTICES: "a notice that is not acknowledged is sent again in time",
    STANDING: "the daily comparison with the rail comes with the next night (PM-7)",
    TIMERS: "every timer wakes something that is there",
    CLAIMS: "what is claimed is claimed by a settlement that the coordinator knows",
}
_OPEN = """
select s.id, s.root, s.kind, s.phase, s.decision, s.reason, s.attempts, s.started_at, s.deadline_at, s.updated_at,
       array(select b.service from saga_branches b where b.saga_id = s.id order by b.no) services,
       array(select b.state from saga_branches b where b.saga_id = s.id order by b.no) states
from sagas s where s.phase not in ('DONE', 'ABORTED')
"""
_RECONCILIATIONS = "select id, state, cursor, after_key, started_at, ended_at from reconciliations"
WOKEN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    ORDER: {
        "orders": (HOLD_EXPIRY, AFTER_SALE), "return_cases": (AUTO_APPROVE, WAYBILL_EXPIRY), "notices": (NOTICE,),
        "sagas": (WAKE, *BY_HAND),
    },
    CREDIT: {
        "credit_accounts": (CUT_TIMER,), "legs": (LEG_TIMER,), "credit_refunds": (FLASH_TIMER,),
        "payouts": (PAYOUT_TIMER,), "notices": (NOTICE,), "": (RECONCILE_TIMER,),
    },
    CARD: {
        "redemption_orders": REDEMPTION_TIMERS, "disputes": (SLA, EXECUTE), "gift_cards": (SWEEP,),
        "notices": (NOTICE,), "sagas": (WAKE, *BY_HAND),
        "": (DRAFT_ENDS, RESUBMITTED, ADOPT_TIMER),
    },
}
"""What the timers of each kind wake, by the table of the row that their key names; a draft and a submission
that was denied have no row, and what is adopted comes with its row."""
_CLAIMED = {
    CREDIT: ("credit_accounts.id",), CARD: ("card_tenders.order_id", "merchant_shares.id", "redeemers.id"),
}
_LATER = timedelta(minutes=1)
"""A settlement may begin after the coordinator was looked at; so much may the clocks of two databases differ."""


async def sagas(world: World) -> list[Finding]:
    """The open settlements, and the timers of all of them and of those that have ended."""
    return [finding for coordinator in COORDINATORS for finding in await _sagas_of(world, coordinator)]


async def _sagas_of(world: World, coordinator: str) -> list[Finding]:
    now = await timers.present(world, coordinator)
    told: list[Finding] = []
    waits: list[Wait] = []
    for row in await world[coordinator].fetch(_OPEN):
        branches = tuple(map(Branch, row["services"], map(BranchState, row["states"])))
        run = Run(
            id=row["id"], root=row["root"], kind=row["kind"], definition_version=0, phase=Phase(row["phase"]),
            plan=None, branches=branches, started_at=row["started_at"], deadline_at=row["deadline_at"],
            decision=row["decision"], reason=row["reason"], attempts=row["attempts"], updated_at=row["updated_at"],
        )
        told += flaws_told(SAGAS, coordinator, f"sagas {run.id}", SAGA.flaws(run), run.updated_at)
        waits += SAGA.waits(run)
    there = await _of_kind(world, coordinator, WAKE)
    return told + timers.compared(SAGAS, coordinator, waits, there, now)


async def notices(world: World) -> list[Finding]:
    """The notices of all services."""
    told = []
    for service in SERVICES:
        now = await timers.present(world, service)
        rows = await world[service].fetch("select id, root from notices")
        waits = [notice_wait(row["id"], row["root"]) for row in rows]
        told += timers.compared(NOTICES, service, waits, await _of_kind(world, service, NOTICE), now)
    return told


async def reconciliation(world: World) -> list[Finding]:
    """The comparison, and the timer that it has from the first start of its service on."""
    now = await timers.present(world, CREDIT)
    found = [
        Reconciliation(
            id=row["id"], state=ReconciliationState(row["state"]), place=Place(row["cursor"], row["after_key"]),
            started_at=row["started_at"], ended_at=row["ended_at"],
        )
        for row in await world[CREDIT].fetch(_RECONCILIATIONS)
    ]
    told = [
        finding for row in found for finding in flaws_told(
            STANDING, CREDIT, f"reconciliations {row.id}", lifecycles.RECONCILIATION.flaws(row), row.started_at
        )
    ]
    waits = [wait for row in found for wait in lifecycles.RECONCILIATION.waits(row)]
    there = await _of_kind(world, CREDIT, RECONCILE_TIMER)
    if not waits:  # the timer is of the first start, which was before anybody set a manual clock, perhaps back
        waits, now = [lifecycles.STANDING], now._replace(at=max(now.at, await world[CREDIT].fetchval("select now()")))
    return told + timers.compared(STANDING, CREDIT, waits, there, now)


async def _of_kind(world: World, service: str, kind: str) -> dict[timers.Key, timers.Row]:
    rows = await world[service].fetch("select kind, key, root, partition, due_at from timers where kind = $1", kind)
    return {(row["kind"], row["key"]): row for row in rows}


async def of_nothing(world: World) -> list[Finding]:
    """The timers whose kind nothing decides, or whose row is gone; of a settlement that ended only what a person asked
    for at that moment may be left, and that comes at once."""
    told = []
    for service in SERVICES:
        now, kinds = await timers.present(world, service), WOKEN[service]
        known = [kind for each in kinds.values() for kind in each]
        rows = [*await world[service].fetch(_LEFT, known)]
        for table in filter(None, kinds):
            gone = f"t.kind = any($1::text[]) and not exists (select from {table} where id = t.key)"
            rows += await world[service].fetch(f"{_TIMER} where {gone}", list(kinds[table]))
        if service in COORDINATORS:
            rows += await world[service].fetch(_ENDED, list(BY_HAND), now.at + timedelta(minutes=1))
        told += [
            Finding(
                TIMERS, service, f"timer {row['kind']} of {row['key']}", "none: there is nothing to wake",
                f"due at {row['due_at'].isoformat()} for {row['root']}", cause=timers.IDLE,
            ) for row in rows
        ]
    return told


_TIMER = "select t.kind, t.key, t.root, t.due_at from timers t"
_LEFT = f"{_TIMER} where t.kind <> all($1::text[])"
_ENDED = f"""{_TIMER} join sagas s on s.id = t.key and s.phase in ('DONE', 'ABORTED')
where t.kind = any($1::text[]) and t.due_at > $2"""


async def claims(world: World) -> list[Finding]:
    """The claims on accounts, tenders and shares: each was made by a settlement that is on record, or that began after
    the coordinator was looked at."""
    seen_at = min([(await timers.present(world, coordinator)).at for coordinator in COORDINATORS])
    told = []
    for service in BOOKS:
        for table, column in (each.split(".") for each in _CLAIMED[service]):
            rows = await world[service].fetch(
                f"select {column} id, pending_saga_id, pending_tried_at from {table} where pending_saga_id is not null"
            )
            by = {row["pending_saga_id"] for row in rows}
            unknown = by - await known_settlements(world, by)
            told += [
                Finding(
                    CLAIMS, service, f"{table} {row['id']}", "free, or claimed by a settlement on record",
                    f"claimed by {row['pending_saga_id']}", since=str(row["pending_tried_at"]),
                    cause="the settlement was deleted, or the claim written past the engine: nothing will ever free it",
                ) for row in rows
                if row["pending_saga_id"] in unknown
                and (world.quiet or row["pending_tried_at"] is None or row["pending_tried_at"] < seen_at - _LATER)
            ]
    return told


CROSS: Mapping[str, Callable[[World], Awaitable[list[Finding]]]] = {
    SAGAS: sagas, NOTICES: notices, STANDING: reconciliation, TIMERS: of_nothing, CLAIMS: claims,
}
