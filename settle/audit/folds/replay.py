"""One order from its beginning: its settlements and its events, in the order of the events, by the domain's own rules.

A settlement begins where the first event tells of it, and ends with the event of its end; while one is under way
nothing else moves money, so the instant between does not matter.
"""

from datetime import datetime

from services.kernel.saga import Phase, Run
from services.order.domain import channels, events
from services.order.domain.lines import Line
from services.order.domain.order import Order
from services.order.domain.pricing import payable
from services.order.domain.states import Kind, OrderState, RefundState
from services.order.domain.tenders import Coupon, Share, Tender, TenderType
from settle.audit.folds.endings import ENDS, SILENT, begin, check_plan, end, end_told
from settle.audit.folds.history import REFUSALS, Broken, Fault, Replay, Stored, refusal
from settle.audit.folds.steps import STEPS
from settle.audit.folds.told import Told


def replayed(stored: Stored) -> Replay:
    """The whole history of one order, replayed."""
    placement = next((run for run in stored.runs.values() if run.kind == Kind.PLACEMENT), None)
    if placement is None:
        raise Broken(Fault(f"orders {stored.order.id}", "a placement among its settlements", "none"))
    replay = Replay(stored, _ordered(stored, placement))
    _check_prices(replay)
    begin(replay, placement, placement.started_at, ends=placement.terminal)
    rest, silent = list(stored.told), _silent(stored)
    while rest:
        if silent:
            _check_silent(replay, silent, rest[0])
        _next(replay, rest)
    _check_silent(replay, silent, None)
    _finish(replay)
    return replay


def _ordered(stored: Stored, placement: Run) -> Order:
    """The order as it was asked for: as its placement and the event of it say, the rest as its row does."""
    row, money = stored.order, placement.plan.money
    by_type = {tender.type: tender.reference for tender in row.tenders}

    def reference(share: Share) -> str:
        if share.type is TenderType.GIFTCARD:
            return str(money.card_id)
        if share.type is TenderType.BANKCARD and share.amount_minor:
            return str(placement.plan.payment_reference)
        return by_type.get(share.type, "")

    facts = [each.fact for each in stored.told[:1] if isinstance(each.fact, events.OrderPlaced)]
    lines = facts[0].lines if facts and facts[0].lines else tuple([
        Line(line.id, line.quantity, line.unit_price_minor, line.payable_minor, sku=line.sku, title=line.title)
        for line in row.lines
    ])
    return Order(
        id=row.id, customer_id=money.customer_id, merchant_id=money.merchant_id, account_id=money.account_id,
        state=OrderState.PLACING, lines=lines, placed_at=placement.started_at, updated_at=placement.started_at,
        tenders=tuple([Tender(share.type, share.amount_minor, reference(share)) for share in money.shares]),
        coupon=Coupon(money.coupon_minor), terms=placement.plan.terms, promotions=row.promotions, version=0,
    )


def _check_prices(replay: Replay) -> None:
    """What the lines cost follows from prices and promotions, and the tenders pay just that (PR-3)."""
    lines = replay.order.lines
    try:
        costs = payable([line.quantity * line.unit_price_minor for line in lines], replay.order.promotions)
    except REFUSALS as error:
        replay.fault(f"orders {replay.order.id} promotions", "promotions of its lines", refusal(error))
        return
    for line, cost in zip(lines, costs, strict=True):
        if line.payable_minor != cost:
            replay.fault(f"orders {replay.order.id} lines[{line.id}].payable_minor", cost, line.payable_minor)
    if sum(costs) != replay.order.payable_minor:
        replay.fault(f"orders {replay.order.id} tenders", f"{sum(costs)} in all", replay.order.payable_minor)


def _next(replay: Replay, rest: list[Told]) -> None:
    """Replay the next event, and those of the same decision."""
    event = rest.pop(0)
    if event.fact is None:
        raise Broken(Fault(f"events {event.key} payload", "what the engine wrote", event.flaw, event.at))
    if event.fact.order_id != replay.order.id:
        replay.fault(f"events {event.key} order_id", replay.order.id, event.fact.order_id, event.at)
    try:
        if isinstance(event.fact, ENDS):
            end_told(replay, event)
        else:
            STEPS[type(event.fact)](replay, event, rest)
    except REFUSALS as error:
        raise Broken(Fault(
            f"events {event.key}", f"what may follow on {replay.order.state}",
            f"{type(event.fact).__name__}: {refusal(error)}", event.at,
        )) from error
    replay.told_at = max(replay.told_at, event.at)


def _silent(stored: Stored) -> list[Run]:
    """The settlements that came to nothing and of whose end no event tells."""
    return [run for run in stored.runs.values() if run.phase is Phase.ABORTED and (run.kind, run.phase) in SILENT]


def _check_silent(replay: Replay, silent: list[Run], before: Told | None) -> None:
    """Reckon the plans again of settlements that came to nothing, where their instant says where they belong."""
    for run in silent:
        here = replay.told_at < run.started_at and (before is None or run.started_at < before.at)
        if here and run.id not in replay.begun:
            replay.begun.add(run.id)
            check_plan(replay, run)


def _finish(replay: Replay) -> None:
    """What no event told: settlements under way, those that came to nothing; and ends whose event is gone."""
    for run in sorted(replay.stored.runs.values(), key=lambda each: each.started_at):
        try:
            if run.id not in replay.ended:
                _finish_one(replay, run, run.updated_at or run.started_at)
        except REFUSALS as error:
            refused = refusal(error)
            raise Broken(Fault(f"sagas {run.id}", "what the order allows", refused, run.updated_at)) from error


def _finish_one(replay: Replay, run: Run, at: datetime) -> None:
    if not run.terminal:
        _begin_open(replay, run)
    elif (run.kind, run.phase) not in SILENT:
        _end_untold(replay, run, at)
    elif run.phase is Phase.DONE:
        end(replay, run, at)
    else:  # the order is as it was, two versions later
        replay.move(replay.order, run.started_at)
        replay.move(replay.order, at)


def _begin_open(replay: Replay, run: Run) -> None:
    begin(replay, run, run.started_at)
    entry = replay.stored.order.refund_of(run.id)
    if entry is None or entry.state is not RefundState.CREDIT_DONE or entry.confirmed_at is None:
        return
    refund = replay.order.refund_of(run.id)
    if refund is not None:  # the network's word came before the last tender's answer, and is told with that
        replay.move(
            channels.flash_confirmed(replay.order, refund, entry.confirmed_at, entry.manual), run.started_at
        )
        replay.guessed = True


def _end_untold(replay: Replay, run: Run, at: datetime) -> None:
    """The event of an end is gone: the end counts all the same."""
    begin(replay, run, run.started_at, ends=True)
    fact = end(replay, run, at, told=1)
    name = f"{replay.order.id}/{replay.sequence}"
    replay.fault(f"events {name}", f"{type(fact).__name__} of {run.id}", "none", at)
