"""The tables of all lives over simulated rows: what states allow, and what wakes what waits."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from services.card_redemption.domain import lifecycles as cards
from services.credit_ledger.domain import lifecycles as credit
from services.credit_ledger.domain import soundness as credit_soundness
from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement
from services.kernel.lifecycle import Lifecycle, Wait
from services.kernel.notices import Notice
from services.kernel.saga_life import SAGA, notice_wait
from services.order.domain import lifecycles as orders
from services.order.domain import soundness as order_soundness
from services.order.domain.order import Order
from services.order.domain.returns import ReturnCase
from settle.simulation.store import Store

ALL: tuple[Lifecycle[Any], ...] = (*orders.LIFECYCLES, *credit.LIFECYCLES, *cards.LIFECYCLES, SAGA)
"""Any: each is of its own kind of rows."""
LIVES = {each.row: each for each in ALL if each is not orders.DEDUCTION}
Change = tuple[Lifecycle[Any], StrEnum | None, StrEnum]
"""Whose life, where it stood (None: it begins), and where it stands."""


def changes(before: Any, after: Any) -> Iterator[Change]:  # Any: rows of one kind, or none before
    """What a decision did to the states of a row, and of the rows in it that have a life of their own."""
    life = LIVES.get(type(after))
    if life is not None:
        yield life, before and life.state(before), life.state(after)
    if isinstance(after, ReturnCase) and after.deduction_state is not None:
        yield orders.DEDUCTION, before and before.deduction_state, after.deduction_state
    parts = _PARTS.get(type(after))
    if parts is not None:
        earlier = parts(before) if before is not None else {}
        for key, part in parts(after).items():
            was = earlier.get(key)
            if was is not part:
                life = LIVES[type(part)]
                yield life, None if was is None else life.state(was), life.state(part)


_PARTS: Mapping[type, Callable[[Any], Mapping[object, Any]]] = {  # Any: of as many kinds
    Order: lambda order: {refund.settlement_id: refund for refund in order.refunds},
    Agreement: lambda agreement: {"hold": agreement.hold, **{item.no: item for item in agreement.instalments}},
}


def flaws(store: Store, row: Any) -> Iterator[str]:  # Any: a row of any kind
    """What of a row contradicts its state, or the rows beside it."""
    life = LIVES.get(type(row))
    for flaw in life.all_flaws(row, row.version) if life is not None else ():
        yield f"{type(row).__name__} {row.key}: {flaw}"
    if isinstance(row, Order):
        for key, flaw in order_soundness.of_cases(row, store.family_of(ReturnCase, row.id)):
            yield f"{key}: {flaw}"


def flaws_of_account(store: Store, account: CreditAccount, present: Any) -> Iterator[str]:  # Any: an instant
    """What of an account contradicts its agreements."""
    agreements = store.family_of(Agreement, account.id)
    owing = next((agreement.order_id for agreement in agreements if agreement.open), "")
    for flaw in credit_soundness.of_account(account, owing, present):
        yield f"{account.id}: {flaw}"
    for agreement in agreements:
        for flaw in credit_soundness.of_instalments(account, agreement):
            yield f"{agreement.key}: {flaw}"


def waits_of(row: Any) -> Iterator[Wait]:  # Any: a row of any kind
    """What a row waits for."""
    if isinstance(row, Notice):
        if row.open:
            yield notice_wait(row.id, row.root)
    elif (life := LIVES.get(type(row))) is not None:
        yield from life.waits(row)
