"""What is told of a transaction, or of a record, at the instant at which it happens."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from services.card_redemption.decisions.redemptions.finding import party
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.plans import StopPlan
from services.card_redemption.domain.redemption.states import PayoutState, Step
from services.card_redemption.domain.redemption.taking_back import Cause, TakeBack
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.commands import CutStatement
from services.credit_ledger.domain.model.operation import Operation
from services.kernel.admission import Admission
from services.kernel.decision import Aggregate
from services.kernel.messages import Message, Op
from services.kernel.participant import Pending
from services.kernel.saga import Phase, Run
from services.order.domain.commands import ConfirmDelivery
from services.order.domain.order import Order
from services.order.domain.states import Kind
from services.runtime.lanes.item import Item
from services.runtime.lanes.waiting import NOBODY
from settle.simulation.agenda import HOUR, START
from settle.simulation.calls import hash_of
from settle.simulation.people import finance
from settle.simulation.seeds import lived
from settle.simulation.services import CARD_REDEMPTION, CREDIT_LEDGER, ORDER
from settle.simulation.tape import Tape
from settle.simulation.transaction import Transaction
from settle.simulation.witnesses import standing
from settle.simulation.world import World
from tests.settle.simulation.test_found import ORDER as CART

SEED = 11
"""Its world has what is told of here."""


def _committed(
    world: World, *rows: Aggregate, service: str = ORDER, faulty: Exception | None = None,
    stopped: frozenset[str] = frozenset(),
) -> list[str]:
    """A transaction with these rows is committed; which checks tell of it."""
    store = world.stores[service]
    transaction = Transaction(world.processes[service][0].lane, store.connect(0, 1), NOBODY, False)
    transaction.admission, transaction.stopped = Admission(store.business.rules, store.business.timers, {}), stopped
    effects = transaction.admission.effects
    for row in rows:
        effects.dirty.setdefault(type(row), {})[row.key] = row
    if faulty is not None:
        effects.faulty.append((Item(Message("", "key", object(), "id")), faulty))
    world.witness.committed(store, transaction)
    return [each.check for each in world.violations]


def _done_at_two(world: World) -> Run:
    runs: Iterator[Run] = world.stores[ORDER].every(Run)
    return next(run for run in runs if run.phase is Phase.DONE and len(run.branches) > 1)


@pytest.mark.parametrize(("op", "phase", "told"), [
    (None, Phase.DONE, []), (Op.CONFIRM, Phase.DONE, ["half"]), (Op.TRY, Phase.DONE, ["half"]),
    (None, Phase.ABORTED, ["half", "half"]),
])
def test_what_is_called_done_and_is_not_is_told(op: Op | None, phase: Phase, told: list[str]) -> None:
    """At each participant: one that has not confirmed, or never tried, and both where it is called undone."""
    world = lived(Tape(SEED))
    run = _done_at_two(world)
    if op is not None:
        del world.stores[run.branches[0].service].inbox[f"{run.id}/{op}"]

    assert _committed(world, replace(run, phase=phase)) == told


@pytest.mark.parametrize(("back", "told"), [(0, []), (1, ["monotonic"])])
def test_a_row_that_goes_back_is_told(back: int, told: list[str]) -> None:
    """A claim moves no version, and nothing moves one back."""
    world = lived(Tape(SEED))
    order: Order = next(world.stores[ORDER].every(Order))

    assert _committed(world, replace(order, version=order.version - back)) == told


def _claimed(world: World) -> CreditAccount:
    """An account that a saga has claimed."""
    account: CreditAccount = next(world.stores[CREDIT_LEDGER].every(CreditAccount))
    world.claims[CreditAccount, account.key] = claimed = replace(account, pending=Pending("saga_x", START))
    return claimed


@pytest.mark.parametrize(("more", "ends", "told"), [(0, False, []), (1, False, ["claims"]), (0, True, ["claims"])])
def test_who_passes_a_claim_is_told(more: int, ends: bool, told: list[str]) -> None:
    """Whoever writes the row, or ends the claim, without its saga's second phase."""
    world = lived(Tape(SEED))
    claimed = _claimed(world)
    row = replace(claimed, version=claimed.version + more, pending=None if ends else claimed.pending)

    assert _committed(world, row, service=CREDIT_LEDGER) == told


@pytest.mark.parametrize(("later", "told"), [(0, []), (1, ["claims"])])
def test_what_is_confirmed_as_of_another_instant_than_its_try_is_told(later: int, told: list[str]) -> None:
    """OP-1: both compute the same, whatever fell due in between."""
    world = lived(Tape(SEED))
    store, claimed = world.stores[CREDIT_LEDGER], _claimed(world)
    store.inbox[f"saga_x/{Op.CONFIRM}"] = next(iter(store.inbox.values()))
    operations: Iterator[Operation] = store.every(Operation)
    operation = next(each for each in operations if not isinstance(each.body, CutStatement))
    kept = replace(operation, saga_id="saga_x", at=START + timedelta(seconds=later))

    assert _committed(world, replace(claimed, pending=None), kept, service=CREDIT_LEDGER) == told


@pytest.mark.parametrize(("error", "told"), [(KeyError("x"), ["defect"]), (ValueError("UNKNOWN_TRY"), [])])
def test_what_could_not_be_decided_is_told(error: Exception, told: list[str]) -> None:
    """But for what the world itself made undecidable."""
    assert _committed(World(Tape()), faulty=error) == told


@pytest.mark.parametrize(("kind", "told"), [(Kind.REFUND, ["stopped"]), (Kind.PLACEMENT, [])])
def test_a_refund_that_begins_while_refunds_are_stopped_is_told(kind: Kind, told: list[str]) -> None:
    """By a decision that read that they are."""
    world = lived(Tape(SEED))
    run = replace(_done_at_two(world), id="saga_x", kind=kind, phase=Phase.TRYING, branches=())

    assert _committed(world, run, stopped=frozenset({"refunds"})) == told


def _stopping(world: World, cause: Cause) -> tuple[RedemptionOrder, Run]:
    """A redemption with a payout that the ledger has, and the saga that asked about it, at its end."""
    store = world.stores[CARD_REDEMPTION]
    order: RedemptionOrder = next(row for row in store.every(RedemptionOrder) if row.payouts)
    payouts = tuple(each._replace(state=PayoutState.SENT) for each in order.payouts)
    plan = StopPlan(party(order), payouts[0].id, TakeBack(cause))
    run = replace(_done_at_two(world), kind=plan.kind, plan=plan)
    return replace(order, payouts=payouts, settlement_id=""), run


@pytest.mark.parametrize(("steps", "told"), [
    ({Step.FROZEN, Step.PAYOUT_STOPPING}, []), ({Step.PAYOUT_DELAYED}, ["standing_still"]),
    ({Step.UNFROZEN}, []),
])
def test_a_payout_of_what_stands_still_that_nobody_stops_is_told(steps: set[Step], told: list[str]) -> None:
    """It was asked about as the redemption was frozen; and has to be again once the bank refuses it."""
    world = lived(Tape(SEED))
    order, run = _stopping(world, Cause.PAYOUT_HOLD)
    world.standing_still[order.id] = {run.plan.payout_id}
    changed: standing.Changed = {
        RedemptionOrder: {order.id: order}, Run: {run.id: run} if Step.FROZEN in steps else {},
    }

    standing.saw(world, changed, {order.id: steps})

    assert [each.check for each in world.violations] == told


@pytest.mark.parametrize(("cause", "steps", "told"), [
    (Cause.FAULT_REVERSAL, {Step.PAYOUT_NOT_STOPPED}, ["taken_back"]),
    (Cause.FAULT_REVERSAL, {Step.PAYOUT_HELD, Step.FAULT_REVERSED}, []),
    (Cause.PAYOUT_HOLD, {Step.PAYOUT_NOT_STOPPED}, []),
])
def test_what_is_to_be_taken_back_and_is_forgotten_is_told(cause: Cause, steps: set[Step], told: list[str]) -> None:
    """The payout was asked about, and nothing follows."""
    world = lived(Tape(SEED))
    order, run = _stopping(world, cause)

    standing.saw(world, {RedemptionOrder: {order.id: order}, Run: {run.id: run}}, {order.id: steps})

    assert [each.check for each in world.violations] == told


@pytest.mark.parametrize(("alike", "told"), [(False, []), (True, ["reused"])])
def test_who_hears_the_answer_to_another_body_is_told(alike: bool, told: list[str]) -> None:
    """The service takes the one for the other."""
    world, other = World(Tape()), ConfirmDelivery("ord_0")
    world.quiet = True
    world.tell_all([finance.opening(world, 0)], HOUR)
    world.tell_all([world.desk.ask("order", "ord_0", CART, "place")], HOUR)
    inbox = world.stores["order"].inbox
    if alike:
        inbox["place"] = replace(inbox["place"], body_hash=hash_of(other))

    world.tell_all([world.desk.again("place", other)], HOUR)

    assert [each.check for each in world.violations] == told
    assert world.reached.counts["request_id_reused"] == 1


@pytest.mark.parametrize(("again", "check"), [
    (lambda last: replace(last, payload=b"another"), "event_repeated_otherwise"),
    (lambda last: replace(last, headers=[("ce_sequence", str(last.sequence + 2).encode())]), "event_gap"),
])
def test_a_subscriber_tells_of_a_gap_and_of_a_repeat_that_differs(
    again: Callable[..., object], check: str
) -> None:
    """As soon as the record is written."""
    world = lived(Tape(SEED))
    last = next(records[-1] for (topic, _), records in sorted(world.subscriber.seen.items()))

    world.bus.append(last)
    held = list(world.violations)
    world.bus.append(again(last))  # type: ignore[arg-type]  # a record, of either kind

    assert (held, [each.check for each in world.violations]) == ([], [check])


def test_what_has_not_come_to_its_end_is_told() -> None:
    """A settlement that nobody leads on any more."""
    world = lived(Tape(SEED))
    run = _done_at_two(world)
    assert list(world.unfinished()) == []

    world.stores[ORDER].rows[Run][run.id] = replace(run, phase=Phase.TRYING)

    assert len(list(world.unfinished())) == 1
