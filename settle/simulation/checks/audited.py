"""The auditor's own folds over simulated rows: each history is told again, and rows, journals and events compared."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.credit_ledger.domain.model.account import CreditAccount
from services.kernel.effects import PostedJournal
from services.kernel.saga import Run
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from services.runtime.stored.journals import StoredEvent
from settle.audit.folds import redemptions
from settle.audit.folds.card_numbers import numbered
from settle.audit.folds.card_replay import StoredCard, replayed_card
from settle.audit.folds.cards import of_replay, posted_of, told_of
from settle.audit.folds.history import Fault, Stored
from settle.audit.folds.orders import of_order
from settle.audit.folds.told import told
from settle.simulation.checks.clocks import Said
from settle.simulation.checks.clocks import told as told_of_clock
from settle.simulation.checks.ledger import fold

if TYPE_CHECKING:
    from settle.simulation.world import World


def orders(world: "World") -> Iterator[str]:
    """Orders and return cases are what their events and settlements make of them."""
    store = world.stores["order"]
    runs, cases = _by_root(store.every(Run)), _by_root(store.every(ReturnCase))
    for order in store.every(Order):
        events = [
            told(each.aggregate_id, each.sequence, each.type, each.at, each.payload)
            for each in store.events.get(order.id, ())
        ]
        known = Stored(order, cases[order.id], runs[order.id], events)
        yield from told_of_clock(store, (Said(*fault[:3]) for fault in of_order(known, whole=True)))


def cards(world: "World") -> Iterator[str]:
    """Gift cards, what orders took of them and what redemptions did to them are what their events and journals make of
    them."""
    store, runs = world.stores["card_redemption"], {run.id: run for run in world.runs()}
    tenders: dict[str, CardTender] = {row.order_id: row for row in store.every(CardTender)}
    redeemed = _by_root(store.every(RedemptionOrder))
    journals: dict[str, list[PostedJournal]] = defaultdict(list)
    for posted in store.journals.values():
        journals[posted.root].append(posted)
    for card in store.every(GiftCard):
        rows = [_event(each) for each in store.events.get(card.id, ())]
        events = numbered(rows, 0, card.version)
        by_version = {each.root_version: posted_of(_journal(each)) for each in journals[card.id]}
        replay = replayed_card(StoredCard(
            row=card, tenders=tenders, journals=by_version,
            told={version: told_of(row) for version, row in events.steps.items()},
            runs={each.saga_id: runs[each.saga_id] for each in by_version.values() if each.saga_id in runs},
            passed=events.passed,
        ))
        yield from map(_said, of_replay(replay))
        if events.passed or card.id in redeemed:
            yield from map(_said, redemptions.of_cards([replay], redeemed[card.id], {card.id: rows}))


def accounts(world: "World") -> Iterator[str]:
    """Credit accounts, each of their rows and journals are what their logs tell, one operation after another."""
    store = world.stores["credit_ledger"]
    found = fold(store, sorted(store.rows[CreditAccount]))
    yield from told_of_clock(store, (Said(each.what, each.expected, each.actual) for each in found))


def _by_root(rows: Iterable[Any]) -> Mapping[str, dict[str, Any]]:  # Any: rows of one kind
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        found[row.root][row.key] = row
    return found


def _said(fault: Fault) -> str:
    return f"{fault.what}: {fault.expected}, not {fault.actual}"


def _journal(posted: PostedJournal) -> Mapping[str, Any]:  # Any: the columns of a row
    accounts, subs, amounts = zip(*posted.journal.lines, strict=True)
    return {
        "op": posted.journal.op, "unit": posted.journal.unit.value, "order_id": posted.journal.order_id,
        "saga_id": posted.saga_id, "posted_at": posted.posted_at, "accounts": accounts, "subs": subs,
        "amounts": amounts,
    }


def _event(event: StoredEvent) -> Mapping[str, Any]:  # Any: as above
    return {
        "aggregate_id": event.aggregate_id, "sequence": event.sequence, "type": event.type, "at": event.at,
        "saga_id": event.saga_id, "payload": event.payload,
    }
