"""What the joins compare, as values: orders with their settlements, refunds and return cases, and the books' rows."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from services.order.domain.states import Kind
from settle.audit.findings import ORDER
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
    updated_at: datetime
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


_ORDERS = """
select id, customer_id, merchant_id, account_id, state, settlement_id, placed_at from orders where id = any($1::text[])
"""
_SETTLEMENTS = """
select s.settlement_id, s.root, s.kind, s.phase, s.decision, s.updated_at, s.order_id, s.customer_id, s.merchant_id,
       s.account_id, s.card_id, s.credit_minor, s.wallet_minor, s.giftcard_minor, s.bankcard_minor, s.coupon_minor
from settlements s where s.root = any($1::text[])
"""
_OF_REFUNDS = f"""
select id, coalesce(plan ->> 'refund_id', '') refund_id, coalesce(plan ->> 'refund_settlement_id', '') undoes,
       coalesce(plan ->> 'return_id', '') return_id
from saga_records where root = any($1::text[]) and kind in ('{Kind.REFUND}', '{Kind.REFUND_REVERSAL}')
"""
_TENDERS = """
select order_id, tender, reference, amount_minor, captured_minor, released_minor, refunded_minor, settled_minor
from order_tenders where order_id = any($1::text[])
union all
select order_id, 'COUPON', '', amount_minor, captured_minor, released_minor, refunded_minor, 0
from order_coupons where order_id = any($1::text[])
"""
_REFUNDS = """
select order_id, refund_id, settlement_id, state, amount_minor, coalesce(reversal_id, ''), posted, manual, bank, expired
from order_refunds where order_id = any($1::text[])
"""
_CASES = "select id, order_id, state, settlement_id from return_cases where order_id = any($1::text[])"


async def orders(world: World, ids: Sequence[str]) -> list[Order]:
    """These orders, with all that hangs on them."""
    book = world[ORDER]
    refunded = {row["id"]: tuple(row)[1:] for row in await book.fetch(_OF_REFUNDS, ids)}
    settlements = _grouped(_settlement(row, refunded) for row in await book.fetch(_SETTLEMENTS, ids))
    tenders = _grouped(Tender(*row.values()) for row in await book.fetch(_TENDERS, ids))
    refunds = _grouped(Refund(*row.values()) for row in await book.fetch(_REFUNDS, ids))
    cases = _grouped(Case(*row.values()) for row in await book.fetch(_CASES, ids))
    return [
        Order(
            id=row["id"], customer_id=row["customer_id"], merchant_id=row["merchant_id"], account_id=row["account_id"],
            state=row["state"], settlement_id=row["settlement_id"], placed_at=row["placed_at"],
            settlements=settlements.get(row["id"], ()), tenders=tenders.get(row["id"], ()),
            refunds=refunds.get(row["id"], ()), cases=cases.get(row["id"], ()),
        )
        for row in await book.fetch(_ORDERS, ids)
    ]


def _settlement(row: Any, refunded: Mapping[str, tuple[str, ...]]) -> Settlement:  # Any: asyncpg record
    refund_id, undoes, return_id = refunded.get(row["settlement_id"], ("", "", ""))
    money = {
        "CREDIT": row["credit_minor"], "WALLET": row["wallet_minor"], GIFTCARD: row["giftcard_minor"],
        BANKCARD: row["bankcard_minor"], "COUPON": row["coupon_minor"],
    }
    parties = row["order_id"] or "", row["customer_id"] or "", row["merchant_id"] or "", row["account_id"] or ""
    return Settlement(
        id=row["settlement_id"], order_id=row["root"], kind=row["kind"], phase=row["phase"], decision=row["decision"],
        updated_at=row["updated_at"], parties=parties, card_id=row["card_id"] or "",
        money={name: amount for name, amount in money.items() if amount}, refund_id=refund_id, undoes=undoes,
        return_id=return_id,
    )


def _grouped(rows: Iterable[Any]) -> dict[str, list[Any]]:  # Any: rows with an order_id
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


async def by_key(world: World, service: str, query: str, *arguments: object) -> dict[str, Any]:
    """The rows of a book by their first column. Any: asyncpg records."""
    return {row[0]: row for row in await world[service].fetch(query, *arguments)}


