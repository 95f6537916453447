"""What is shown of a merchant and paid to it is net over all shares, however the book keeps them (OP-3, A25, P23)."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.effects import MerchantSettlement
from services.credit_ledger.domain.model.merchant_share import MerchantShare, Net, net
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind
from services.kernel.decision import Refused
from services.kernel.shares import first_share, share_key
from tests.services.credit_ledger.domain.book_in_memory import BookInMemory
from tests.services.credit_ledger.ledger import START

SHOP = "mer_1"
ACCOUNTS = tuple(f"acc_{number}" for number in range(6))
PRICE = 10_000


class Market:
    """One merchant and its customers, whose accounts use several of its shares."""

    def __init__(self) -> None:
        self.book, self.orders, self.refunds, self.sagas = BookInMemory(), 0, 0, 0
        for account in ACCOUNTS:
            self.book.ask(account, commands.OpenAccount(account, f"cus_{account}", 1_000_000), START)

    def sell(self, account: str, amount: int = PRICE) -> str:
        """Sell and ship an order."""
        self.orders += 1
        order, tenders = f"ord_{self.orders}", Tenders(amount)
        terms = CreditTerms(plan=PlanKind.DEFERRED)
        self.saga(account, commands.AuthorizeTenders(account, order, f"cus_{account}", SHOP, tenders, terms, ""))
        self.saga(account, commands.CaptureTenders(account, order, SHOP, tenders))
        return order

    def refund(self, account: str, order: str, amount: int = PRICE, uncovered: int = 0) -> str:
        """Refund so much of it, and `uncovered` that card_redemption had paid the merchant for."""
        self.refunds += 1
        refund, given = f"rfd_{self.refunds}", Tenders(amount)
        self.saga(account, commands.RefundTenders(account, order, SHOP, refund, given, uncovered_gift_minor=uncovered))
        return refund

    def pay(self, amount: int, before_netting: bool = False) -> MerchantSettlement | Refused:
        """Settle with the merchant."""
        done: MerchantSettlement | Refused = self.book.ask(
            first_share(SHOP), commands.SettleMerchant(SHOP, amount, before_netting), START
        )
        return done

    def saga(self, key: str, body: object) -> Any:
        """A command of a saga, which is not refused."""
        self.sagas += 1
        result = self.book.saga(key, body, START, saga_id=f"saga_{self.sagas}")
        assert not isinstance(result, Refused), result
        return result

    @property
    def sums(self) -> tuple[int, int]:
        """What the shares say, before netting."""
        shares = [row for row in self.book.rows.values() if isinstance(row, MerchantShare)]
        return sum(share.payable_minor for share in shares), sum(share.receivable_minor for share in shares)

    @property
    def shown(self) -> Net:
        """What a reader is shown."""
        return net(*self.sums)

    @property
    def paid(self) -> int:
        """What went to the merchant's bank."""
        return -self.book.balance("A.BANK")


def _refunded_by_the_paid() -> Market:
    """600.00 sold over six accounts, 300.00 paid, the first three refunded, whose shares were drained."""
    market = Market()
    orders = [(account, market.sell(account)) for account in ACCOUNTS]
    market.pay(30_000)
    by_share = sorted(orders, key=lambda order: share_key(SHOP, order[0]))
    for account, order in by_share[:3]:
        market.refund(account, order)
    return market


def test_what_one_share_owes_covers_what_came_back_on_another() -> None:
    """N5: payable and receivable stand on different shares; nobody sees both, and nothing can be paid."""
    market = _refunded_by_the_paid()

    assert min(market.sums) > 0
    assert market.shown == (0, 0)
    refused = market.pay(1)
    assert isinstance(refused, Refused)
    assert refused.reason == "EXCEEDS_PAYABLE"


def test_what_is_shown_is_what_can_be_paid() -> None:
    """To the fen: what is owed besides is netted first, and then nobody owes anything, on any share."""
    market = _refunded_by_the_paid()
    market.sell(ACCOUNTS[0], 2_500)
    before, paid = market.sums, market.paid
    refused = market.pay(market.shown.payable_minor + 1)

    done = market.pay(market.shown.payable_minor)

    assert isinstance(refused, Refused)
    assert isinstance(done, MerchantSettlement)
    assert (refused.reason, refused.detail) == ("EXCEEDS_PAYABLE", "2500 is owed to mer_1")
    assert (done.amount_minor, done.netted_minor, done.paid_minor) == (before[0], before[1], 2_500)
    assert (done.payable_minor, done.receivable_minor, market.sums) == (0, 0, (0, 0))
    assert market.paid - paid == 2_500


@pytest.mark.parametrize(("amount", "paid", "shown"), [(20_000, 0, (20_000, 0)), (50_000, 10_000, (10_000, 0))])
def test_an_amount_before_netting_pays_the_merchants_debt_first(amount: int, paid: int, shown: Net) -> None:
    """DOMAIN 3.2: Dr MERCH.PAY a, Cr MERCH.RECV at most a, Cr BANK the rest; the answer is net all the same."""
    market, account = Market(), ACCOUNTS[0]
    order = market.sell(account, 40_000)
    market.pay(40_000)
    market.refund(account, order, 40_000)
    market.sell(account, 60_000)

    done = market.pay(amount, before_netting=True)

    assert isinstance(done, MerchantSettlement)
    assert (done.amount_minor, done.netted_minor, done.paid_minor) == (amount, amount - paid, paid)
    assert (done.payable_minor, done.receivable_minor) == shown == market.shown


class Settlements(RuleBasedStateMachine):
    """Any sequence of captures, refunds, reversals and settlements, over accounts of several shares."""

    def __init__(self) -> None:
        super().__init__()
        self.market = Market()
        self.buyers: dict[str, str] = {}
        self.left: dict[str, int] = {}
        self.last: dict[str, tuple[str, int, int]] = {}
        self.net = 0

    @rule(account=st.sampled_from(ACCOUNTS), amount=st.sampled_from((1, 999, PRICE)))
    def sell(self, account: str, amount: int) -> None:
        """We owe the merchant more."""
        order = self.market.sell(account, amount)
        self.buyers[order], self.left[order] = account, amount
        self.net += amount

    @precondition(lambda self: any(self.left.values()))
    @rule(data=st.data(), uncovered=st.sampled_from((0, 0, 500)))
    def refund(self, data: Any, uncovered: int) -> None:
        """We owe it less, or it owes us."""
        order = data.draw(st.sampled_from(sorted(order for order, left in self.left.items() if left)))
        amount = data.draw(st.sampled_from((self.left[order], (self.left[order] + 1) // 2)))
        refund = self.market.refund(self.buyers[order], order, amount, uncovered)
        self.left[order] -= amount
        self.last[order] = refund, amount, uncovered
        self.net -= amount + uncovered

    @precondition(lambda self: self.last)
    @rule(data=st.data())
    def reverse(self, data: Any) -> None:
        """The last refund of an order is undone."""
        order = data.draw(st.sampled_from(sorted(self.last)))
        refund, amount, uncovered = self.last.pop(order)
        account = self.buyers[order]
        self.market.saga(account, commands.ReverseRefund(account, order, SHOP, refund))
        self.left[order] += amount
        self.net += amount + uncovered

    @rule(data=st.data(), before_netting=st.booleans())
    def settle(self, data: Any, before_netting: bool) -> None:
        """Up to what is shown it is paid as asked; a fen more is refused and changes nothing."""
        most = self.market.sums[0] if before_netting else self.market.shown.payable_minor
        amount = data.draw(st.sampled_from(sorted({1, (most + 1) // 2 or 1, most or 1, most + 1})))
        shown, paid = self.market.shown, self.market.paid
        done = self.market.pay(amount, before_netting)
        if amount > most:
            assert isinstance(done, Refused)
            assert (done.reason, self.market.shown) == ("EXCEEDS_PAYABLE", shown)
            return
        assert isinstance(done, MerchantSettlement)
        assert done.paid_minor == self.market.paid - paid <= shown.payable_minor
        assert before_netting or done.paid_minor == amount
        assert (done.payable_minor, done.receivable_minor) == self.market.shown

    @rule(amount=st.sampled_from((1, 700, PRICE)))
    def pay_gift_card_share(self, amount: int) -> None:
        """What card_redemption owes is paid here, as far as the merchant owes us nothing."""
        owed, paid = self.market.shown.receivable_minor, self.market.paid
        self.market.saga(first_share(SHOP), commands.PayGiftCardShare(SHOP, amount))
        assert self.market.paid - paid == max(0, amount - owed)
        self.net += amount

    @invariant()
    def one_of_the_two_is_nothing(self) -> None:
        """Nobody sees what we owe and what the merchant owes us at once."""
        assert self.market.shown.payable_minor * self.market.shown.receivable_minor == 0

    @invariant()
    def what_was_paid_and_what_is_open_is_what_was_sold_and_kept(self) -> None:
        """Payments and the open net are captures less refunds, and the book says what the shares say."""
        payable, receivable = self.market.sums
        assert self.market.paid + self.market.shown.payable_minor - self.market.shown.receivable_minor == self.net
        assert self.market.book.balance("L.MERCH.PAY") == -payable <= 0
        assert self.market.book.balance("A.MERCH.RECV") == receivable >= 0


Settlements.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSettlements = Settlements.TestCase
