"""A merchant's payable for gift cards lies on several shares;
a refund uses up all of it before the merchant owes (OP-3)."""

import asyncpg
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.card_redemption.domain.cards.card import GiftCard
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    ClearMerchantShare,
    DepositCard,
    IssueCard,
    RefundCard,
    ReverseCardRefund,
)
from services.card_redemption.domain.effects import CardEffect
from services.card_redemption.domain.merchants.share import MerchantShare
from services.card_redemption.store.reads import merchant_balance
from services.kernel.decision import Done
from services.kernel.messages import Message, Op
from services.kernel.shares import share_key
from settlement.card_redemption.v1 import effects_pb2
from tests.in_memory import Step
from tests.services.card_redemption.ledger import CardLedger
from tests.services.card_redemption.world import FACE_MINOR, NOW, World

SHOP = "mer_1"
CARDS = tuple(f"crd_{number}" for number in range(1, 7))
PRICE = 1_000


class Counter(World):
    """The merchant's counter: cards that use several of its shares, an order for each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.given(*(GiftCard(card, "cus_1", FACE_MINOR, FACE_MINOR, NOW) for card in CARDS))

    def sell(self, card: str, amount: int = PRICE, order: str = "") -> None:
        """An order is paid by this card and shipped."""
        self.play(DepositCard(card, order or f"ord_{card}", "cus_1", SHOP, amount))
        self.play(CaptureDeposit(card, order or f"ord_{card}", SHOP, amount))

    def pay(self, amount: int) -> None:
        """A settlement with the merchant."""
        for op in (Op.TRY, Op.CONFIRM):
            self.play(ClearMerchantShare(SHOP, amount), op, f"saga_s{self.messages // 2}")

    @property
    def free(self) -> int:
        """What is owed and claimed by nobody, over all shares."""
        return sum(share.free_minor for share in self.shares())


def _uncovered(step: Step) -> int:
    assert isinstance(step.outcome, Done)
    assert isinstance(step.outcome.result, CardEffect)
    return step.outcome.result.uncovered_minor


def _half_paid() -> Counter:
    """60.00 sold over six cards, 30.00 paid."""
    counter = Counter()
    for card in CARDS:
        counter.sell(card)
    counter.pay(30 * 100)
    return counter


def test_what_one_share_owes_covers_what_comes_back_on_another() -> None:
    """N5: the share of each card was drained, what the others owe covers it; then nothing is owed,
    and nothing claimed."""
    counter = _half_paid()
    drained = [card for card in CARDS if not _payable(counter, card)]

    refunds = [counter.play(RefundCard(card, f"ord_{card}", SHOP, "rfd_1", PRICE)) for card in drained]
    last = next(card for card in CARDS if card not in drained)
    rest = counter.owed()
    counter.play(RefundCard(last, f"ord_{last}", SHOP, "rfd_1", PRICE))

    assert drained
    assert [_uncovered(step) for step in refunds] == [0] * len(drained)
    assert rest == 3_000 - PRICE * len(drained)
    assert counter.book["L.MERCH.PAY", SHOP] == -counter.owed() == -max(0, rest - PRICE)


def test_only_what_no_share_owes_is_claimed_from_the_merchant() -> None:
    """To the fen, and a TRY answers what its CONFIRM posts (P23)."""
    counter = _half_paid()
    counter.pay(2_001)
    card = next(card for card in CARDS if not _payable(counter, card))

    tried = counter.play(RefundCard(card, f"ord_{card}", SHOP, "rfd_1", PRICE), Op.TRY, "saga_r")
    done = counter.play(RefundCard(card, f"ord_{card}", SHOP, "rfd_1", PRICE), Op.CONFIRM, "saga_r")

    assert (_uncovered(tried), _uncovered(done), counter.owed()) == (1, 1, 0)
    assert counter.book["X.CLEARING", "saga_r"] == 1


def test_a_refund_that_is_cancelled_leaves_what_was_owed() -> None:
    """Which share holds it is seen by nobody; nothing of it stays claimed, and another refund may use it."""
    counter = _half_paid()
    drained, other = [card for card in CARDS if not _payable(counter, card)][:2]
    for op in (Op.TRY, Op.CANCEL):
        counter.play(RefundCard(drained, f"ord_{drained}", SHOP, "rfd_1", PRICE), op, "saga_r")

    assert (counter.owed(), counter.free) == (3_000, 3_000)
    assert _uncovered(counter.play(RefundCard(other, f"ord_{other}", SHOP, "rfd_1", PRICE))) == 0


def _payable(counter: Counter, card: str) -> int:
    return counter.row(MerchantShare, share_key(SHOP, card)).payable_minor


class Shares(RuleBasedStateMachine):
    """Sales, refunds, their reversals and settlements, over cards of several shares;
    refunds may lie tried for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.counter = Counter()
        self.tried: dict[str, RefundCard] = {}
        self.refunds: dict[str, RefundCard] = {}
        self.net, self.numbers = 0, 0

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers

    @rule(card=st.sampled_from(CARDS), amount=st.sampled_from((1, 700, PRICE)))
    def sell(self, card: str, amount: int) -> None:
        """We owe the merchant more."""
        if amount <= self.counter.row(GiftCard, card).spendable_minor:
            order = f"ord_{self._number()}"
            self.counter.sell(card, amount, order)
            self.net += amount
            self.refunds[order] = RefundCard(card, order, SHOP, "", amount)

    @precondition(lambda self: self.refunds)
    @rule(data=st.data(), op=st.sampled_from((Op.TRY, Op.EXECUTE)))
    def refund(self, data: st.DataObject, op: Op) -> None:
        """An order comes back whole: what is free over all shares covers it, and not a fen more."""
        asked = self.refunds.pop(data.draw(st.sampled_from(sorted(self.refunds))))
        saga, free = f"saga_{self._number()}", self.counter.free
        body = RefundCard(asked.card_id, asked.order_id, SHOP, "rfd_1", asked.amount_minor)
        uncovered = _uncovered(self.counter.play(body, op, saga))
        assert uncovered == max(0, body.amount_minor - free)
        if op is Op.TRY:
            self.tried[saga] = body
        else:
            self.net -= body.amount_minor - uncovered

    @precondition(lambda self: self.tried)
    @rule(data=st.data(), op=st.sampled_from((Op.CONFIRM, Op.CANCEL)))
    def decide(self, data: st.DataObject, op: Op) -> None:
        """What was tried is decided, whatever happened meanwhile."""
        saga = data.draw(st.sampled_from(sorted(self.tried)))
        body = self.tried.pop(saga)
        step = self.counter.play(body, op, saga)
        if op is Op.CONFIRM:
            self.net -= body.amount_minor - _uncovered(step)
        else:
            self.refunds[body.order_id] = body

    @precondition(lambda self: self.counter.free)
    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        """The merchant is paid some or all of what is free."""
        free = self.counter.free
        amount = data.draw(st.sampled_from(sorted({1, (free + 1) // 2, free})))
        for op in (Op.TRY, Op.CONFIRM):
            self.counter.play(ClearMerchantShare(SHOP, amount), op, f"saga_m{self.numbers}_{amount}")
        self._number()
        self.net -= amount

    @invariant()
    def the_shares_owe_what_is_booked(self) -> None:
        """Captures less refunds less settlements, never less than nothing nor than what is claimed, on any share."""
        assert self.counter.owed() == -self.counter.book["L.MERCH.PAY", SHOP] == self.net >= 0
        for share in self.counter.shares():
            assert 0 <= share.settling_minor + share.refunding_minor <= share.payable_minor


Shares.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestShares = Shares.TestCase


async def _sold(cards: CardLedger) -> tuple[str, str]:
    """Two cards of two shares, 10.00 sold with each; the first share is paid out."""
    first, second = sorted(("crd_1", "crd_2"), key=lambda card: share_key(SHOP, card))
    assert share_key(SHOP, first) != share_key(SHOP, second)
    for card in (first, second):
        await cards.run(Message(f"issue-{card}", card, IssueCard(card, "cus_1", FACE_MINOR)))
        await cards.command(DepositCard(card, f"ord_{card}", "cus_1", SHOP, PRICE))
        await cards.command(CaptureDeposit(card, f"ord_{card}", SHOP, PRICE))
    for op in (Op.TRY, Op.CONFIRM):
        await cards.command(ClearMerchantShare(SHOP, PRICE), "saga_s", op)
    return first, second


async def _refunded(cards: CardLedger, card: str) -> int:
    reply = await cards.command(RefundCard(card, f"ord_{card}", SHOP, "rfd_1", PRICE))
    return effects_pb2.CardEffect.FromString(reply.result).uncovered_minor


async def test_a_share_that_falls_short_borrows_of_the_others(cards: CardLedger) -> None:
    """Through batch and tables; nothing is left, and a reversal owes it again."""
    drained, _ = await _sold(cards)

    uncovered = await _refunded(cards, drained)
    left = await merchant_balance(cards.connection, SHOP)
    await cards.command(ReverseCardRefund(drained, f"ord_{drained}", SHOP, "rfd_1", PRICE))

    assert (uncovered, left) == (0, (0, 0))
    assert await merchant_balance(cards.connection, SHOP) == (PRICE, 0)


async def test_nobody_waits_to_borrow(cards: CardLedger) -> None:
    """A share that another lane has in hand lends nothing:
    what it would have covered is claimed from the merchant (D5)."""
    drained, lender = await _sold(cards)
    other = await asyncpg.connect(cards.settings.dsn)
    async with other.transaction():
        await other.execute("select from merchant_shares where id = $1 for update", share_key(SHOP, lender))
        uncovered = await _refunded(cards, drained)
    await other.close()

    assert uncovered == PRICE
    assert await merchant_balance(cards.connection, SHOP) == (PRICE, 0)
