"""The coordinators' settlements and the orders as they are copied beside the books: their lists are read here, for
views of the database that spread them cost several times as much."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from services.kernel.saga import BranchState, Phase
from services.order.domain.plans import Movement
from services.order.domain.tenders import Coupon, Tender, TenderType
from settle.audit.findings import BOOKS, CARD, CREDIT, ORDER

AMOUNT_MAX = 2**60
"""An amount beyond this cannot be read: what is summed of a few of them has to fit into 63 bits."""
NO_MONEY = Movement(
    order_id="", customer_id="", merchant_id="", account_id="", card_id="", shares=(), coupon_minor=0,
)
Spread = Iterator[tuple[str, tuple[object, ...]]]
"""For each book, by its name, a row of the table beside it."""


class Copied(NamedTuple):
    """A table beside the books: the table `of` a service that it comes from and its query, and the rows of each."""

    table: str
    source: str
    query: str
    columns: Sequence[str]
    spread: Callable[[asyncpg.Record], Spread]
    of: str = ORDER


class _Plan(msgspec.Struct):
    money: Movement = NO_MONEY
    merchant_id: str = ""
    gift_minor: int = 0


class _Effect(msgspec.Struct):
    posted_at: datetime | None = None


class _Branch(msgspec.Struct, array_like=True):
    service: str
    state: str = ""
    reason: str = ""
    result: _Effect | None = None


_PLAN = msgspec.json.Decoder(_Plan)
_BRANCHES = msgspec.json.Decoder(tuple[_Branch, ...])
_TENDERS, _COUPON = msgspec.json.Decoder(tuple[Tender, ...]), msgspec.json.Decoder(Coupon)


class Settlement(NamedTuple):
    """A settlement that has ended, with the money of its plan by book; the book at which it did not end, though it is
    done; and when the book beside which it is copied posted it by its own answer, if that says so."""

    id: str
    kind: str
    root: str
    decision: str
    two_phase: bool
    credit_minor: int
    deposit_minor: int
    gift_minor: int
    coupon_minor: int
    started_at: datetime
    ended_at: datetime
    merchant_id: str
    account_id: str
    card_id: str
    unended: str
    posted_at: datetime | None = None


class Answered(NamedTuple):
    """A settlement of a redemption that has ended, as far as it dates journals and left some; see `Settlement`."""

    id: str
    kind: str
    decision: str
    two_phase: bool
    started_at: datetime
    ended_at: datetime
    unended: str
    posted_at: datetime | None = None


class Paid(NamedTuple):
    """A tender of an order, or its coupon, and what all tenders of the order captured."""

    id: str
    state: str
    tender: str
    amount_minor: int
    captured_minor: int
    released_minor: int
    refunded_minor: int
    whole_minor: int


def _settlement(row: asyncpg.Record) -> Spread:
    plan, branches = _PLAN.decode(row["plan"]), _BRANCHES.decode(row["branches"])
    money = plan.money
    credit_minor = deposit_minor = gift_minor = 0
    for kind, amount_minor, _ in money.shares:
        if kind is TenderType.CREDIT:
            credit_minor += amount_minor
        elif kind is TenderType.GIFTCARD:
            gift_minor += amount_minor
        else:
            deposit_minor += amount_minor
    settlement = Settlement(
        id=row["id"], kind=row["kind"], root=row["root"], decision=row["decision"], two_phase=len(branches) > 1,
        credit_minor=credit_minor, deposit_minor=deposit_minor, gift_minor=plan.gift_minor or gift_minor,
        coupon_minor=money.coupon_minor,
        started_at=row["started_at"], ended_at=row["updated_at"],
        merchant_id=money.merchant_id or row["root"].partition("/")[0],
        account_id=money.account_id, card_id=money.card_id, unended="",
    )
    _bounded(settlement[5:9])
    for service, posted_at in _posted(branches).items():
        yield service, settlement._replace(unended=_unended(row, branches, service), posted_at=posted_at)


def _answered(row: asyncpg.Record) -> Spread:
    branches = _BRANCHES.decode(row["branches"])
    answered = Answered(
        row["id"], row["kind"], row["decision"], two_phase=len(branches) > 1, started_at=row["started_at"],
        ended_at=row["updated_at"], unended="",
    )
    for service, posted_at in _posted(branches).items():
        yield service, answered._replace(unended=_unended(row, branches, service), posted_at=posted_at)


def _unended(row: asyncpg.Record, branches: Sequence[_Branch], book: str) -> str:
    """What of a settlement that is done did not end at this book, or where no book is: told once, beside the first."""
    if row["phase"] != Phase.DONE:
        return ""
    first = next((each.service for each in branches if each.service in BOOKS), "")
    return next((
        f"{each.service} {each.state}" for each in branches
        if each.state != BranchState.ENDED and (each.service if each.service in BOOKS else first) == book
    ), "")


def _posted(branches: Sequence[_Branch]) -> dict[str, datetime | None]:
    """When each book posted by its own answer; of one with two branches it is not known which posted what."""
    posted: dict[str, datetime | None] = {}
    for branch in branches:
        answered_at = branch.result.posted_at if branch.result is not None else None
        posted[branch.service] = None if branch.service in posted else answered_at
    return posted


def _order(row: asyncpg.Record) -> Spread:
    """Exact only while nothing is under way."""
    tenders, coupon = _TENDERS.decode(row["tenders"]), _COUPON.decode(row["coupon"])
    whole_minor = sum(tender.captured_minor for tender in tenders)
    paid = [Paid(row["id"], row["state"], each.type.value, *_amounts_of(each), whole_minor) for each in tenders]
    paid.append(Paid(row["id"], row["state"], "COUPON", *_amounts_of(coupon), whole_minor))
    for each in paid:
        if each.amount_minor > 0:
            _bounded(each[3:])
            yield CARD if each.tender == TenderType.GIFTCARD else CREDIT, each


def _amounts_of(paid: Tender | Coupon) -> tuple[int, int, int, int]:
    return paid.amount_minor, paid.captured_minor, paid.released_minor, paid.refunded_minor


def _bounded(amounts: Sequence[int]) -> None:
    if max(map(abs, amounts)) > AMOUNT_MAX:
        raise ValueError(f"an amount beyond {AMOUNT_MAX}")


SETTLEMENTS = Copied(
    "audit_settlements", "sagas",
    """select id, root, kind, phase, decision, plan, branches, started_at, updated_at from saga_records
       where phase in ('DONE', 'ABORTED')""",
    Settlement._fields, _settlement,
)
"""The settlements of orders and merchants that have ended, beside each book that took part."""
REDEMPTIONS = Copied(
    "audit_redemptions", "sagas",
    """select id, kind, phase, decision, branches, started_at, updated_at from saga_records
       where phase in ('DONE', 'ABORTED')""",
    Answered._fields, _answered, of=CARD,
)
"""Those that card_redemption coordinates."""
ORDERS = Copied(
    "audit_orders", "orders", "select id, state, tenders, coupon from orders", Paid._fields, _order,
)
"""What the coordinator says of every tender, beside the book that carries it."""
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What `spread` raises at a row that the engine did not write so."""
