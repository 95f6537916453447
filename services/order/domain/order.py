"""The order: aggregate root, unit of locking, and owner of the one settlement that may be under way on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.kernel.chain import NONE_YET
from services.kernel.decision import Event
from services.kernel.errors import Defect, NotFound
from services.kernel.participant import IsBusy
from services.order.domain.bank_shares import BankNews, Refund
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import Line
from services.order.domain.pricing import Promotion
from services.order.domain.states import Kind, OrderState
from services.order.domain.tenders import NO_COUPON, Coupon, Share, Tender, TenderType


@dataclass(frozen=True, slots=True)
class Order:
    """An order. `settlement_id` is the semantic lock: while it is set, only that settlement may change the order.

    `sequence` counts its events and those of its return cases; `cancel_reason` says why its last units were cancelled,
    `expired` that their hold ran out (A14). Until `contestable_until` the last rejection of a return, or the last
    deduction from one, can be disputed. `bank_news` are the steps of bank-card shares that go back without a refund: of
    a cancel, or of a rejected order. `events_head` is the head of the chain of its events, which no rule reads.
    """

    id: str
    customer_id: str
    merchant_id: str
    account_id: str
    state: OrderState
    lines: tuple[Line, ...]
    tenders: tuple[Tender, ...]
    placed_at: datetime
    updated_at: datetime
    coupon: Coupon = NO_COUPON
    terms: CreditTerms | None = None
    promotions: tuple[Promotion, ...] = ()
    refunds: tuple[Refund, ...] = ()
    settlement_id: str = ""
    hold_expires_at: datetime | None = None
    delivered_at: datetime | None = None
    contestable_until: datetime | None = None
    expired: bool = False
    cancel_reason: str = ""
    reject_reason: str = ""
    version: int = 1
    sequence: int = 0
    bank_news: tuple[BankNews, ...] = ()
    events_head: bytes = field(default=NONE_YET, compare=False, repr=False)

    @property
    def key(self) -> str:
        return self.id

    @property
    def root(self) -> str:
        return self.id

    @property
    def payable_minor(self) -> int:
        """What its tenders add up to."""
        return sum([tender.amount_minor for tender in self.tenders])

    @property
    def captured_minor(self) -> int:
        """What its shipments were worth."""
        return sum([tender.captured_minor for tender in self.tenders])

    @property
    def refunded_minor(self) -> int:
        """What was refunded, what waits for the network included."""
        return sum([tender.refunded_minor for tender in self.tenders])

    @property
    def refundable_minor(self) -> int:
        """What is left to refund."""
        return self.captured_minor - self.refunded_minor

    @property
    def shipped(self) -> bool:
        """Whether any unit has shipped."""
        return any(line.shipped for line in self.lines)

    @property
    def open(self) -> bool:
        """Whether any unit is neither shipped nor cancelled."""
        return any(line.open for line in self.lines)

    @property
    def card_id(self) -> str:
        """The gift card that pays a share, or nothing."""
        return next((tender.reference for tender in self.tenders if tender.type is TenderType.GIFTCARD), "")

    @property
    def waiting_refund(self) -> Refund | None:
        """The refund that waits for the flash network or for people, if one does."""
        return next((refund for refund in self.refunds if refund.waits), None)

    def refund_of(self, settlement_id: str) -> Refund | None:
        """The refund that this settlement carries."""
        return next((refund for refund in self.refunds if refund.settlement_id == settlement_id), None)


def refuse_while_settling(order: Order) -> None:
    """Let nobody pass while a settlement is under way: the caller is asked again until its deadline."""
    if order.settlement_id:
        raise IsBusy(order.settlement_id)


def owned(order: Order | None, order_id: str, customer_id: str = "", merchant_id: str = "") -> Order:
    """The order, if it exists and is theirs. Somebody else's order and no order look exactly alike."""
    if (
        order is None
        or (customer_id and order.customer_id != customer_id)
        or (merchant_id and order.merchant_id != merchant_id)
    ):
        raise NotFound("ORDER_NOT_FOUND", f"there is no order {order_id}")
    return order


def after(
    order: Order, now: datetime, *facts: object, **changes: Any  # Any: each value has the type of its field
) -> tuple[Order, tuple[Event, ...]]:
    """The order one version later with these changes, and its next events."""
    events = _events(order, facts)
    later = replace(
        order, updated_at=now, version=order.version + 1, sequence=order.sequence + len(events), **changes
    )
    return later, events


def told(order: Order, *facts: object) -> tuple[Order, tuple[Event, ...]]:
    """The order with facts of its return cases told: the sequence moves, nothing visible of the order itself does."""
    events = _events(order, facts)
    return replace(order, sequence=order.sequence + len(events)), events


def _events(order: Order, facts: tuple[object, ...]) -> tuple[Event, ...]:
    return tuple([Event(order.id, order.sequence + number, fact) for number, fact in enumerate(facts, 1)])


def summary(
    order: Order,
    *,
    lines: tuple[Line, ...] | None = None,
    refunds: tuple[Refund, ...] | None = None,
    tenders: tuple[Tender, ...] | None = None,
    expired: bool | None = None,
) -> OrderState:
    """The state that lines and refunds say while no settlement decides it; a keyword goes before the order's own.

    FULLY_REFUNDED only once nothing waits for a channel any more (I-1): before that, such a refund does not count.
    COMPLETED stays, whatever is undone later.
    """
    if order.state is OrderState.COMPLETED:
        return order.state
    lines = order.lines if lines is None else lines
    refunds = order.refunds if refunds is None else refunds
    if not any(line.shipped for line in lines):
        if any(line.open for line in lines):
            return OrderState.AWAITING_SHIPMENT
        ran_out = order.expired if expired is None else expired
        return OrderState.PAYMENT_EXPIRED if ran_out else OrderState.CANCELLED
    effective = [refund for refund in refunds if refund.stands]
    refunded = sum(refund.amount_minor for refund in effective)
    captured = sum(tender.captured_minor for tender in (order.tenders if tenders is None else tenders))
    whole = refunded == captured and (captured > 0 or all(line.returned == line.shipped for line in lines))
    if effective and whole and not any(line.open for line in lines):
        return OrderState.FULLY_REFUNDED
    if refunded:
        return OrderState.PARTIALLY_REFUNDED
    return OrderState.DELIVERED if order.delivered_at else OrderState.IN_TRANSIT


MOVING: Mapping[Kind, OrderState] = {
    Kind.PLACEMENT: OrderState.PLACING, Kind.CAPTURE: OrderState.CAPTURING, Kind.CANCELLATION: OrderState.CANCELLING,
}
"""The state that a settlement of this kind gives an order of which nothing has shipped; it ends with it."""


def state_during(order: Order, kind: Kind) -> OrderState:
    """Where the order stands while a settlement of this kind is under way on it."""
    return order.state if order.shipped else MOVING.get(kind, order.state)


def moved(tenders: tuple[Tender, ...], shares: tuple[Share, ...], counter: str, sign: int = 1) -> tuple[Tender, ...]:
    """The tenders with each share added to this counter; by type, for each type is there once."""
    by_type = {share.type: share.amount_minor * sign for share in shares}
    raised = tuple([
        tender._replace(**{counter: getattr(tender, counter) + by_type.get(tender.type, 0)}) for tender in tenders
    ])
    for tender in raised:
        if min(tender.held_minor, tender.refundable_minor, tender.refunded_minor) < 0:
            raise Defect(f"{counter} of {shares} over {tenders}")
    return raised


def with_refund(order: Order, refund: Refund) -> tuple[Refund, ...]:
    """The order's refunds with this one in its place, or at the end."""
    if order.refund_of(refund.settlement_id) is None:
        return (*order.refunds, refund)
    return tuple(refund if known.settlement_id == refund.settlement_id else known for known in order.refunds)
