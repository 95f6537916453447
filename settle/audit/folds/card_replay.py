"""One gift card from its issue: every step is decided again by the domain, and its journal and its event are compared
with what comes of it (P3, P4, P6, P12, P23, P24)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from services.card_redemption.domain import books, events
from services.card_redemption.domain.cards import deposits, issuing, refunds
from services.card_redemption.domain.cards.card import GiftCard, stepped
from services.card_redemption.domain.cards.tender import CardRefund, CardTender
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    DepositCard,
    IssueCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.card_redemption.domain.merchants.share import MerchantShare
from services.kernel.decision import Decision
from services.kernel.journal import Line
from services.kernel.saga import Run
from services.kernel.shares import share_key
from services.order.domain.plans import RefundPlan, ReversalPlan
from settle.audit.folds.card_standing import OF_REDEMPTIONS, STANDING, moved
from settle.audit.folds.differences import differences, readable
from settle.audit.folds.history import REFUSALS, Fault, refusal

OPS = {
    events.CardIssued: "card_issue", events.CardDeposited: "deposit", events.CardDepositReturned: "deposit_return",
    events.CardDepositCaptured: "capture", events.CardRefunded: "refund", events.CardRefundReversed: "refund_reverse",
}
"""The operation that a fact tells; a refund beside one that waits for the network is booked as `refund_accept`."""
REFUNDS = ("refund", "refund_accept")
SPENDING = frozenset({*OPS.values(), *REFUNDS})
"""Operations that issue a card, and those of orders."""


class Posted(NamedTuple):
    """A journal as it is stored."""

    op: str
    unit: str
    order_id: str
    lines: tuple[Line, ...]
    saga_id: str = ""
    at: datetime | None = None
    flaw: str = ""


class ToldCard(NamedTuple):
    """An event of a card: its fact, or (None) why it cannot be read."""

    fact: Any  # Any: a dataclass of the card's events
    at: datetime
    saga_id: str
    flaw: str = ""


class Step(NamedTuple):
    """What was asked of a card: read from the event of its decision, or where that is gone from its journal."""

    op: str
    order_id: str
    amount_minor: int
    refund_id: str
    uncovered_minor: int
    saga_id: str
    at: datetime


@dataclass(slots=True)
class StoredCard:
    """What is stored of one card: its row, its orders' tenders, its journals and events by the version of the card, and
    the settlements that they name. Events up to version `dropped` were pruned; `passed` more tell of its redemptions
    and are no step of the card."""

    row: GiftCard
    tenders: Mapping[str, CardTender]
    journals: Mapping[int, Posted]
    told: Mapping[int, ToldCard]
    runs: Mapping[str, Run]
    dropped: int = 0
    passed: int = 0


@dataclass(slots=True)
class CardReplay:
    """The card and its tenders as their history makes them, and the faults of that history."""

    stored: StoredCard
    card: GiftCard | None = None
    tenders: dict[str, CardTender] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    versions: dict[int, GiftCard] = field(default_factory=dict)
    """The card by its versions, as far as it is known how it stood."""
    blind: bool = False
    """Whether a step is gone that only its pruned event told: what the card stands like is taken as it is."""

    def differ(self, what: str, expected: object, actual: object, since: datetime | None) -> None:
        """Keep every field in which they differ."""
        for path, wanted, found in differences(expected, actual):
            self.faults.append(Fault(f"{what}{path}", wanted, found, since))


def replayed_card(stored: StoredCard) -> CardReplay:
    """The whole history of one card."""
    replay = CardReplay(stored)
    for number in range(1, max((*stored.journals, *stored.told, stored.dropped)) + 1):
        key = f"{stored.row.id}/{number}"
        if _standing(replay, number, key):
            _keep(replay, number)
            continue
        step = _step(replay, number, key)
        if step is None:
            return replay
        try:
            decision = _decided(replay, step)
        except (*REFUSALS, TypeError) as error:
            replay.faults.append(Fault(f"journals {key}", "a step that the card allows", refusal(error), step.at))
            return replay
        _compare(replay, number, key, decision, step)
        _keep(replay, number)
    return replay


def _keep(replay: CardReplay, number: int) -> None:
    """Keep the card as it is at this version, for what is told of its redemptions."""
    if replay.card is not None and not replay.blind:
        replay.versions[number] = replay.card


def _standing(replay: CardReplay, number: int, key: str) -> bool:
    """Decide a step again that is about what may be done with the card; answers whether it is one.

    Where its event was pruned nothing is left of it but its journal, if it had one; behind such a step it is not known
    where the card stands, so what is done with it is taken as it is.
    """
    posted, told = replay.stored.journals.get(number), replay.stored.told.get(number)
    standing = told is not None and type(told.fact) in STANDING
    if told is not None and standing and not replay.blind:
        try:
            decision = moved(replay.card, told.fact, told.at)
        except (*REFUSALS, TypeError, AssertionError) as error:
            replay.faults.append(Fault(f"events {key}", "a step that the card allows", refusal(error), told.at))
            return True
        replay.card = _first(decision, GiftCard)
        replay.differ(f"events {key} ", decision.events[0].body, told.fact, told.at)
        if type(told.fact) not in OF_REDEMPTIONS:
            _compare_posted(replay, key, decision, posted, told)
        return True
    if posted is not None and posted.op in SPENDING:
        return False
    if number > replay.stored.dropped and (replay.card is None or not standing):
        return False
    if replay.card is None:
        replay.card = _begun(replay.stored)
    change_minor = -sum(
        line.amount_minor for line in (posted.lines if posted else ())
        if (line.account, line.sub) == (books.GIFT_CARD, replay.card.id)
    )
    owner = replay.stored.row.customer_id  # the card may have been given away in a step that is gone
    replay.card, replay.blind = replace(stepped(replay.card, change_minor), customer_id=owner), True
    return True


def _begun(stored: StoredCard) -> GiftCard:
    """The card in front of its first step, where the event of that was pruned and no journal tells it: another issuer's
    card, or one that replaces another; with what its own journals did not move since."""
    moved = sum(
        line.amount_minor for posted in stored.journals.values() for line in posted.lines
        if (line.account, line.sub) == (books.GIFT_CARD, stored.row.id)
    )
    return replace(stored.row, balance_minor=stored.row.balance_minor + moved, held_minor=0, version=0, sequence=0)


def _compare_posted(
    replay: CardReplay, key: str, decision: Decision, posted: Posted | None, told: ToldCard
) -> None:
    """The journal of such a step with what it comes to; most have none."""
    expected = tuple(
        Posted(each.op, each.unit, each.order_id, each.lines, saga_id=told.saga_id, at=told.at)
        for each in decision.journals
    )
    if posted is None and expected:
        replay.faults.append(Fault(f"journals {key}", readable(expected[0].lines), "none", told.at))
    elif posted is not None and not expected:
        replay.faults.append(Fault(f"journals {key}", "none", readable(posted.lines), told.at))
    elif posted is not None and not posted.flaw:
        replay.differ(f"journals {key} ", expected[0], posted, told.at)


def _step(replay: CardReplay, number: int, key: str) -> Step | None:
    """What was asked; None if nobody says it any more."""
    posted, told = replay.stored.journals.get(number), replay.stored.told.get(number)
    if told is not None and told.fact is None:
        replay.faults.append(Fault(f"events {key} payload", "what the engine wrote", told.flaw, told.at))
        told = None
    if posted is not None and posted.flaw:
        replay.faults.append(Fault(f"journals {key}", "a journal that balances", posted.flaw, posted.at))
        posted = None
    if told is not None:
        return _of_event(told, posted)
    if posted is None:
        replay.faults.append(Fault(f"journals {key}", "a journal of each step", "none"))
        return None
    return _of_journal(replay, posted)


def _of_event(told: ToldCard, posted: Posted | None) -> Step:
    fact, op = told.fact, OPS[type(told.fact)]
    op = posted.op if posted is not None and posted.op in REFUNDS and op in REFUNDS else op
    return Step(
        op=op, order_id=getattr(fact, "order_id", ""), refund_id=getattr(fact, "refund_id", ""),
        amount_minor=fact.face_minor if op == "card_issue" else fact.amount_minor,
        uncovered_minor=_uncovered(posted) if posted is not None else 0, saga_id=told.saga_id, at=told.at,
    )


def _of_journal(replay: CardReplay, posted: Posted) -> Step:
    run = replay.stored.runs.get(posted.saga_id)
    refund_id = run.plan.refund_id if run is not None and isinstance(run.plan, RefundPlan | ReversalPlan) else ""
    at = replay.stored.row.issued_at if posted.op == OPS[events.CardIssued] else posted.at
    assert at is not None
    return Step(
        op=posted.op, order_id=posted.order_id, refund_id=refund_id, uncovered_minor=_uncovered(posted),
        amount_minor=sum(max(0, line.amount_minor) for line in posted.lines), saga_id=posted.saga_id, at=at,
    )


def _uncovered(posted: Posted) -> int:
    """What of a refund came from the other book."""
    return abs(sum(line.amount_minor for line in posted.lines if line.account == books.CLEARING))


def _decided(replay: CardReplay, step: Step) -> Decision:
    """The step, decided again."""
    if step.op == "card_issue":
        bought = _bought(replay)
        body = IssueCard(
            card_id=replay.stored.row.id, customer_id=_customer(replay), face_minor=step.amount_minor,
            inactive=_inactive(replay), purchaser_id=bought.purchaser_id, purchase=bought.purchase,
        )
        decision = issuing.issue(body, step.at)
        replay.card = _first(decision, GiftCard)
        return decision
    assert replay.card is not None
    decision = _STEPS[step.op](replay, replay.card, step)
    replay.card = _first(decision, GiftCard)
    replay.tenders[step.order_id] = _first(decision, CardTender)
    return decision


def _first(decision: Decision, kind: type) -> Any:  # Any: of that kind
    return next(row for row in decision.changes if isinstance(row, kind))


def _customer(replay: CardReplay) -> str:
    """Whose card it is: as its first event says, else as its orders do."""
    told = replay.stored.told.get(1)
    if told is not None and isinstance(told.fact, events.CardIssued):
        return told.fact.customer_id
    customers = {run.plan.money.customer_id for run in replay.stored.runs.values()}
    return customers.pop() if len(customers) == 1 else replay.stored.row.customer_id


def _inactive(replay: CardReplay) -> bool:
    """Whether it was to be activated first, as its first event says; one that is gone is taken not to say so."""
    told = replay.stored.told.get(1)
    return told is not None and isinstance(told.fact, events.CardIssued) and told.fact.inactive


def _bought(replay: CardReplay) -> events.CardIssued | GiftCard:
    """What says who bought it and with what: its first event; of one that is gone, the row."""
    told = replay.stored.told.get(1)
    return told.fact if told is not None and isinstance(told.fact, events.CardIssued) else replay.stored.row


def _merchant(replay: CardReplay, step: Step) -> str:
    """Who sells: as the settlement of the deposit says, else as the row does."""
    known = replay.tenders.get(step.order_id)
    if known is not None:
        return known.merchant_id
    run, row = replay.stored.runs.get(step.saga_id), replay.stored.tenders.get(step.order_id)
    if run is not None:
        return str(run.plan.money.merchant_id)
    return row.merchant_id if row is not None else ""


def _deposited(replay: CardReplay, card: GiftCard, step: Step) -> Decision:
    run = replay.stored.runs.get(step.saga_id)
    customer_id = run.plan.money.customer_id if run is not None else card.customer_id
    body = DepositCard(
        card_id=card.id, order_id=step.order_id, customer_id=customer_id, merchant_id=_merchant(replay, step),
        amount_minor=step.amount_minor,
    )
    tender = deposits.tender_for(card, replay.tenders.get(step.order_id), body)
    return deposits.deposit(card, tender, body, step.at)


def _returned(replay: CardReplay, card: GiftCard, step: Step) -> Decision:
    body = ReturnDeposit(card.id, step.order_id, _merchant(replay, step), step.amount_minor)
    return deposits.give_back(card, replay.tenders[step.order_id], body, step.at)


def _captured(replay: CardReplay, card: GiftCard, step: Step) -> Decision:
    tender = replay.tenders[step.order_id]
    body = CaptureDeposit(card.id, step.order_id, tender.merchant_id, step.amount_minor)
    return deposits.capture(card, tender, _share(tender), body, step.at)


def _refunded(replay: CardReplay, card: GiftCard, step: Step) -> Decision:
    tender = replay.tenders[step.order_id]
    given = CardRefund(step.refund_id, step.amount_minor, step.uncovered_minor)
    return refunds.refund(
        card=card, tender=tender, share=_share(tender), given=given, op=step.op, saga_id=step.saga_id, at=step.at
    )


def _reversed(replay: CardReplay, card: GiftCard, step: Step) -> Decision:
    tender = replay.tenders[step.order_id]
    body = ReverseCardRefund(
        card_id=card.id, order_id=step.order_id, merchant_id=tender.merchant_id, refund_id=step.refund_id,
        amount_minor=step.amount_minor,
    )
    return refunds.reverse(
        card=card, tender=tender, share=_share(tender), given=refunds.refund_to_reverse(tender, body),
        saga_id=step.saga_id, at=step.at,
    )


def _share(tender: CardTender) -> MerchantShare:
    """The merchant's share; what it comes to is not told by one card."""
    return MerchantShare(share_key(tender.merchant_id, tender.card_id), tender.merchant_id)


def _compare(replay: CardReplay, number: int, key: str, decision: Decision, step: Step) -> None:
    """The journal and the event of a step with what it comes to."""
    (journal,), (event,) = decision.journals, decision.events
    posted, told = replay.stored.journals.get(number), replay.stored.told.get(number)
    if posted is None:
        replay.faults.append(Fault(f"journals {key}", readable(journal.lines), "none", step.at))
    elif not posted.flaw:
        expected = Posted(
            journal.op, journal.unit, journal.order_id, journal.lines, saga_id=step.saga_id, at=step.at
        )
        replay.differ(f"journals {key} ", expected, posted, step.at)
    if told is None and number > replay.stored.dropped:
        replay.faults.append(Fault(f"events {key}", type(event.body).__name__, "none", step.at))
    elif told is not None and told.fact is not None:
        replay.differ(f"events {key} ", event.body, told.fact, step.at)


_STEPS: Mapping[str, Callable[[CardReplay, GiftCard, Step], Decision]] = {
    "deposit": _deposited, "deposit_return": _returned, "capture": _captured, "refund": _refunded,
    "refund_accept": _refunded, "refund_reverse": _reversed,
}
