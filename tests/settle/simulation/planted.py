"""What no world may come to, planted into one that holds: by the check that has to tell it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.disputes.case import Dispute, DisputeState, Remedy
from services.card_redemption.domain.merchants.share import MerchantShare
from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.channel import RecyclingChannel
from services.credit_ledger.domain.model.leg import RailWord, RefundLeg
from services.credit_ledger.domain.model.payout import PayoutState, RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from services.kernel.effects import PostedJournal
from services.kernel.messages import Op
from services.kernel.participant import Pending
from services.kernel.saga import Phase, Run
from services.order.domain.order import Order
from services.order.domain.states import Kind
from settle.simulation.agenda import DAY, START
from settle.simulation.checks.money import CLEARING
from settle.simulation.checks.states import OF_NO_ROW
from settle.simulation.rail import Payment, State
from settle.simulation.store import Store
from settle.simulation.world import World

T = TypeVar("T")
Plant = Callable[[World], None]


def _first(rows: Iterable[T], wanted: Callable[[T], object] = lambda row: True) -> T:
    """The first of which this is so; a world that has none is not the one to plant this in."""
    return next(row for row in rows if wanted(row))


def _changed(store: Store, row: Any, **fields: Any) -> None:  # Any: a row of any kind, and its fields
    store.rows[type(row)][row.key] = replace(row, **fields)


# -- rows that are not what was told of them


def _order_of_somebody_else(world: World) -> None:
    store = world.stores["order"]
    _changed(store, _first(store.every(Order)), customer_id="cus_x")


def _card_with_a_fen_more(world: World) -> None:
    store = world.stores["card_redemption"]
    card: GiftCard = _first(store.every(GiftCard))
    _changed(store, card, balance_minor=card.balance_minor + 1)


def _account_with_a_fen_more(world: World) -> None:
    store = world.stores["credit_ledger"]
    account: CreditAccount = _first(store.every(CreditAccount))
    _changed(store, account, wallet_minor=account.wallet_minor + 1)


def _payment_booked_and_not_paid(world: World) -> None:
    store = world.stores["credit_ledger"]
    leg: RefundLeg = _first(store.every(RefundLeg), lambda leg: leg.word is RailWord.PAID)
    _changed(store, leg, word=RailWord.SILENT)


def _timer_lost(world: World) -> None:
    timers = world.stores["order"].timers.all
    del timers[_first(sorted(timers), lambda key: key[0] not in OF_NO_ROW)]


# -- claims


def _account_is_claimed(world: World) -> None:
    store = world.stores["credit_ledger"]
    _changed(store, _first(store.every(CreditAccount)), pending=Pending("saga_x", START))


def _redemption_is_locked(world: World) -> None:
    store = world.stores["card_redemption"]
    _changed(store, _first(store.every(RedemptionOrder)), settlement_id="saga_x")


def _share_is_claimed(world: World) -> None:
    store = world.stores["card_redemption"]
    _changed(store, _first(store.every(MerchantShare)), settling_minor=1)


# -- money


def _lines_gone(service: str, account: str) -> Plant:
    def plant(world: World) -> None:
        journals: dict[Any, PostedJournal] = world.stores[service].journals
        del journals[_first(
            sorted(journals), lambda key: any(line.account == account for line in journals[key].journal.lines)
        )]

    return plant


def _paid_back_twice(world: World) -> None:
    payments = world.rail.payments
    payment = _first(payments.values(), lambda each: each.paid and each.leg.reference in world.taken)
    more = world.taken[payment.leg.reference]
    payments["leg_x"] = Payment(replace(payment.leg, leg_id="leg_x", amount_minor=more), State.PAID, paid=1)


def _paid_and_not_booked(world: World) -> None:
    legs: dict[str, RefundLeg] = world.stores["credit_ledger"].rows[RefundLeg]
    payment = _first(
        world.rail.payments.values(), lambda each: legs[each.leg.leg_id].word is RailWord.REFUSED
    )
    payment.state = State.PAID


def _payout_paid_twice(world: World) -> None:
    legs: dict[str, RefundLeg] = world.stores["credit_ledger"].rows[RefundLeg]
    _first(world.rail.payments.values(), lambda each: each.paid and legs[each.leg.leg_id].payout_id).paid = 2


# -- recycled cards, and disputes


def _payout_that_nobody_asked_for(world: World) -> None:
    store = world.stores["credit_ledger"]
    payout: RedemptionPayout = _first(store.every(RedemptionPayout), lambda each: each.state is not PayoutState.STOPPED)
    store.rows[RedemptionPayout]["rpo_x"] = replace(payout, id="rpo_x")


def _recycler_remitted_a_fen_more(world: World) -> None:
    store = world.stores["credit_ledger"]
    channel: RecyclingChannel = _first(store.every(RecyclingChannel))
    _changed(store, channel, received_minor=channel.received_minor + 1)


def _switch_moved_by_itself(world: World) -> None:
    store = world.stores["credit_ledger"]
    switch: PayoutSwitch = _first(store.every(PayoutSwitch))
    _changed(store, switch, paused=not switch.paused)


def _let_go_of_and_paid(world: World) -> None:
    order: RedemptionOrder = _first(world.stores["card_redemption"].every(RedemptionOrder), lambda each: each.payouts)
    world.provider.released.add(order.id)


def _dispute_that_granted_more(world: World) -> None:
    store = world.stores["card_redemption"]
    dispute: Dispute = _first(store.every(Dispute), lambda each: each.state is DisputeState.EXECUTED)
    _changed(store, dispute, granted_minor=dispute.granted_minor + 1)


def _adjustment_that_was_not_paid(world: World) -> None:
    store = world.stores["card_redemption"]
    _changed(store, _first(store.every(Dispute)), state=DisputeState.EXECUTED, remedy=Remedy.ADJUSTMENT)


def _dispute_never_heard(world: World) -> None:
    store = world.stores["card_redemption"]
    _changed(store, _first(store.every(Dispute)), state=DisputeState.TRIAGED, updated_at=START)
    world.swarm = replace(world.swarm, patience=40)
    world.agenda.now += 40 * DAY


# -- histories


def _told_otherwise(world: World) -> None:
    request = _first(world.desk.requests.values(), lambda each: each.told)
    asked, told, answered = request.told[-1]
    request.told.append((asked, told, replace(answered, outcome=b"another")))


def _event_gone(world: World) -> None:
    _first(world.stores["order"].events.values(), lambda events: len(events) > 2).pop(1)


def _event_of_before(world: World) -> None:
    events = _first(world.stores["order"].events.values(), lambda events: len(events) > 1)
    events[1] = replace(events[1], at=events[0].at - timedelta(days=1))


def _event_that_nobody_told(world: World) -> None:
    (name, key), (record, *_) = _first(sorted(world.subscriber.seen.items(), key=lambda each: each[0]))
    world.subscriber.seen[name, f"{key}x"] = [replace(record, key=f"{key}x")]


def _event_of_another_type(world: World) -> None:
    records = _first(world.subscriber.seen.values())
    records[0] = replace(records[0], headers=[*records[0].headers, ("ce_type", b"another")])


def _confirm_never_done(world: World) -> None:
    run: Run = _first(world.runs(), lambda each: each.phase is Phase.DONE and len(each.branches) > 1)
    del world.stores[run.branches[0].service].inbox[f"{run.id}/{Op.CONFIRM}"]


def _undone_before_it_was_done(world: World) -> None:
    run: Run = _first(
        world.stores["order"].every(Run), lambda each: each.kind == Kind.REFUND_REVERSAL and each.phase is Phase.DONE
    )
    world.lifetimes[run.id] = 0, 0


def _refunded_above_what_was_paid(world: World) -> None:
    store = world.stores["order"]
    order: Order = _first(store.every(Order), lambda each: each.refunds)
    paid = sum(tender.amount_minor for tender in order.tenders)
    _changed(store, order, refunds=tuple(each._replace(amount_minor=paid + 1) for each in order.refunds))


class Planted(NamedTuple):
    """What is planted into the world of a seed, and the check that has to tell it."""

    check: str
    plant: Plant
    seed: int = 11


PLANTED = (
    Planted("audited.orders", _order_of_somebody_else),
    Planted("audited.cards", _card_with_a_fen_more),
    Planted("audited.accounts", _account_with_a_fen_more),
    Planted("states.sound", _payment_booked_and_not_paid),
    Planted("states.woken", _timer_lost),
    Planted("states.free", _account_is_claimed),
    Planted("states.free", _redemption_is_locked),
    Planted("states.free", _share_is_claimed),
    Planted("money.clearing", _lines_gone("credit_ledger", CLEARING)),
    Planted("money.clearing", _lines_gone("card_redemption", CLEARING)),
    Planted("money.rail", _paid_back_twice, seed=7),
    Planted("money.agreed", _paid_and_not_booked),
    Planted("recycling.audited", _payout_that_nobody_asked_for),
    Planted("recycling.audited", _recycler_remitted_a_fen_more),
    Planted("recycling.audited", _switch_moved_by_itself, seed=9),
    Planted("recycling.settled", _lines_gone("card_redemption", books.SPREAD)),
    Planted("recycling.paid", _payout_paid_twice),
    Planted("recycling.let_go", _let_go_of_and_paid),
    Planted("disputes.audited", _dispute_that_granted_more),
    Planted("disputes.remedied", _adjustment_that_was_not_paid),
    Planted("disputes.ended", _dispute_never_heard),
    Planted("histories.answered", _told_otherwise),
    Planted("histories.gapless", _event_gone),
    Planted("histories.forward", _event_of_before),
    Planted("histories.atomic", _confirm_never_done),
    Planted("refunds.linear", _undone_before_it_was_done),
    Planted("refunds.linear", _refunded_above_what_was_paid),
    Planted("subscriber_view", _event_that_nobody_told),
    Planted("subscriber_view", _event_of_another_type),
)
