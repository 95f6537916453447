"""Whose an order is: order, settlements, agreement, account, card and payment name the same order, customer, merchant,
account and card, and each has what the other says it has (OP-4, I-1). All of it is fixed when the order is placed."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.order.domain.states import Kind
from settle.audit.findings import CARD, CREDIT, ORDER, Finding, instant
from settle.audit.joins.rows import BANKCARD, COMMIT, GIFTCARD, ORDERS, Order, by_key
from settle.audit.shared_reads import AGREED, rows
from settle.audit.snapshots import World

AGREEMENTS, TENDERS = "joins.agreements", "joins.card_tenders"
_CARD_TENDERS = """
select t.order_id, t.merchant_id, t.card_id, c.customer_id holder_id, t.deposited_minor, c.code_number
from card_tenders t left join gift_cards c on c.id = t.card_id where t.order_id = any($1::text[])
"""
_REFERENCES = "select id, order_id from payment_references where id = any($1::text[])"
_BEYOND_CARDS = ("CREDIT", "WALLET", BANKCARD, "COUPON")
_OF_ACCOUNTS = "select order_id, account_id from agreements where account_id = any($1::text[])"
_OF_CARDS = """
select order_id, card_id account_id from card_tenders where card_id = any($1::text[]) and deposited_minor > 0
"""
_SINCE = {
    CREDIT: """
        select order_id, (hold ->> 'authorized_at')::timestamptz since from agreements
        where order_id = any($1::text[])""",
    CARD: """
        select t.order_id, min(j.posted_at) since
        from card_tenders t left join journals j on j.root = t.card_id and j.order_id = t.order_id
        where t.order_id = any($1::text[]) group by t.order_id""",
}
"""Since when there is something of an order, by book."""
_KNOWN = "select id from orders where id = any($1::text[])"
_LATEST = "select max(started_at) - interval '1 hour' from saga_records"
"""What is younger than this may be younger than the snapshot of the coordinator, which was taken first."""


async def parties(world: World, ids: Sequence[str], read: Sequence[Order]) -> list[Finding]:
    """What of these orders is missing in a book, should not be there, or is somebody else's."""
    agreements = {row["order_id"]: row for row in await rows(world, CREDIT, AGREED, ids)}
    tenders = await by_key(world, CARD, _CARD_TENDERS, ids)
    payments = [order.reference_of(BANKCARD) for order in read]
    references = await by_key(world, CREDIT, _REFERENCES, [payment for payment in payments if payment])
    return [
        found for order in read for found in (
            *_settled_for_another(order), *_agreement(order, agreements.get(order.id)),
            *_card_tender(order, tenders.get(order.id)), *_payment(order, references),
        )
    ]


async def agreements(world: World, ids: Sequence[str]) -> list[Finding]:
    """Agreements of these accounts whose order is not there."""
    return await _orphans(world, CREDIT, AGREEMENTS, _OF_ACCOUNTS, ids)


async def card_tenders(world: World, ids: Sequence[str]) -> list[Finding]:
    """Tenders of these cards whose order is not there."""
    return await _orphans(world, CARD, TENDERS, _OF_CARDS, ids)


async def _orphans(world: World, service: str, check: str, query: str, ids: Sequence[str]) -> list[Finding]:
    rows = await world[service].fetch(query, ids)
    known = {row["id"] for row in await world[ORDER].fetch(_KNOWN, [row["order_id"] for row in rows])}
    orphans = {row["order_id"]: row["account_id"] for row in rows if row["order_id"] not in known}
    if not orphans:
        return []
    latest = None if world.quiet else await world[ORDER].fetchval(_LATEST)
    return [
        Finding(
            check, service, f"{row['order_id']} on {orphans[row['order_id']]}", "an order", "none",
            since=instant(row["since"]),
        )
        for row in await world[service].fetch(_SINCE[service], list(orphans))
        if latest is None or row["since"] is None or row["since"] < latest
    ]


def _settled_for_another(order: Order) -> Iterator[Finding]:
    card = order.reference_of(GIFTCARD)
    for row in order.settlements:
        if row.parties != order.parties or (row.card_id and row.card_id != card):
            expected, actual = (*order.parties, card), (*row.parties, row.card_id)
            yield _found(row.key, expected, actual, ORDER, instant(row.updated_at))


def _agreement(order: Order, row: Any) -> Iterator[Finding]:  # Any: asyncpg record, or None
    placed = order.placed
    if placed is None:
        return
    held = placed.decision == COMMIT and order.amount_of(*_BEYOND_CARDS) > 0
    key = f"agreement of {order.id}"
    if held != (row is not None):
        yield _found(key, ("an agreement" if held else "none",), ("none" if row is None else "an agreement",), CREDIT,
                     instant(placed.updated_at))
    if row is not None:
        expected = *order.parties, order.customer_id, order.reference_of(BANKCARD)
        actual = (
            *(row[name] for name in ("order_id", "customer_id", "merchant_id", "account_id", "holder_id")),
            row["payment_reference"],
        )
        if actual != expected:
            yield _found(key, expected, actual, CREDIT)


def _card_tender(order: Order, row: Any) -> Iterator[Finding]:  # Any: as above
    placed, card = order.placed, order.reference_of(GIFTCARD)
    if placed is None:
        return
    taken, key = placed.decision == COMMIT and order.amount_of(GIFTCARD) > 0, f"card tender of {order.id}"
    if taken != (row is not None and row["deposited_minor"] > 0):
        yield _found(key, ("a deposit" if taken else "none",), ("a deposit" if not taken else "none",), CARD,
                     instant(placed.updated_at))
    if row is not None:
        handed_on = (row["code_number"] or 0) > 1  # to somebody else, it may be (RD-26)
        expected = order.id, order.merchant_id, card, row["holder_id"] if handed_on else order.customer_id
        actual = row["order_id"], row["merchant_id"], row["card_id"], row["holder_id"]
        if actual != expected:
            yield _found(key, expected, actual, CARD)


def _payment(order: Order, references: dict[str, Any]) -> Iterator[Finding]:  # Any: as above
    """The acquirer's payment of an order that was placed, or that was rejected and is paid back, is that order's."""
    payment = order.reference_of(BANKCARD)
    kinds = (Kind.PLACEMENT, Kind.DEPOSIT_RETURN)
    if payment and any(row.done and row.kind in kinds for row in order.settlements):
        row = references.get(payment)
        if row is None or row["order_id"] != order.id:
            actual = "nobody" if row is None else row["order_id"] or "nobody"
            yield _found(f"payment {payment}", (order.id,), (actual,), CREDIT)


def _found(key: str, expected: Sequence[object], actual: Sequence[object], where: str, since: str = "") -> Finding:
    said, heard = (" ".join(str(each) for each in values if each not in ("", None)) for values in (expected, actual))
    return Finding(ORDERS, where, key, said or "nothing", heard or "nothing", since=since)
