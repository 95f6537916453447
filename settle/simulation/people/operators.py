"""Those who mend what waits for a person: frozen settlements, parked records, legs and refunds that failed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.card_redemption.domain.disputes.kinds import DisputeType
from services.card_redemption.domain.redemption.commands import DecideFraud
from services.card_redemption.domain.redemption.freezing import decidable_from
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import RedemptionState
from services.credit_ledger.domain.model import commands as credit
from services.credit_ledger.domain.model.leg import LegState, RefundLeg
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.kernel.decision import Timer
from services.kernel.ids import partition_of
from services.kernel.saga import ABORT, RESUME, Phase, Run
from services.runtime.ground.macs import as_retried
from services.runtime.ground.records import Outgoing
from services.runtime.stored.parked import RETRY_LANE
from settle.simulation.agenda import HOUR, MINUTE, Steps
from settle.simulation.people import judges
from settle.simulation.store import ParkedRow, Store

if TYPE_CHECKING:
    from settle.simulation.world import World

ROUND = 6 * HOUR
"""So long it takes them to come round once nothing fails any more."""
PAPERS: Mapping[str, Any] = {"maker": "ann", "checker": "bob", "evidence": ("order page", "bill page"), "reason": "why"}
"""Any: each is a field of its own type."""


def at_work(world: "World") -> Steps:
    """Look at what was set aside and what is frozen, every minute; after the last fault has healed nothing is left for
    later. They wait for nobody, for others wait for what they let go on."""
    track = world.tape.track("operators")
    while not world.over:
        yield _until_they_come_round(world)
        for store in world.stores.values():
            for row in [row for row in store.parked if row.open]:
                _resolve(world, store, row, give_up=bool(track.below(2)))
        for store in world.stores.values():
            for run in store.those(Run, lambda run: run.phase is Phase.FROZEN):
                _decide_frozen(world, store, run, give_up=bool(track.below(2)))


def mending(world: "World") -> Steps:
    """Others ask for what is to be done about disputes, frauds, legs and refunds, and wait for each answer."""
    while not world.over:
        yield _until_they_come_round(world)
        yield from judges.at_their_desks(world)
        yield from _judge_frauds(world)
        yield from _mend_legs(world)
        yield from _mend_refunds(world)


def _until_they_come_round(world: "World") -> int:
    return MINUTE if not world.quiet else 5 * MINUTE if world.agenda.now < 2 * HOUR else ROUND


def _resolve(world: "World", store: Store, row: ParkedRow, *, give_up: bool) -> None:
    """Send a parked record again, as it was, or give it up; what could not be read never can."""
    unreadable = row.record.reason not in ("FOLLOWS_PARKED", "DEFECT")
    row.open = False
    if unreadable or (give_up and row.record.reason != "FOLLOWS_PARKED"):
        world.reached.note("parked_discarded")
        return
    world.reached.note("parked_retried")
    partition = partition_of(row.record.key, store.business.partitions)
    headers = as_retried(row.record.headers, row.id)
    record = Outgoing(row.record.source, partition, row.record.key, headers, row.record.payload)
    store.outbox.setdefault(RETRY_LANE, {})[store.new_number()] = record
    world.lanes_changed(store)


def _decide_frozen(world: "World", store: Store, run: Run, *, give_up: bool) -> None:
    """Let a frozen settlement go on; one that is not decided may be given up."""
    kind = ABORT if give_up and not run.decision else RESUME
    world.reached.note("frozen_and_given_up" if kind == ABORT else "frozen_and_resumed")
    store.timers.put(Timer(kind, run.id, run.root, store.present(world.agenda.now)))
    world.arm(store)


def _judge_frauds(world: "World") -> Steps:
    """The police have a case, or none, once fifteen days are over; of what is disputed the judges mostly hear first."""
    store = world.stores["card_redemption"]
    disputed = {
        each.redemption_id for each in judges.opened_of(world) if each.type is DisputeType.FRAUD and each.under_way
    }
    for order in store.those(RedemptionOrder, lambda row: row.state is RedemptionState.FROZEN and row.fraud):
        track = world.tape.track("operators")
        if order.id in disputed and track.below(4) != 3:
            continue
        if store.present(world.agenda.now) >= decidable_from(order.fraud):
            guilty = bool(track.below(2))
            yield from world.desk.ask(
                "card_redemption", order.card_id, DecideFraud(order.id, guilty, "case-1", "op-1")
            )


def _mend_legs(world: "World") -> Steps:
    for leg in world.stores["credit_ledger"].those(RefundLeg, lambda leg: leg.state is LegState.EXCEPTION):
        retry = not world.quiet and world.tape.track("operators").below(2)
        if retry:
            body: object = credit.RetryLeg(leg.account_id, leg.id, "op-1", "again")
        else:
            body = credit.SettleLeg(account_id=leg.account_id, leg_id=leg.id, order_id=leg.order_id, **PAPERS)
        told = yield from world.desk.ask("credit_ledger", leg.account_id, body)
        if not told.reason:
            world.reached.note("leg_retried" if retry else "leg_by_hand")


def _mend_refunds(world: "World") -> Steps:
    for row in world.stores["credit_ledger"].those(CreditRefund, lambda row: row.state is RefundState.EXCEPTION):
        body = credit.AdjustRefund(account_id=row.account_id, order_id=row.order_id, **PAPERS)
        yield from world.desk.ask("credit_ledger", row.account_id, body)
