"""Placing an order: it must add up before any money is reserved (DOMAIN 2.1, OR-5)."""

from datetime import datetime, timedelta

from services.kernel.errors import InvalidArgument
from services.kernel.money import amount
from services.order.domain.commands import NewTender, PlaceOrder
from services.order.domain.lines import Line
from services.order.domain.order import Order
from services.order.domain.plans import PlacementPlan, movement
from services.order.domain.pricing import payable
from services.order.domain.states import OrderState
from services.order.domain.tenders import Coupon, Share, Tender, TenderType

HOLD_EXPIRY = "hold_expiry"
"""Timer of an order: its hold runs out unshipped (A14)."""

HELD_UP = timedelta(minutes=1)
"""When an expiry that met a settlement under way looks again."""

HOLD_DAYS = 30
"""An authorization lasts 30 times 24 hours unshipped, its last instant included (A14)."""


def hold_expiry(authorized_at: datetime) -> datetime:
    """The last instant at which an order authorized then may ship."""
    return authorized_at + timedelta(days=HOLD_DAYS)


def place(body: PlaceOrder, now: datetime) -> Order:
    """The order as it is asked for, PLACING; refused with a reason if it does not add up."""
    lines = _lines(body)
    tenders = tuple(_tender(tender) for tender in body.tenders)
    if len({tender.type for tender in tenders}) != len(tenders):
        raise InvalidArgument("DUPLICATE_TENDER", "a tender type appears twice")
    if sum(tender.amount_minor for tender in tenders) != sum(line.payable_minor for line in lines):
        raise InvalidArgument("TENDERS_DO_NOT_SUM", f"{sum(line.payable_minor for line in lines)} is payable")
    _check_credit(body)
    return Order(
        id=body.order_id, customer_id=body.customer_id, merchant_id=body.merchant_id, account_id=body.account_id,
        state=OrderState.PLACING, lines=lines, tenders=tenders, placed_at=now, updated_at=now,
        coupon=Coupon(amount(body.coupon_minor, "the coupon")), terms=body.terms, promotions=body.promotions,
        version=0,
    )


def placement_plan(order: Order) -> PlacementPlan:
    """All of its tenders are to be reserved."""
    shares = tuple(Share(tender.type, tender.amount_minor, tender.amount_minor) for tender in order.tenders)
    reference = next((t.reference for t in order.tenders if t.type is TenderType.BANKCARD and t.amount_minor), "")
    return PlacementPlan(movement(order, shares, order.coupon.amount_minor), order.terms, reference)


def _lines(body: PlaceOrder) -> tuple[Line, ...]:
    if not body.lines or len({line.id for line in body.lines}) != len(body.lines):
        raise InvalidArgument("INVALID_ARGUMENT", "an order has lines with names of their own")
    if any(line.quantity < 1 for line in body.lines):
        raise InvalidArgument("INVALID_AMOUNT", "a line has at least one unit")
    amounts = [line.quantity * amount(line.unit_price_minor, line.id) for line in body.lines]
    amount(sum(amounts), "the order")
    for promotion in body.promotions:
        amount(promotion.amount_minor, "a promotion")
    return tuple(
        Line(line.id, line.quantity, line.unit_price_minor, amount, sku=line.sku, title=line.title)
        for line, amount in zip(body.lines, payable(amounts, body.promotions), strict=True)
    )


def _tender(tender: NewTender) -> Tender:
    amount(tender.amount_minor, f"the {tender.type} tender")
    if tender.amount_minor and not tender.reference and tender.type in (TenderType.GIFTCARD, TenderType.BANKCARD):
        needed = "card" if tender.type is TenderType.GIFTCARD else "acquirer's payment reference (PM-5)"
        raise InvalidArgument("INVALID_ARGUMENT", f"a {tender.type} tender names its {needed}")
    return Tender(tender.type, tender.amount_minor, tender.reference)


def _check_credit(body: PlaceOrder) -> None:
    beside_card = any(tender.amount_minor for tender in body.tenders if tender.type is not TenderType.GIFTCARD)
    if (body.coupon_minor or beside_card) and not body.account_id:
        raise InvalidArgument("INVALID_ARGUMENT", "these tenders need the customer's account", {"field": "account_id"})
    has_credit = any(tender.type is TenderType.CREDIT and tender.amount_minor for tender in body.tenders)
    if has_credit and body.terms is None:
        raise InvalidArgument("INVALID_ARGUMENT", "a CREDIT tender needs its terms", {"field": "credit_terms"})
    if body.terms is not None:
        body.terms.placeable()
