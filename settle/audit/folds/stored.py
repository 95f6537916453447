"""The rows of the order service as values of its domain; a row that cannot be read says so by its key."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import asyncpg
import msgspec

from services.kernel.saga import Branch, BranchState, Phase, Run
from services.order.domain.bank_shares import BankNews, Refund
from services.order.domain.credit_terms import CreditTerms
from services.order.domain.deductions import Deduction
from services.order.domain.lines import Line, LineQuantity
from services.order.domain.order import Order
from services.order.domain.participation import CREDIT_LEDGER, CardEffect, CreditEffect
from services.order.domain.plans import (
    CancellationPlan,
    CapturePlan,
    DepositReturnPlan,
    PlacementPlan,
    RefundPlan,
    ReversalPlan,
)
from services.order.domain.pricing import Promotion
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, Kind, OrderState, ReturnState
from services.order.domain.tenders import Coupon, Tender
from settle.audit import sealed_tables as tables
from settle.audit.findings import ORDER
from settle.audit.shared_reads import once, read_all
from settle.audit.snapshots import World

T = TypeVar("T")

SAGAS_BY_ID = """
select id, root, kind, definition_version, phase, decision, reason, started_at, updated_at, plan, branches
from saga_records where id = any($1::text[])
"""
_ANSWERED = (Kind.PLACEMENT, Kind.REFUND)
"""Only of these do the answers say something that the plans do not."""


class Unreadable(Exception):
    """What is stored is not of the shape that the engine writes; says where, and how that shows. `key` is the
    row's."""

    key = ""


class Rows(NamedTuple):
    """All that the coordinator stores of some orders: their rows, and return cases and settlements by order; in the
    place of each that cannot be read, why."""

    orders: Mapping[str, Order | Unreadable]
    cases: Mapping[str, Sequence[ReturnCase | Unreadable]]
    runs: Mapping[str, Sequence[Run | Unreadable]]


class _OrderDetails(msgspec.Struct):
    promotions: tuple[Promotion, ...] = ()
    terms: CreditTerms | None = None
    delivered_at: datetime | None = None
    expired: bool = False
    cancel_reason: str = ""
    reject_reason: str = ""
    contestable_until: datetime | None = None
    bank_news: tuple[BankNews, ...] = ()


class _CaseDetails(msgspec.Struct):
    reason: str = ""
    note: str = ""
    waybill_number: str = ""
    carrier: str = ""
    return_address: str = ""
    reject_reason: str = ""
    disputed_by: str = ""
    evidence: tuple[str, ...] = ()
    dispute_note: str = ""
    deductions: tuple[Deduction, ...] = ()
    deduction_state: DeductionState | None = None
    deducted_at: datetime | None = None
    give_back_id: str = ""


class _Answer(msgspec.Struct):
    """What of a participant's answer is looked into; the whole of it is skipped."""

    posted_at: datetime
    refund_state: str = ""
    uncovered_minor: int = 0


class _Branch(msgspec.Struct, array_like=True):
    service: str
    state: BranchState
    reason: str
    result: _Answer | None


_LINES = msgspec.json.Decoder(tuple[Line, ...])
_TENDERS = msgspec.json.Decoder(tuple[Tender, ...])
_COUPON = msgspec.json.Decoder(Coupon)
_REFUNDS = msgspec.json.Decoder(tuple[Refund, ...])
_ORDER_DETAILS = msgspec.json.Decoder(_OrderDetails)
_UNITS = msgspec.json.Decoder(tuple[LineQuantity, ...])
_CASE_DETAILS = msgspec.json.Decoder(_CaseDetails)
_BRANCHES = msgspec.json.Decoder(tuple[_Branch, ...])
_PLANS: Mapping[str, Any] = {  # Any: decoders of different types
    Kind.PLACEMENT: msgspec.json.Decoder(PlacementPlan), Kind.CAPTURE: msgspec.json.Decoder(CapturePlan),
    Kind.CANCELLATION: msgspec.json.Decoder(CancellationPlan), Kind.REFUND: msgspec.json.Decoder(RefundPlan),
    Kind.REFUND_REVERSAL: msgspec.json.Decoder(ReversalPlan),
    Kind.DEPOSIT_RETURN: msgspec.json.Decoder(DepositReturnPlan),
}


@once
async def read_orders(world: World, ids: Sequence[str]) -> Rows:
    """These orders, with all that hangs on them."""
    orders = {row["id"]: _read(row, order_of) for row in await read_all(world, ORDER, tables.ORDERS.query, ids)}
    cases: dict[str, list[ReturnCase | Unreadable]] = defaultdict(list)
    for row in await read_all(world, ORDER, tables.CASES.query, ids):
        cases[row["order_id"]].append(_read(row, case_of))
    runs: dict[str, list[Run | Unreadable]] = defaultdict(list)
    for row in await settlement_rows(world, ids):
        runs[row["root"]].append(_read(row, run_of))
    return Rows(orders, cases, runs)


async def settlement_rows(world: World, roots: Sequence[str]) -> list[asyncpg.Record]:
    """The settlements of these roots, and the digests of those that ended long ago; rows are read as their seals are
    over them, which is more than most need, so that they are read once."""
    return [row for sealed in tables.BOTH for row in await read_all(world, ORDER, sealed.query, roots)]


def sound(read: T | Unreadable) -> T:
    """What could be read; raises why it could not."""
    if isinstance(read, Unreadable):
        raise read
    return read


def _read(row: asyncpg.Record, reader: Callable[[asyncpg.Record], T]) -> T | Unreadable:
    try:
        return reader(row)
    except Unreadable as error:
        error.key = row["id"]
        return error


def order_of(row: asyncpg.Record) -> Order:
    """The order that a row holds."""
    try:
        details = _ORDER_DETAILS.decode(row["details"])
        return Order(
            id=row["id"], customer_id=row["customer_id"], merchant_id=row["merchant_id"], account_id=row["account_id"],
            state=OrderState(row["state"]), lines=_LINES.decode(row["lines"]), tenders=_TENDERS.decode(row["tenders"]),
            placed_at=row["placed_at"], updated_at=row["updated_at"], coupon=_COUPON.decode(row["coupon"]),
            terms=details.terms, promotions=details.promotions, refunds=_REFUNDS.decode(row["refunds"]),
            settlement_id=row["settlement_id"], hold_expires_at=row["hold_expires_at"],
            delivered_at=details.delivered_at, contestable_until=details.contestable_until, expired=details.expired,
            cancel_reason=details.cancel_reason, reject_reason=details.reject_reason, version=row["version"],
            sequence=row["sequence"], bank_news=details.bank_news,
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(str(error)) from error


def case_of(row: asyncpg.Record) -> ReturnCase:
    """The return case that a row holds."""
    try:
        details = _CASE_DETAILS.decode(row["details"])
        return ReturnCase(
            id=row["id"], order_id=row["order_id"], state=ReturnState(row["state"]), lines=_UNITS.decode(row["lines"]),
            requested_at=row["requested_at"], updated_at=row["updated_at"], deadline_at=row["deadline_at"],
            accepted=_UNITS.decode(row["accepted"]), reason=details.reason, note=details.note,
            waybill_number=details.waybill_number, carrier=details.carrier, return_address=details.return_address,
            reject_reason=details.reject_reason, disputed_by=details.disputed_by, evidence=details.evidence,
            dispute_note=details.dispute_note, settlement_id=row["settlement_id"], version=row["version"],
            deductions=details.deductions, deduction_state=details.deduction_state, deducted_at=details.deducted_at,
            give_back_id=details.give_back_id,
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise Unreadable(str(error)) from error


def run_of(row: asyncpg.Record) -> Run:
    """The settlement of an order that a row or a digest holds."""
    kind = row["kind"]
    try:
        stored = _BRANCHES.decode(row["branches"]) if kind in _ANSWERED else ()
        branches = tuple([_branch(each) for each in stored])
        return Run(
            id=row["id"], root=row["root"], kind=kind, definition_version=row["definition_version"],
            phase=Phase(row["phase"]), plan=_PLANS[kind].decode(row["plan"]), branches=branches,
            started_at=row["started_at"], deadline_at=row["started_at"], decision=row["decision"],
            reason=row["reason"], updated_at=row.get("updated_at") or row["ended_at"],
        )
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise Unreadable(str(error)) from error


def _branch(stored: _Branch) -> Branch:
    answer = stored.result
    if answer is None:
        return Branch(stored.service, stored.state, stored.reason)
    if stored.service == CREDIT_LEDGER:
        return Branch(stored.service, stored.state, stored.reason, CreditEffect(answer.posted_at, answer.refund_state))
    card = CardEffect(answer.posted_at, uncovered_minor=answer.uncovered_minor)
    return Branch(stored.service, stored.state, stored.reason, card)
