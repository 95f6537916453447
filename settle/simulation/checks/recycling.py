"""Recycled cards: the auditor's walks over recyclers, the switch and payouts of both books, and what each redemption
left in the books. Redemptions themselves are told again with their cards (`audited.cards`)."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.card_redemption.domain.redemption import books
from services.card_redemption.domain.redemption.order import RedemptionOrder
from services.card_redemption.domain.redemption.states import PAYABLE
from services.credit_ledger.domain.model.channel import RecyclingChannel, Remittance
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.payout_switch import PayoutSwitch
from settle.audit.findings import CARD, CREDIT, Finding
from settle.audit.folds import remittances
from settle.audit.joins import payouts
from settle.audit.states import timers
from settle.simulation.checks.snapshot import Row, Snapshot, asked, rows_of, shape

if TYPE_CHECKING:
    from settle.simulation.store import Store
    from settle.simulation.world import World

_OwedRow, _PresentRow = shape("id", "owed_minor"), shape("present", "partitions")


def audited(world: "World") -> Iterator[str]:
    """What the auditor finds."""
    cards, ledger = world.stores[CARD], world.stores[CREDIT]
    if not cards.rows[RedemptionOrder]:
        return
    books_of = {CARD: _cards(world), CREDIT: _ledger(ledger)}
    found: list[Finding] = [
        *asked(books_of, payouts.payouts),
        *asked(books_of, remittances.channels, sorted(ledger.rows[RecyclingChannel])),
        *asked(books_of, remittances.switches, sorted(ledger.rows[PayoutSwitch])),
    ]
    yield from (f"{each.check} {each.what}: {each.expected}, not {each.actual}" for each in found)


def settled(world: "World") -> Iterator[str]:
    """What a card gave is what its customer gets and what we keep, to the fen; what is on its way is decided and not
    paid (CV-3, BK-6), nor netted with what he owed us (RD-33). What other legs pay, of a refund or of a credit balance,
    may be on its way for days."""
    others = {leg.reference for leg in world.stores[CREDIT].every(RefundLeg) if not leg.payout_id}
    kept: Counter[str] = Counter()
    transit: Counter[str] = Counter()
    for store in world.stores.values():
        for posted in store.journals.values():
            for line in posted.journal.lines:
                if line.account == books.PAYOUT_TRANSIT and line.sub not in others:
                    transit[line.sub] -= line.amount_minor
                elif line.account == books.SPREAD:
                    kept[line.sub] -= line.amount_minor
    waiting: Counter[str] = Counter()
    for order in world.stores[CARD].every(RedemptionOrder):
        ours = order.terms.commission_minor(order.face_minor) if order.by_recycler else (
            order.face_minor - order.payout_minor
        )
        if order.state in PAYABLE and kept[order.id] != ours:
            yield f"of {order.id} {ours} is ours, and the book has {kept[order.id]}"
        waiting.update({each.id: each.amount_minor for each in order.payouts if each.state in ("DUE", "SENT")})
    payouts_there: dict[str, RedemptionPayout] = world.stores[CREDIT].rows[RedemptionPayout]
    waiting.subtract({key: payouts_there[key].netted_minor for key in waiting.keys() & payouts_there.keys()})
    for payout_id in sorted(transit.keys() | waiting.keys()):
        if transit[payout_id] != waiting[payout_id]:
            yield f"{waiting[payout_id]} of {payout_id} is on its way, and the books have {transit[payout_id]}"


def let_go(world: "World") -> Iterator[str]:
    """Nobody is paid for a code that its provider let go of: it waits for that word, or it is taken back (OP-7)."""
    rows = world.stores[CARD].rows[RedemptionOrder]
    for order in (order for key in sorted(world.provider.released) if (order := rows.get(key)) is not None):
        if order.payouts:
            yield f"{order.id} is {order.state} with {len(order.payouts)} payouts, and its provider let go of its code"


def paid(world: "World") -> Iterator[str]:
    """Of a payout the bank pays no more than it is, but for what it pays against its own word."""
    store = world.stores[CREDIT]
    sums: Counter[str] = Counter()
    spoken: set[str] = set()
    for leg in store.every(RefundLeg):
        payment = world.rail.payments.get(leg.id)
        if leg.payout_id and payment is not None:
            sums[leg.payout_id] += payment.paid * payment.leg.amount_minor
            if payment.contradicted:
                spoken.add(leg.payout_id)
    for payout_id, amount in sums.items():
        payout: RedemptionPayout = store.rows[RedemptionPayout][payout_id]
        if amount > payout.amount_minor and payout_id not in spoken:
            yield f"{payout_id} is {payout.amount_minor}, and the bank paid {amount}"


def _cards(world: "World") -> Snapshot:
    store = world.stores[CARD]

    def owed() -> list[Row]:
        sums: Counter[str] = Counter()
        for posted in store.journals.values():
            for line in posted.journal.lines:
                if line.account == books.PAYOUT_TRANSIT:
                    sums[line.sub] -= line.amount_minor
        return [_OwedRow(each) for each in sorted(sums.items())]

    return Snapshot(store, {
        payouts.OWED: owed,
        timers.PRESENT_OF_SERVICE: lambda: [
            _PresentRow((store.present(world.agenda.now), store.business.partitions))
        ],
    })


_SWITCH = ("id", "paused", "operator_id", "reason", "changed_at", "sequence", "version")


def _ledger(store: "Store") -> Snapshot:
    def of(kind: type, *names: str) -> list[Row]:
        return rows_of(store.every(kind), *names)

    return Snapshot(store, {
        payouts.ASKED: lambda: sorted(
            of(RedemptionPayout, "id", "amount_minor", "state", "requested_at"), key=lambda row: str(row["id"])
        ),
        remittances.CHANNEL_ROWS: lambda ids: of(RecyclingChannel, "id", "received_minor", "sequence", "version"),
        remittances.NAMES: lambda ids: sorted(
            of(Remittance, "id", "channel", "number", "version"), key=lambda row: (row["channel"], row["number"])
        ),
        remittances.SWITCH_ROWS: lambda ids: of(PayoutSwitch, *_SWITCH),
    })
