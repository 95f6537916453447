"""Prints what undoing a refund costs by the length of its account's log:
`python -m tests.benchmarks.reversal_of_a_refund`.

Half of the operations are orders, half their shipments, and the last is the refund. The first column undoes it from
what was kept, as a service does; the second by the whole log, as where nothing was kept. CPU time in pure code, the
best of several runs; the last line says what keeping it costs every refund. `guarded` as beside.
"""

import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import msgspec

from services.credit_ledger.decisions import RULES
from services.credit_ledger.domain.core.position import Position
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.agreement import Agreement
from services.credit_ledger.domain.model.operation import NO_FACTS
from services.credit_ledger.domain.model.tenders import Tenders
from services.kernel.decision import Decision, Done, Known
from services.kernel.messages import Message, Op, SagaRef
from services.runtime.ground.values import frozen_classes, unguard
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, MERCHANT, THREE, Shop, at
from tests.services.credit_ledger.domain.undoing import everything, with_nothing_kept

SHIPPED = at("2026-03-06 10:00:00")
REFUND = commands.RefundTenders(ACCOUNT, "ord_1", MERCHANT, "ref_1", Tenders(500))
RUNS, REPEATS = 200, 30


def main() -> None:
    """Print the figures, with the values' guards dropped as in a service, unless `guarded` is asked for."""
    if "guarded" not in sys.argv:
        unguard(frozen_classes("services"))
    for operations in (20, 60, 200, 1000):
        book = account_with(operations)
        short = _best(partial(_undone, everything(book, ACCOUNT)), 1)
        whole = _best(partial(_undone, everything(with_nothing_kept(book), ACCOUNT)), 1)
        print(f"{operations:5} operations: {short * 1e3:7.2f} ms, by the whole log {whole * 1e3:7.2f} ms")
    far = _best(partial(_undone, everything(account_with(20, since=1000), ACCOUNT)), 1)
    print(f" 1000 operations later: {far * 1e3:7.2f} ms")
    _what_keeping_costs(account_with(20))


def account_with(operations: int, since: int = 0) -> BookInMemory:
    """An account with so many operations; the last is a refund of the second order, or there are as many `since`."""
    shop = Shop(limit=10**9)
    _bought(shop, 0, (operations - 3) // 2 + 1)
    shop.book.saga(ACCOUNT, REFUND, SHIPPED + timedelta(days=1))
    _bought(shop, operations, operations + since // 2)
    return shop.book


def _bought(shop: Shop, first: int, end: int) -> None:
    for number in range(first, end):
        shop.book.saga(ACCOUNT, commands.AuthorizeTenders(
            ACCOUNT, f"ord_{number}", CUSTOMER, MERCHANT, Tenders(1000), THREE, ""
        ), SHIPPED + timedelta(seconds=number))
        shop.book.saga(ACCOUNT, commands.CaptureTenders(
            ACCOUNT, f"ord_{number}", MERCHANT, Tenders(1000)
        ), SHIPPED + timedelta(seconds=number))


def _undone(position: Position) -> Decision:
    """The whole decision, with all rows at hand."""
    body = commands.ReverseRefund(ACCOUNT, "ord_1", MERCHANT, "ref_1")
    message = Message("m", ACCOUNT, body, saga=SagaRef("saga_1", "credit_ledger", Op.EXECUTE))
    decision = RULES[commands.ReverseRefund].decide(position.known, body, message, position.at)
    assert isinstance(decision.outcome, Done), decision
    return decision


def _what_keeping_costs(book: BookInMemory) -> None:
    account, known, agreement = book.account(ACCOUNT), Known(), book.agreement("ord_2")
    known.load(Agreement, {agreement.key: agreement}, [agreement.key])
    changed = Position(known, book.now, account, account, account).plus(replace(agreement, written_off_minor=1))
    encode = msgspec.json.Encoder().encode
    noted = _best(lambda: changed.log(REFUND, book.now), RUNS)
    bare = _best(lambda: replace(changed, facts=NO_FACTS).log(REFUND, book.now), RUNS)
    again = _best(lambda: replace(changed, facts=NO_FACTS), RUNS)
    kept = changed.log(REFUND, book.now).operations[-1].before
    written = _best(lambda: encode(kept), RUNS)
    noting, size = noted - bare + again, len(encode(kept))
    print(f"keeping it: {noting * 1e6:.1f} us to note, {written * 1e6:.1f} us and {size} bytes to write")


def _best(run: Callable[[], object], runs: int) -> float:
    return min(timeit.repeat(run, number=runs, repeat=REPEATS if runs > 1 else 5, timer=time.process_time)) / runs


if __name__ == "__main__":
    main()
