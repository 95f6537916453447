"""Orders: one row each, locked in id order before anything of them is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.order.domain.bank_shares import BankNews, Refund
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import Line
from services.order.domain.order import Order
from services.order.domain.pricing import Promotion
from services.order.domain.states import OrderState
from services.order.domain.tenders import Coupon, Tender
from services.runtime.ground.saving import Saving, column, columns
from services.runtime.ground.tables import Connection

ORDER_COLUMNS = (
    "id, customer_id, merchant_id, account_id, state, settlement_id, version, sequence, placed_at, updated_at,"
    " hold_expires_at, lines, tenders, coupon, refunds, details, events_head"
)


class _Details(msgspec.Struct, omit_defaults=True):
    """What nobody looks for by itself."""

    promotions: tuple[Promotion, ...] = ()
    terms: CreditTerms | None = None
    delivered_at: datetime | None = None
    expired: bool = False
    cancel_reason: str = ""
    reject_reason: str = ""
    contestable_until: datetime | None = None
    bank_news: tuple[BankNews, ...] = ()


_LINES = msgspec.json.Decoder(tuple[Line, ...])
_TENDERS = msgspec.json.Decoder(tuple[Tender, ...])
_COUPON = msgspec.json.Decoder(Coupon)
_REFUNDS = msgspec.json.Decoder(tuple[Refund, ...])
_DETAILS = msgspec.json.Decoder(_Details)
_ENCODE = msgspec.json.Encoder().encode


def order_of(row: Any) -> Order:  # Any: an asyncpg record is untyped
    """The order that a row holds."""
    details = _DETAILS.decode(row["details"])
    return Order(
        id=row["id"], customer_id=row["customer_id"], merchant_id=row["merchant_id"], account_id=row["account_id"],
        state=OrderState(row["state"]), lines=_LINES.decode(row["lines"]), tenders=_TENDERS.decode(row["tenders"]),
        placed_at=row["placed_at"], updated_at=row["updated_at"], coupon=_COUPON.decode(row["coupon"]),
        terms=details.terms, promotions=details.promotions, refunds=_REFUNDS.decode(row["refunds"]),
        settlement_id=row["settlement_id"], hold_expires_at=row["hold_expires_at"], delivered_at=details.delivered_at,
        expired=details.expired, cancel_reason=details.cancel_reason, reject_reason=details.reject_reason,
        version=row["version"], sequence=row["sequence"], contestable_until=details.contestable_until,
        bank_news=details.bank_news, events_head=row["events_head"],
    )


async def load_orders(connection: Connection, keys: Sequence[str]) -> list[Order]:
    """Orders by id, locked."""
    rows = await connection.fetch(
        f"select {ORDER_COLUMNS} from orders where id = any($1::text[]) order by id for no key update", keys
    )
    return [order_of(row) for row in rows]


def _details(order: Order) -> _Details:
    return _Details(
        promotions=order.promotions, terms=order.terms, delivered_at=order.delivered_at, expired=order.expired,
        cancel_reason=order.cancel_reason, reject_reason=order.reject_reason, contestable_until=order.contestable_until,
        bank_news=order.bank_news,
    )


save_orders = Saving(
    "orders",
    key="id",
    once=(*columns("text", "id", "customer_id", "merchant_id", "account_id"), column("placed_at", "timestamptz")),
    moving=(
        column("state", "text", "state.value"), column("settlement_id", "text"),
        *columns("bigint", "version", "sequence"), *columns("timestamptz", "updated_at", "hold_expires_at"),
        column("lines", "json", lambda o: _ENCODE(o.lines)), column("tenders", "json", lambda o: _ENCODE(o.tenders)),
        column("coupon", "json", lambda o: _ENCODE(o.coupon)), column("refunds", "json", lambda o: _ENCODE(o.refunds)),
        column("details", "json", lambda o: _ENCODE(_details(o))), column("events_head", "bytea"),
    ),
    sealed=True,
)
"""Who buys, who sells and when it was placed never changes."""
