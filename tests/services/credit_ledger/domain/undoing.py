"""A refund undone twice over: from what was kept with the operations since it, and by a fold of the whole log (P24)."""

from dataclasses import fields, replace
from datetime import datetime, timedelta

import msgspec

from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.reading import back_to
from services.credit_ledger.domain.log.replay import World, effective, fold
from services.credit_ledger.domain.log.restoring import Standing, in_front_of
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.commands import (
    AdjustRefund,
    ConfirmFlashRefund,
    CorrectLeg,
    LegCorrection,
    RefundTenders,
    ReverseRefund,
)
from services.credit_ledger.domain.model.leg import RefundLeg
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.repayment import Repayment
from services.kernel.decision import Known
from tests.in_memory import R, Step
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory

LATER = timedelta(days=45)
COMPLETIONS = (ConfirmFlashRefund, AdjustRefund)


class _AtHand(Known):
    """A read view to which nothing is missing."""

    def __init__(self, book: BookInMemory) -> None:
        super().__init__()
        self._book = book

    def find(self, kind: type[R], key: str) -> R | None:
        """The row, if there is one."""
        return self._book.find(kind, key)

    def children(self, kind: type[R], root: str) -> tuple[R, ...]:
        """All rows of a root, by key."""
        return tuple(self._book.family(kind, root))

    def has(self, kind: type, key: str) -> bool:
        """Everything was looked at."""
        return True


def undone(book: BookInMemory, refund: RefundTenders, now: datetime, whole_log: bool = False) -> Step:
    """What undoing a refund comes to; the book stays as it is. `whole_log`: as if nothing had been kept."""
    other = BookInMemory(
        rows=dict((with_nothing_kept(book) if whole_log else book).rows), answers=dict(book.answers),
        timers=dict(book.timers), now=now, messages=book.messages,
    )
    body = ReverseRefund(refund.account_id, refund.order_id, refund.merchant_id, refund.refund_id)
    return other.command(refund.account_id, body, saga_id="saga_of_an_undoing")


def with_nothing_kept(book: BookInMemory) -> BookInMemory:
    """The same rows, as code of before anything was kept would have written them."""
    return BookInMemory(now=book.now, rows={
        key: replace(row, before=None) if isinstance(row, Operation) else row for key, row in book.rows.items()
    })


def undoing_needs_no_whole_log(book: BookInMemory) -> None:
    """Every refund that stands, undone at once or later: byte for byte the same both ways."""
    for account_id in {row.root for row in book.rows.values() if isinstance(row, Operation)}:
        for operation in effective(book.operations(account_id)):
            if isinstance(operation.body, RefundTenders):
                for now in (book.now, book.now + LATER):
                    short = undone(book, operation.body, now)
                    assert _bytes(short) == _bytes(undone(book, operation.body, now, whole_log=True)), operation.body
                    assert short.reason != "REPLAY_DIVERGED"


def what_stood_in_front_is_what_the_log_gives(book: BookInMemory) -> None:
    """In front of every refund that stands: each row and figure is as a fold of the log up to it leaves it."""
    for account_id in {row.root for row in book.rows.values() if isinstance(row, Operation)}:
        position, log = everything(book, account_id), effective(book.operations(account_id))
        for refund in (operation.body for operation in log if isinstance(operation.body, RefundTenders)):
            since = back_to(position, refund.refund_id)
            start = in_front_of(position, since)
            assert start is not None
            _same(book, start, fold([each for each in log if each.number < since[0].number], APPLY))
            _same_waits(book, start, since[0].number)


def everything(book: BookInMemory, account_id: str) -> Position:
    """The account of now, with all its rows at hand."""
    account = book.account(account_id)
    return Position(_AtHand(book), book.now, account, account, account)


def _same(book: BookInMemory, start: Standing, world: World) -> None:
    view, unread = start.view(), (
        "receivable_minor", "operations", "stated_operations", "sequence", "version", "pending"
    )
    for name in (field.name for field in fields(start.account) if field.name not in unread):
        assert getattr(start.account, name) == getattr(world.account, name), name
    for kind, then in ((Agreement, world.agreements), (Repayment, world.repayments)):
        for row in book.family(kind, start.account.id):
            found, expected = view.find(kind, row.key), then.get(row.key)
            assert found == (expected and replace(expected, version=row.version)), row.key


def _same_waits(book: BookInMemory, start: Standing, number: int) -> None:
    """The refunds that waited for the network, and what of each leg had counted, by the log itself."""
    log = book.operations(start.account.id)
    over = {row.reference for row in log if row.number < number and isinstance(row.body, COMPLETIONS)}
    accepted = {row.reference for row in log if row.number < number and isinstance(row.body, RefundTenders)}
    rows, view = book.family(CreditRefund, start.account.id), start.view()
    waited = {row.key for row in view.children(CreditRefund, start.account.id) if row.open}
    assert waited == {row.key for row in rows if row.state is not RefundState.REVERSED} & accepted - over
    for leg in book.family(RefundLeg, start.account.id):
        then = view.find(RefundLeg, leg.id)
        counted = sum(
            row.body.wallet_minor - row.body.receivable_minor for row in log if row.number < number
            and isinstance(row.body, CorrectLeg) and row.body.leg_id == leg.id
            and row.body.correction is LegCorrection.COUNTED
        )
        assert then is None or then.counted_minor == counted


def _bytes(step: Step) -> bytes:
    return msgspec.json.encode([
        step.outcome, [[type(row).__name__, row] for row in step.changes], step.journals, step.events, step.commands,
        step.actions,
    ])
