"""What the joins compare, as values: orders with their settlements, refunds and return cases, and the books' rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.kernel.saga import Run
from services.order.domain import bank_shares, returns, tenders
from services.order.domain import order as stored
from services.order.domain.plans import RefundPlan, ReversalPlan
from services.order.domain.states import Kind
from settle.audit.folds.stored import Rows, read_orders, sound
from settle.audit.snapshots import World

ORDERS = "joins.orders"
BANKCARD, GIFTCARD = "BANKCARD", "GIFTCARD"
COMMIT, ABORT = "COMMIT", "ABORT"


class Settlement(NamedTuple):
    """A settlement of an order, and what its plan moves by tender."""

    id: str
    order_id: str
    kind: str
    phase: str
    decision: str
    updated_at: datetime | None
    parties: tuple[str, str, str, str]
    card_id: str
    money: Mapping[str, int]
    refund_id: str
    undoes: str
    return_id: str

    @property
    def ended(self) -> bool:
        """Whether it is at its end."""
        return self.phase in ("DONE", "ABORTED")

    @property
    def done(self) -> bool:
        """Whether it took effect everywhere."""
        return self.phase == "DONE"

    @property
    def key(self) -> str:
        """How a finding names it."""
        return f"settlement {self.id} {self.kind} of {self.order_id}"


class Tender(NamedTuple):
    """A tender of an order, or its coupon."""

    order_id: str
    tender: str
    reference: str
    amount_minor: int
    captured_minor: int
    released_minor: int
    refunded_minor: int
    settled_minor: int


class Refund(NamedTuple):
    """A refund as its order says it."""

    order_id: str
    refund_id: str
    settlement_id: str
    state: str
    amount_minor: int
    reversal_id: str
    posted: bool
    manual: bool
    bank: str
    expired: bool

    @property
    def key(self) -> str:
        """How a finding names it."""
        return f"refund {self.refund_id} of {self.order_id}"


class Case(NamedTuple):
    """A return case and the settlement that refunded it."""

    id: str
    order_id: str
    state: str
    settlement_id: str


class Order(NamedTuple):
    """An order, with all that the coordinator has of it."""

    id: str
    customer_id: str
    merchant_id: str
    account_id: str
    state: str
    settlement_id: str
    placed_at: datetime
    settlements: Sequence[Settlement]
    tenders: Sequence[Tender]
    refunds: Sequence[Refund]
    cases: Sequence[Case]

    @property
    def parties(self) -> tuple[str, str, str, str]:
        """The order, its customer, its merchant and its account."""
        return self.id, self.customer_id, self.merchant_id, self.account_id

    def amount_of(self, *names: str) -> int:
        """What these tenders are to pay."""
        return sum(tender.amount_minor for tender in self.tenders if tender.tender in names)

    def reference_of(self, name: str) -> str:
        """What a tender is paid from: a card, or an acquirer's payment."""
        return next((row.reference for row in self.tenders if row.tender == name and row.amount_minor), "")

    @property
    def placed(self) -> Settlement | None:
        """The settlement that placed it, once that is at its end."""
        return next((row for row in self.settlements if row.kind == Kind.PLACEMENT and row.ended), None)


async def orders(world: World, ids: Sequence[str]) -> list[Order]:
    """These orders, with all that hangs on them; raises where something of it cannot be read."""
    read = await read_orders(world, ids)
    return [_order(sound(row), read) for row in read.orders.values()]


def _order(row: stored.Order, read: Rows) -> Order:
    return Order(
        id=row.id, customer_id=row.customer_id, merchant_id=row.merchant_id, account_id=row.account_id,
        state=row.state, settlement_id=row.settlement_id, placed_at=row.placed_at,
        settlements=[_settlement(sound(run)) for run in read.runs.get(row.id, ())],
        tenders=[*(_tender(row.id, each) for each in row.tenders), _coupon(row.id, row.coupon)],
        refunds=[_refund(row.id, each) for each in row.refunds],
        cases=[_case(sound(case)) for case in read.cases.get(row.id, ())],
    )


def _case(row: returns.ReturnCase) -> Case:
    return Case(row.id, row.order_id, row.state, row.settlement_id)


def _tender(order_id: str, row: tenders.Tender) -> Tender:
    return Tender(
        order_id, row.type.value, row.reference, row.amount_minor, row.captured_minor,
        released_minor=row.released_minor, refunded_minor=row.refunded_minor, settled_minor=row.settled_minor,
    )


def _coupon(order_id: str, row: tenders.Coupon) -> Tender:
    return Tender(
        order_id, "COUPON", "", row.amount_minor, row.captured_minor, released_minor=row.released_minor,
        refunded_minor=row.refunded_minor, settled_minor=0,
    )


def _refund(order_id: str, row: bank_shares.Refund) -> Refund:
    return Refund(
        order_id, row.id, row.settlement_id, row.state, row.amount_minor, reversal_id=row.reversal_id,
        posted=row.posted, manual=row.manual, bank=row.bank, expired=row.expired,
    )


def _settlement(run: Run) -> Settlement:
    plan, money = run.plan, run.plan.money
    moved = {"COUPON": money.coupon_minor} if money.coupon_minor else {}
    for share in money.shares:
        if share.amount_minor:
            moved[share.type.value] = moved.get(share.type.value, 0) + share.amount_minor
    undone = isinstance(plan, ReversalPlan)
    refunds = undone or isinstance(plan, RefundPlan)
    return Settlement(
        id=run.id, order_id=run.root, kind=run.kind, phase=run.phase, decision=run.decision, updated_at=run.updated_at,
        parties=money[:4], card_id=money.card_id, money=moved, refund_id=plan.refund_id if refunds else "",
        undoes=plan.refund_settlement_id if undone else "", return_id=plan.return_id if refunds else "",
    )


async def by_key(world: World, service: str, query: str, *arguments: object) -> dict[str, Any]:
    """The rows of a book by their first column. Any: asyncpg records."""
    return {row[0]: row for row in await world[service].fetch(query, *arguments)}
