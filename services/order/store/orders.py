"""Orders: one row each, locked in id order before anything of them is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.order.domain.credit_terms import CreditTerms
from services.order.domain.lines import Line
from services.order.domain.order import Order, Refund
from services.order.domain.pricing import Promotion
from services.order.domain.states import OrderState
from services.order.domain.tenders import Coupon, Tender
from services.runtime.ground.tables import Connection

ORDER_COLUMNS = (
    "id, customer_id, merchant_id, account_id, state, settlement_id, version, sequence, placed_at, updated_at,"
    " hold_expires_at, lines, tenders, coupon, refunds, details"
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
    )


async def load_orders(connection: Connection, keys: Sequence[str]) -> list[Order]:
    """Orders by id, locked."""
    rows = await connection.fetch(
        f"select {ORDER_COLUMNS} from orders where id = any($1::text[]) order by id for no key update", keys
    )
    return [order_of(row) for row in rows]


async def save_orders(connection: Connection, orders: Sequence[Order]) -> None:
    """Insert new orders, update known ones; who buys, who sells and when it was placed never changes."""
    await connection.execute(
        f"""insert into orders ({ORDER_COLUMNS})
            select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                                 $8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::json[],
                                 $13::json[], $14::json[], $15::json[], $16::json[])
            on conflict (id) do update set state = excluded.state, settlement_id = excluded.settlement_id,
                version = excluded.version, sequence = excluded.sequence, updated_at = excluded.updated_at,
                hold_expires_at = excluded.hold_expires_at, lines = excluded.lines, tenders = excluded.tenders,
                coupon = excluded.coupon, refunds = excluded.refunds, details = excluded.details""",
        [o.id for o in orders], [o.customer_id for o in orders], [o.merchant_id for o in orders],
        [o.account_id for o in orders], [o.state.value for o in orders], [o.settlement_id for o in orders],
        [o.version for o in orders], [o.sequence for o in orders], [o.placed_at for o in orders],
        [o.updated_at for o in orders], [o.hold_expires_at for o in orders], [_ENCODE(o.lines) for o in orders],
        [_ENCODE(o.tenders) for o in orders], [_ENCODE(o.coupon) for o in orders], [_ENCODE(o.refunds) for o in orders],
        [_ENCODE(_details(o)) for o in orders],
    )


def _details(order: Order) -> _Details:
    return _Details(
        promotions=order.promotions, terms=order.terms, delivered_at=order.delivered_at, expired=order.expired,
        cancel_reason=order.cancel_reason, reject_reason=order.reject_reason, contestable_until=order.contestable_until,
    )
