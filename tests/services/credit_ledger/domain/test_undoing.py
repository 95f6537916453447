"""What a reversal reads and folds: what has happened since the refund, however long the log (P24; findings: proto_fold,
proto_fold2, proto_mass)."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit_ledger.domain.core.backwards import PAGE_MAX, PAGE_MIN
from services.credit_ledger.domain.core.position import Applied, Apply, Position
from services.credit_ledger.domain.log.inputs import APPLY
from services.credit_ledger.domain.log.restoring import Row
from services.credit_ledger.domain.log.reversal import reverse
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.before import AgreementBefore
from services.credit_ledger.domain.model.operation import Operation
from services.credit_ledger.domain.model.refund import CreditRefund
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route, SurplusPolicy
from services.kernel.admission import Admission
from services.kernel.effects import Arrived, ToLoad
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import MERCHANT, Shop, at
from tests.services.credit_ledger.domain.undoing import (
    everything,
    undoing_needs_no_whole_log,
    what_stood_in_front_is_what_the_log_gives,
)

SHIPPED, REFUNDED, LATER = "2026-03-10 10:00:00", "2026-03-11 10:00:00", "2026-03-12 10:00:00"
DEFERRED = CreditTerms(plan=PlanKind.DEFERRED)


@dataclass
class Counting(BookInMemory):
    """A book that notes what each round of a decision asks for: how many operations, and what else."""

    pages: list[int] = field(default_factory=list)
    others: set[Row] = field(default_factory=set)

    def _load(self, admission: Admission[Arrived], wanted: ToLoad) -> None:
        if Operation in wanted.rows:
            self.pages.append(len(wanted.rows[Operation]))
        self.others |= {(kind, key) for kind, keys in wanted.rows.items() if kind is not Operation for key in keys}
        self.others |= {(kind, root) for kind, roots in wanted.families.items() for root in roots}
        super()._load(admission, wanted)


def old_account(operations: int) -> Shop:
    """An account with so many operations before the last one, which refunded half of an order."""
    shop = Shop(limit=10**9)
    shop.book = Counting(**{each.name: getattr(shop.book, each.name) for each in fields(shop.book)})
    shop.bought("ord_1", SHIPPED, Tenders(1_000))
    for number in range(operations):
        shop.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 1 + number % 7), at(SHIPPED))
    shop.book.saga(ACCOUNT, commands.RefundTenders(ACCOUNT, "ord_1", MERCHANT, "ref_1", Tenders(500)), at(REFUNDED))
    return shop


def pages_read(shop: Shop) -> list[int]:
    """How many operations a reversal asks for, page by page."""
    assert isinstance(shop.book, Counting)
    shop.book.pages, shop.book.others = [], set()
    shop.book.saga(ACCOUNT, commands.ReverseRefund(ACCOUNT, "ord_1", MERCHANT, "ref_1"), at(LATER))
    return shop.book.pages


def test_a_reversal_reads_one_page_of_a_long_log() -> None:
    """Of 1,000 operations as of 20: those since the refund, and what comes with their page; the same rows."""
    short, long = old_account(20), old_account(1_000)

    assert (sum(pages_read(short)), pages_read(long)) == (short.book.account(ACCOUNT).operations - 1, [PAGE_MIN])
    assert isinstance(short.book, Counting)
    assert isinstance(long.book, Counting)
    assert short.book.others == long.book.others


@pytest.mark.parametrize("operations", [20, 1_000])
def test_a_reversal_folds_what_has_happened_since(operations: int) -> None:
    """With the refund once, without it once: so what it costs does not grow with the log that lies before."""
    shop, folded = old_account(operations), Counter[str]()

    def counted(kind: type, apply: Apply) -> Apply:
        def applied(position: Position, body: object) -> Applied:
            folded[kind.__name__] += 1
            return apply(position, body)

        return applied

    shop.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 1), at(REFUNDED))
    body = commands.ReverseRefund(ACCOUNT, "ord_1", MERCHANT, "ref_1")
    reverse(everything(shop.book, ACCOUNT), body, {kind: counted(kind, apply) for kind, apply in APPLY.items()})

    assert folded == {"RefundTenders": 1, "FundWallet": 2}


def test_a_refund_far_back_is_read_in_pages_that_grow() -> None:
    """1,000 operations later: seven bounded pages, no more than twice what it takes."""
    shop = old_account(10)
    for _ in range(1_000):
        shop.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 1), at(REFUNDED))

    pages = pages_read(shop)

    assert len(pages) <= 7
    assert max(pages) <= PAGE_MAX
    assert shop.outstanding("ord_1") == [333, 333, 334]


def test_one_operation_of_before_makes_it_the_whole_log() -> None:
    """Behind the refund stands one with nothing kept: older code still ran."""
    shop = old_account(1_000)
    shop.book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 1), at(REFUNDED))
    last = shop.book.operations(ACCOUNT)[-1]
    shop.book.given(replace(last, before=None))

    pages = pages_read(shop)

    assert sum(pages) == last.number
    assert shop.outstanding("ord_1") == [333, 333, 334]


def test_what_an_earlier_reversal_took_out_is_taken_out_of_what_was_kept_too() -> None:
    """The second refund found the account as the first had left it; once the first is undone, both ways are one."""
    shop = Shop()
    for order in ("ord_1", "ord_2", "ord_3"):
        shop.bought(order, SHIPPED, Tenders(30_000), DEFERRED)
    shop.repay(SHIPPED, 30_000)
    for order in ("ord_1", "ord_2", "ord_3"):
        shop.refund(order, REFUNDED, 20_000)
    shop.reverse("ord_1", LATER, "ref_1")

    both_ways(shop)


def test_a_refund_keeps_what_it_found_after_the_cut_on_its_way() -> None:
    """One decision, two operations: the cut billed the order, the refund found it billed."""
    shop = Shop()
    shop.bought("ord_1", SHIPPED, Tenders(30_000))
    shop.refund("ord_1", "2026-04-06 10:00:00", 9_000)

    cut, refund = shop.book.operations(ACCOUNT)[-2:]
    billed = [[item.billed for item in plan.instalments] for row in (cut, refund) for plan in kept_of(row).plans]

    assert billed == [[False, False, False], [True, False, False]]
    both_ways(shop)


def kept_of(operation: Operation) -> AgreementBefore:
    """The one agreement that an operation changed, as it was."""
    assert operation.before is not None
    (agreement,) = operation.before.agreements
    return agreement


def both_ways(shop: Shop) -> None:
    """Every refund that stands is undone the same both ways."""
    shop.book.now = at("2026-05-20 10:00:00")
    undoing_needs_no_whole_log(shop.book)
    what_stood_in_front_is_what_the_log_gives(shop.book)


@settings(deadline=None, max_examples=50)
@given(st.permutations(["repay", "confirm", "place", "cut", "give back", "accrue", "waive"]))
def test_whatever_followed_a_refund_both_ways_are_one(steps: list[str]) -> None:
    """Each kind of operation that looks at other orders than its own, behind a refund and in any order."""
    shop = Shop(policy=SurplusPolicy.LIFO)
    shop.bought("ord_1", SHIPPED, Tenders(30_000), DEFERRED)
    shop.bought("ord_2", SHIPPED, Tenders(20_000), CreditTerms(plan=PlanKind.DEFERRED, route=Route.FLASH))
    shop.bought("ord_3", SHIPPED, Tenders(9_000), DEFERRED)
    shop.repay(SHIPPED, 12_000)
    shop.refund("ord_2", REFUNDED, 5_000)
    shop.refund("ord_1", REFUNDED, 10_000)
    for day, step in enumerate(steps, start=1):
        _follows(shop, step, f"2026-03-{11 + day} 10:00:00" if "cut" in steps[day:] else f"2026-04-{19 + day} 10:00:00")

    both_ways(shop)


def _follows(shop: Shop, step: str, when: str) -> None:
    match step:
        case "repay":
            shop.repay(when, 7_000)
        case "confirm" if any(row.open for row in shop.book.family(CreditRefund, ACCOUNT)):
            shop.plain(commands.ConfirmFlashRefund(ACCOUNT, "ord_2"), when)
        case "place":
            shop.bought("ord_9", when, Tenders(4_000))
        case "give back":
            shop.refund("ord_3", when, 9_000, "ref_back")
        case "accrue":
            shop.plain(commands.AccrueLateFees(ACCOUNT, at(when).date()), when)
        case "waive":
            shop.plain(commands.WaiveLateFees(ACCOUNT), when)
        case _:
            shop.book.turn_to(at(when))
