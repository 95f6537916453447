"""Refunded in the free period is as good as never bought (U5); and the order of refunds does not change their sum."""

from datetime import timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Strategy
from services.kernel.allocation import split, unit_value
from tests.services.credit_ledger.domain import counterfactual
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import CUSTOMER, DEFERRED, MERCHANT, Shop, at

FREE_DAYS = 40
TERMS = st.builds(
    CreditTerms, plan=st.sampled_from(PlanKind), instalment_count=st.sampled_from((1, 3, 12)),
    fee_ppm=st.sampled_from((0, 5500)),
    flat_fee_minor=st.sampled_from((0, 600)), term_days=st.just(30), free_days=st.just(FREE_DAYS),
    strategy=st.sampled_from(Strategy),
)


@settings(max_examples=100, deadline=None)
@given(
    terms=TERMS, other=TERMS, credit=st.integers(1, 60_000),
    shares=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    days=st.integers(0, FREE_DAYS), repaid=st.sampled_from((0, 500, 30_000)),
)
def test_a_full_refund_in_the_free_period_is_as_if_never_bought(
    terms: CreditTerms, other: CreditTerms, credit: int, shares: list[int], days: int, repaid: int
) -> None:
    """Principal, limit, unpaid fees and money held are those of an account that never had the order (U5, item 10).

    Where the customer repaid in between, it may have paid another debt than without the order: the net is the same.
    """
    shop = Shop()
    shop.bought("ord_0", "2026-03-01 10:00:00", Tenders(20_000), other)
    shop.bought("ord_1", "2026-03-02 10:00:00", Tenders(credit, 77), terms)
    if repaid:
        shop.repay("2026-03-03 10:00:00", repaid)
    when = max(at("2026-03-02 10:00:00") + timedelta(days=days), at("2026-03-03 10:00:00"))

    for number, part in enumerate(part for part in split(credit, shares) if part):
        shop.book.saga(ACCOUNT, commands.RefundTenders(
            ACCOUNT, "ord_1", MERCHANT, f"ref_{number}", Tenders(part, 0 if number else 77)
        ), when)

    compared = counterfactual.without_order(shop.book.operations(ACCOUNT), "ord_1")
    real, never = compared.with_order, compared.without_order
    owed_really = real.unpaid_principal_minor - real.credit_balance_minor
    assert owed_really == never.unpaid_principal_minor - never.credit_balance_minor
    assert real.wallet_minor == never.wallet_minor
    assert repaid or real == never


def test_what_an_order_costs_is_the_difference() -> None:
    """An unrefunded order: its principal, its bill."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(100_000), DEFERRED)
    shop.plain(commands.CutStatement(ACCOUNT, shop.instalments("ord_1")[0].bill_date), "2026-04-05 00:00:00")

    compared = counterfactual.without_order(shop.book.operations(ACCOUNT), "ord_1")

    assert compared.with_order.due_minor - compared.without_order.due_minor == 100_600
    assert compared.without_order.available_minor - compared.with_order.available_minor == 100_000


@settings(max_examples=40, deadline=None)
@given(
    lines=st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 3)), min_size=1, max_size=3),
    strategy=st.sampled_from(Strategy), count=st.sampled_from((1, 3, 6)),
)
def test_the_order_in_which_disjoint_lines_come_back_does_not_change_the_total(
    lines: list[tuple[int, int]], strategy: Strategy, count: int
) -> None:
    """Partials sum to the full refund in every order, and leave exactly 0 in every instalment and tender (PR-7)."""
    payable = [amount for amount, _ in lines]
    whole = sum(payable)
    ends = set()
    for order in permutations(range(len(lines))):
        book = _book(whole, CreditTerms(instalment_count=count, fee_ppm=5000, strategy=strategy))
        left = [whole - whole // 3, whole // 3]
        for line in order:
            quantity = lines[line][1]
            amount = sum(unit_value(payable[line], quantity, unit, 1) for unit in range(quantity))
            credit, wallet = split(amount, left)
            left = [left[0] - credit, left[1] - wallet]
            book.saga(ACCOUNT, commands.RefundTenders(
                ACCOUNT, "ord_1", MERCHANT, f"ref_{line}", Tenders(credit, wallet)
            ), at("2026-03-20 10:00:00"))
        account = book.account(ACCOUNT)
        ends.add((account.used_minor, account.wallet_minor, account.credit_balance_minor, tuple(left)))
        assert not any(item.outstanding_minor for item in book.agreement("ord_1").instalments)

    assert ends == {(0, 10**6, 0, (0, 0))}


def _book(whole: int, terms: CreditTerms) -> BookInMemory:
    """One shipped order, two thirds on credit, the rest from the wallet."""
    book, when = BookInMemory(), at("2026-03-10 10:00:00")
    book.ask(ACCOUNT, commands.OpenAccount(ACCOUNT, CUSTOMER, 10**6), when)
    book.ask(ACCOUNT, commands.FundWallet(ACCOUNT, 10**6), when)
    tenders = Tenders(whole - whole // 3, whole // 3)
    book.saga(ACCOUNT, commands.AuthorizeTenders(
        account_id=ACCOUNT, order_id="ord_1", customer_id=CUSTOMER, merchant_id=MERCHANT, tenders=tenders, terms=terms
    ), when)
    book.saga(ACCOUNT, commands.CaptureTenders(ACCOUNT, "ord_1", MERCHANT, tenders), when)
    return book
