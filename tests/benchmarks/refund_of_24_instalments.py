"""Prints what a refund of 24 instalments costs in pure code: `python -m tests.benchmarks.refund_of_24_instalments`.

The allocation alone has a budget of 20 us; the whole decision (journals, laws, explanation and log included) of 150 us.
Figures are CPU time, the best of many short runs, so that a busy machine does not count.
"""

import sys
import time
import timeit
from collections.abc import Callable
from datetime import datetime, timedelta

from services.credit_ledger.decisions import RULES
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms
from services.credit_ledger.domain.refunds import allocation
from services.kernel.decision import Decision, Known
from services.kernel.messages import Message, Op, SagaRef
from services.runtime.ground.values import settle_in
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import MERCHANT, Shop, at

RUNS, REPEATS = 50, 300
SHIPPED = "2026-03-10 10:00:00"


def main() -> None:
    """Print the figures, with values as they are in a service, unless `guarded` is asked for."""
    if "guarded" not in sys.argv:
        settle_in()
    shop = Shop(limit=10**9)
    shop.bought("ord_1", SHIPPED, Tenders(2_400_007), CreditTerms(instalment_count=24, fee_ppm=5500))
    shop.place("ord_2", SHIPPED, Tenders(2_400_007), CreditTerms(instalment_count=24, fee_ppm=5500))
    later, agreement = at(SHIPPED) + timedelta(days=10), shop.agreement("ord_1")
    items, strategy = agreement.plans[0].instalments, agreement.terms.strategy
    refund = _saga(commands.RefundTenders(ACCOUNT, "ord_1", MERCHANT, "ref_1", Tenders(800_003)))
    release = _saga(commands.ReleaseTenders(ACCOUNT, "ord_2", MERCHANT, Tenders(2_400_007)))
    _figure(
        "allocation of a refund over 24 instalments", 20, lambda: allocation.reduce(items, strategy, 800_003, later)
    )
    _figure("allocation, fees and new instalments", 0, lambda: allocation.allocate(agreement, 800_003, later))
    _figure("whole decision: refund", 150, lambda: _decided(shop, refund, later))
    _figure("whole decision: release", 150, lambda: _decided(shop, release, later))


def _decided(shop: Shop, message: Message, now: datetime) -> Decision:
    """One decision on what its rule wants to see; neither of the two asks for more."""
    rule, known = RULES[type(message.body)], Known()
    for kind, key in rule.wants(message.body, message):
        row = shop.book.rows.get((kind, key))
        known.load(kind, {} if row is None else {key: row}, [key])
    return rule.decide(known, message.body, message, now)


def _saga(body: object) -> Message:
    return Message("m", ACCOUNT, body, saga=SagaRef("saga_1", "credit_ledger", Op.EXECUTE))


def _figure(name: str, budget_us: int, run: Callable[[], object]) -> None:
    seconds = min(timeit.repeat(run, number=RUNS, repeat=REPEATS, timer=time.process_time)) / RUNS
    budget = f"   (budget {budget_us} us)" if budget_us else ""
    print(f"{name:46} {seconds * 1e6:7.1f} us{budget}")


if __name__ == "__main__":
    main()
