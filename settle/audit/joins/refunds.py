"""Refunds: each is what its settlement moved; order, return case, credit ledger and rail say the same of how far it is
(DOMAIN 2.2, 2.7)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.credit_ledger.domain.model.leg import LegState, Rail
from services.credit_ledger.domain.model.refund import RefundState as Credited
from services.order.domain.bank_shares import BankShare
from services.order.domain.states import Kind, RefundState, ReturnState
from settle.audit.findings import CREDIT, ORDER, Finding, instant
from settle.audit.joins.rows import BANKCARD, ORDERS, Case, Order, Refund, Settlement, by_key
from settle.audit.snapshots import World

_CREDITED = """
select refund_id, account_id, order_id, state, credit_minor, wallet_minor, bank_minor, coupon_minor
from credit_refund_tenders where account_id = any($1::text[]) and order_id = any($2::text[])
"""
_LEGS = f"""
select id, order_id, refund_id, amount_minor, state from legs
where rail = '{Rail.CARD}' and account_id = any($1::text[]) and order_id = any($2::text[])
"""
_CASES = {
    RefundState.CREDIT_DONE: ReturnState.REFUNDED, RefundState.SUCCEEDED: ReturnState.REFUNDED,
    RefundState.SUCCEEDED_MANUAL: ReturnState.REFUNDED, RefundState.PENDING_CHANNEL: ReturnState.REFUNDING,
    RefundState.EXCEPTION: ReturnState.REFUND_EXCEPTION, RefundState.REVERSED: ReturnState.REFUNDED,
}
"""Where a return case stands whose refund stands so (2.2)."""

_FAILED = (ReturnState.IN_RETURN, ReturnState.REFUND_EXCEPTION)
_ARRIVED = (LegState.SETTLED, LegState.REROUTED)
_MOVES: Mapping[str, tuple[str, int]] = {
    Kind.PLACEMENT: ("amount", 1), Kind.CAPTURE: ("captured", 1), Kind.CANCELLATION: ("released", 1),
    Kind.DEPOSIT_RETURN: ("released", 1), Kind.REFUND: ("refunded", 1), Kind.REFUND_REVERSAL: ("refunded", -1),
}
"""Which figure of a tender each kind of settlement moves; what goes back of a rejected order counts as released."""


def settled(read: Sequence[Order]) -> list[Finding]:
    """Tenders of these orders that are not the sum of their settlements, and refunds or cases without theirs."""
    return [found for order in read for found in (*_sums(order), *_entries(order), *_cases(order))]


async def told(world: World, ids: Sequence[str], read: Sequence[Order]) -> list[Finding]:
    """Refunds of these orders of which the credit ledger or the rail says something else. Asked only of a quiet engine:
    the order learns of both by notices."""
    accounts = sorted({order.account_id for order in read})
    credited = await by_key(world, CREDIT, _CREDITED, accounts, ids)
    legs = await world[CREDIT].fetch(_LEGS, accounts, ids)
    by_order: dict[str, list[Any]] = {}  # Any: asyncpg records
    for leg in legs:
        by_order.setdefault(leg["order_id"], []).append(leg)
    return [
        found for order in read for found in (
            *_credited(order, credited), *_banked(order, by_order.get(order.id, ())),
        )
    ]


def _sums(order: Order) -> Iterator[Finding]:
    """Every tender by figure, and exactly one placement."""
    placements = [row for row in order.settlements if row.kind == Kind.PLACEMENT]
    if len(placements) != 1:
        yield _found(f"order {order.id}", "one placement", f"{len(placements)}", instant(order.placed_at))
        return
    moved: dict[tuple[str, str], int] = {}
    for row in order.settlements:
        if row.kind in _MOVES and (row.done or row.kind == Kind.PLACEMENT):
            figure, sign = _MOVES[row.kind]
            for name, amount in row.money.items():
                moved[name, figure] = moved.get((name, figure), 0) + sign * amount
    for tender in order.tenders:
        stated = (tender.amount_minor, tender.captured_minor, tender.released_minor, tender.refunded_minor)
        planned = (
            moved.get((tender.tender, "amount"), 0), moved.get((tender.tender, "captured"), 0),
            moved.get((tender.tender, "released"), 0), moved.get((tender.tender, "refunded"), 0),
        )
        if stated != planned:
            key = f"{tender.tender} of {order.id}"
            yield _found(key, f"amount, captured, released, refunded {planned}", f"{stated}")


def _entries(order: Order) -> Iterator[Finding]:
    """Every refund with its settlement, every settlement of a refund with its entry, every reversal with both."""
    known = {row.id: row for row in order.settlements}
    entries = {refund.settlement_id: refund for refund in order.refunds}
    undone = {row.undoes: row for row in order.settlements if row.kind == Kind.REFUND_REVERSAL and row.done}
    for refund in order.refunds:
        yield from _entry(refund, known.get(refund.settlement_id), undone.get(refund.settlement_id))
    for row in order.settlements:
        if row.kind == Kind.REFUND and row.done and row.id not in entries:
            yield _found(row.key, f"refund {row.refund_id} of its order", "none", instant(row.updated_at))


def _entry(refund: Refund, row: Settlement | None, undone: Settlement | None) -> Iterator[Finding]:
    if row is None or row.kind != Kind.REFUND or row.phase == "ABORTED":
        actual = "none" if row is None else f"{row.kind} {row.phase}"
        yield _found(refund.key, f"its settlement {refund.settlement_id}", actual)
        return
    planned = sum(amount for tender, amount in row.money.items() if tender != "COUPON")
    if (refund.refund_id, refund.amount_minor) != (row.refund_id, planned):
        yield _found(refund.key, f"{row.refund_id} {planned}", f"{refund.refund_id} {refund.amount_minor}")
    reversal = undone.id if undone else ""
    if (refund.reversal_id, refund.state == RefundState.REVERSED) != (reversal, bool(reversal)):
        yield _found(refund.key, f"reversed by {reversal or 'nothing'}", f"{refund.state} {refund.reversal_id}")
    if row.done and refund.state in (RefundState.ACCEPTED, RefundState.FAILED):
        yield _found(refund.key, "as far as its settlement, which is done", refund.state, instant(row.updated_at))


def _cases(order: Order) -> Iterator[Finding]:
    """Return cases in the state of their refund; without one, of their settlement's failure."""
    known = {row.id: row for row in order.settlements}
    entries = {refund.settlement_id: refund for refund in order.refunds}
    refunding = {case.settlement_id: case.id for case in order.cases}
    for row in order.settlements:
        if row.kind == Kind.REFUND and row.done and row.return_id and refunding.get(row.id) != row.return_id:
            yield _found(row.key, f"return case {row.return_id} that it refunded", refunding.get(row.id, "none"))
    for case in order.cases:
        known_row = known.get(case.settlement_id)
        if case.settlement_id and (known_row is None or known_row.kind != Kind.REFUND):
            actual = "none" if known_row is None else known_row.kind
            yield _found(_named(case), f"its settlement {case.settlement_id}", actual)
        elif known_row is not None and known_row.ended:
            refund = entries.get(known_row.id)
            expected = _FAILED if refund is None else (_CASES.get(RefundState(refund.state)),)
            if known_row.done and case.state not in expected:
                state = refund.state if refund else "nowhere"
                yield _found(_named(case), " or ".join(map(str, expected)), f"{case.state}, its refund is {state}")
            elif not known_row.done and case.state in (ReturnState.REFUNDED, ReturnState.REFUNDING):
                yield _found(_named(case), " or ".join(_FAILED), f"{case.state}, its refund failed")


def _credited(order: Order, credited: Mapping[str, Any]) -> Iterator[Finding]:  # Any: asyncpg records
    """Refunds through the flash network, both ways."""
    settlements = {row.id: row for row in order.settlements}
    for refund in order.refunds:
        row, settlement = credited.get(refund.refund_id), settlements.get(refund.settlement_id)
        if row is None:
            if refund.state == RefundState.PENDING_CHANNEL:
                yield _told(refund.key, "a refund that waits for its network", "none")
            continue
        if not _same_state(refund, row["state"]):
            yield _told(refund.key, f"as the credit ledger says, {row['state']}", _said(refund))
        money = settlement.money if settlement else {}
        planned = order.account_id, order.id, *(money.get(name, 0) for name in ("CREDIT", "WALLET", BANKCARD, "COUPON"))
        stored = row["account_id"], row["order_id"], *(
            row[name] for name in ("credit_minor", "wallet_minor", "bank_minor", "coupon_minor")
        )
        if planned != stored:
            yield _told(f"credit {refund.key}", " ".join(map(str, planned)), " ".join(map(str, stored)))
    known = {refund.refund_id for refund in order.refunds}
    for refund_id, row in credited.items():
        if row["order_id"] == order.id and refund_id not in known:
            yield _told(f"credit refund {refund_id} of {order.id}", "a refund of its order", "none")


def _same_state(refund: Refund, credited: str) -> bool:
    match Credited(credited):
        case Credited.PENDING_CHANNEL:
            return not refund.expired and not refund.posted and (
                refund.state == RefundState.PENDING_CHANNEL
                or (refund.state == RefundState.EXCEPTION and refund.bank == BankShare.FAILED)
            )
        case Credited.EXCEPTION:
            return refund.expired and refund.state == RefundState.EXCEPTION
        case Credited.REVERSED:
            return refund.state == RefundState.REVERSED
        case Credited.SUCCEEDED_MANUAL:
            return _stands(refund) and refund.manual
        case _:
            return _stands(refund)


def _stands(refund: Refund) -> bool:
    return refund.posted and refund.state not in (RefundState.PENDING_CHANNEL, RefundState.REVERSED)


def _banked(order: Order, legs: Sequence[Any]) -> Iterator[Finding]:  # Any: asyncpg records
    """Bank-card shares: where each refund says that it is, and what of the tender is back with the customer."""
    by_refund = {leg["refund_id"]: leg for leg in legs if leg["refund_id"]}
    reversed_ = {refund.refund_id for refund in order.refunds if refund.state == RefundState.REVERSED}
    for refund in order.refunds:
        leg = by_refund.get(refund.refund_id)
        if refund.bank and refund.refund_id not in reversed_:
            expected = BankShare.NONE if leg is None else _share(leg["state"])
            if refund.bank != expected:
                named = "no leg" if leg is None else f"leg {leg['id']} {leg['state']}"
                yield _told(refund.key, f"{expected or 'nothing'} at the bank, {named}", refund.bank)
    arrived = sum(
        leg["amount_minor"] for leg in legs if leg["state"] in _ARRIVED and leg["refund_id"] not in reversed_
    )
    for tender in order.tenders:
        expected_minor = arrived if tender.tender == BANKCARD else 0
        if tender.settled_minor != expected_minor:
            named = ", ".join(f"{leg['id']} {leg['state']}" for leg in legs) or "no legs"
            key = f"{tender.tender} of {order.id}"
            yield _told(key, f"{expected_minor} arrived by {named}", f"{tender.settled_minor}")


def _share(state: str) -> BankShare:
    if state in _ARRIVED:
        return BankShare.DONE
    return BankShare.FAILED if state == LegState.EXCEPTION else BankShare.UNDER_WAY


def _said(refund: Refund) -> str:
    notes = [name for name, so in (("posted", refund.posted), ("expired", refund.expired)) if so]
    return ", ".join([refund.state, *notes])


def _named(case: Case) -> str:
    return f"return case {case.id} of {case.order_id}"


def _told(key: str, expected: str, actual: str) -> Finding:
    return Finding(ORDERS, CREDIT, key, expected, actual)


def _found(key: str, expected: str, actual: str, since: str = "") -> Finding:
    return Finding(ORDERS, ORDER, key, expected, actual, since=since)
