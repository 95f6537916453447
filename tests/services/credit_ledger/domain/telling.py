"""The history of an account, told from the log of a book in memory, beside what the book holds."""

from dataclasses import dataclass, fields, replace
from typing import Any

from services.credit_ledger.domain.log.history import Beside, History, Told
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.together import Together
from services.credit_ledger.domain.model.adjustment import Adjustment
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.commands import ReverseRefund
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.payment_reference import PaymentReference
from services.credit_ledger.domain.model.payout import RedemptionPayout
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.credit_ledger.domain.model.statement import Statement
from services.kernel.decision import Missing
from services.kernel.journal import Journal, Unit
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory

OF_LEGS = frozenset((
    "card_refund_settled", "payout_settled", "manual_adjust", "chargeback_kept", "leg_bounced", "deposit",
    "deposit_return", "payout",
))
"""What journals of legs alone are called."""

_BY_STEPS = {
    RefundLeg: {
        "state", "attempts", "detail", "updated_at", "word", "end", "moved_at", "used_minor", "version"
    },
    RedemptionPayout: {"state", "moved_at", "version"},
    CreditRefund: {"version"}, Agreement: {"version"}, Repayment: {"version"}, PaymentReference: {"version"},
}
"""What a log does not tell: the steps of legs and payouts, and how many decisions there were."""


@dataclass
class Telling:
    """A history and the decisions that it was told in."""

    history: History
    decisions: list[tuple[tuple[Operation, ...], Told]]


def tell(book: BookInMemory, account_id: str) -> Telling:
    """Tell the whole log of an account."""
    telling = Telling(History(APPLY), [])
    together = Together(telling.history)
    for operation in book.operations(account_id):
        issued = {row.key for row in book.family(Statement, account_id) if row.issued_at == operation.at}
        for decided in together.take(operation, issued):
            _tell_on(book, telling, decided)
    for decided in together.rest():
        _tell_on(book, telling, decided)
    return telling


def the_log_tells_the_history(book: BookInMemory, account_id: str = "acc_1") -> None:
    """Every operation, row and journal is what the log tells, one decision after another."""
    telling = tell(book, account_id)
    for decided, told in telling.decisions:
        for stored, expected in zip(decided, told.operations, strict=True):
            assert _sorted(stored) == _sorted(expected)
    _same_account(book, telling)
    for kind in (Agreement, Repayment, CreditRefund, Statement, Adjustment, RefundLeg, RedemptionPayout):
        _same_rows(book, telling, kind, account_id)
    _same_journals(book, telling)


def _tell_on(book: BookInMemory, telling: Telling, decided: tuple[Operation, ...]) -> None:
    history, beside = telling.history, Beside()
    if isinstance(decided[-1].body, ReverseRefund):
        beside = _beside(book, decided[-1])
    while True:
        try:
            told = history.tell(decided, beside)
            break
        except Missing as more:
            keys = [key for _, key in more.rows]
            history.rows.load(Operation, {key: book.row(Operation, key) for key in keys}, keys)
    history.rows.give_back()
    telling.decisions.append((decided, told))


def _beside(book: BookInMemory, reversal: Operation) -> Beside:
    """What the reversal posted says what it found."""
    own = [row for row in book.operations(reversal.account_id) if isinstance(row.body, ReverseRefund)]
    posted = _reversals(book.journals)
    lines = posted[own.index(reversal)] if len(posted) == len(own) else {}
    return Beside(-lines.get("A.MERCH.RECV", 0), "L.REFUND.TRANSIT.CARD" not in lines)


def _reversals(journals: list[Journal]) -> list[dict[str, int]]:
    found = [journal for journal in journals if journal.op == "refund_reverse" and journal.unit is Unit.CNY]
    return [{line.account: line.amount_minor for line in journal.lines} for journal in found]


def _sorted(operation: Operation) -> Operation:
    """What was kept of agreements is in no order of its own."""
    before = operation.before
    if before is None:
        return operation
    kept = tuple(sorted(before.agreements, key=lambda row: row.order_id))
    return replace(operation, before=before._replace(agreements=kept))


def _same_account(book: BookInMemory, telling: Telling) -> None:
    stored, told = book.account("acc_1"), telling.history.account
    assert told is not None
    assert replace(told, version=stored.version, sequence=stored.sequence, pending=stored.pending) == stored


def _same_rows(book: BookInMemory, telling: Telling, kind: type[Any], account_id: str) -> None:
    stored = {row.key: row for row in book.family(kind, account_id)}
    told = telling.history.rows.all(kind)
    assert stored.keys() == told.keys(), kind
    names = [field.name for field in fields(kind) if field.name not in _BY_STEPS.get(kind, ())]
    for key, row in stored.items():
        for name in names:
            was, now = getattr(told[key], name), getattr(row, name)
            if kind is Statement and name == "issued_at":
                assert was <= now
            elif kind is CreditRefund and now is RefundState.EXCEPTION:
                assert was is RefundState.PENDING_CHANNEL
            else:
                assert was == now, (key, name)


def _same_journals(book: BookInMemory, telling: Telling) -> None:
    """Those told stand in the book, in their order; between them stand only journals of legs, and of merchants."""
    told = [journal for _, each in telling.decisions for journal in each.journals]
    place = 0
    for journal in book.journals:
        if place < len(told) and _named(told[place]) == _named(journal):
            place += 1
        else:
            assert journal.op in OF_LEGS or journal.op == "merchant_settle", journal
    assert place == len(told), told[place]


def _named(journal: Journal) -> tuple[Any, ...]:
    return journal.op, journal.unit, journal.order_id, journal.lines
