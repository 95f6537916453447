"""Gift-card tenders: what each command does, what is refused, and laws over any sequence of commands."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_redemption.decisions import RULES
from services.card_redemption.domain.card import CardState, CardTender, GiftCard
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    DepositCard,
    IssueCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.kernel.decision import Busy, Decision, Done, Known
from services.kernel.errors import FailedPrecondition, NotFound, SettlementError
from services.kernel.messages import Message, Op, SagaRef

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CARD = GiftCard("crd_1", "cus_1", 10_000, 10_000, NOW)


class World:
    """One card and the orders that use it; plays commands as the lane would."""

    def __init__(self) -> None:
        self.known = Known()
        self.known.load(GiftCard, {"crd_1": CARD}, ["crd_1"])
        self.entries: list[tuple[str, int]] = [("L.GIFTCARD", -10_000)]
        self._sagas = count(1)

    def play(self, body: object, op: Op = Op.EXECUTE, saga: str = "") -> Decision:
        """Decide and take over what changed; a refusal raises."""
        order_id: str = getattr(body, "order_id", "")
        if order_id and not self.known.has(CardTender, order_id):
            self.known.load(CardTender, {}, [order_id])
        ref = SagaRef(saga or f"saga_{next(self._sagas)}", "card_redemption", op)
        decision = RULES[type(body)].decide(self.known, Message(f"{ref.saga_id}/{op}", "crd_1", body, saga=ref), NOW)
        for row in decision.changes:
            self.known.put(row)
        self.entries += [(line.account, line.amount_minor) for journal in decision.journals for line in journal.lines]
        return decision

    @property
    def card(self) -> GiftCard:
        """The card as it is now."""
        found = self.known.find(GiftCard, "crd_1")
        assert found is not None
        return found

    def tender(self, order_id: str = "ord_1") -> CardTender:
        """The tender of an order."""
        found = self.known.find(CardTender, order_id)
        assert found is not None
        return found


def _deposit(amount: int = 3_000, order_id: str = "ord_1", customer: str = "cus_1") -> DepositCard:
    return DepositCard("crd_1", order_id, customer, "mer_1", amount)


def test_a_refund_puts_the_value_back_on_the_card() -> None:
    """Deposit, capture, refund: the card has what it had, the merchant's share is zero."""
    world = World()

    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    done = world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 3_000))

    assert isinstance(done.outcome, Done)
    assert done.outcome.moved == (("GIFTCARD", 3_000),)
    assert world.card.balance_minor == 10_000
    assert world.tender().refunded_minor == 3_000
    assert sum(amount for account, amount in world.entries if account == "L.MERCH.PAY") == 0


def test_the_whole_value_may_be_spent_and_not_a_fen_more() -> None:
    """The boundary is inclusive, and an exhausted card says so."""
    world = World()
    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        world.play(_deposit(10_001))

    world.play(_deposit(10_000))

    assert (world.card.balance_minor, world.card.state) == (0, CardState.EXHAUSTED)


def test_another_customers_card_is_as_unknown_as_none() -> None:
    """The error does not tell that the card exists."""
    with pytest.raises(NotFound, match="CARD_NOT_FOUND"):
        World().play(_deposit(customer="cus_2"))


def test_a_tried_deposit_is_invisible_but_nobody_else_can_take_it() -> None:
    """Between TRY and decision the booked value stands, the spendable value does not."""
    world = World()

    tried = world.play(_deposit(9_000), Op.TRY, "saga_a")

    assert tried.journals == ()
    assert (world.card.balance_minor, world.card.spendable_minor) == (10_000, 1_000)
    with pytest.raises(FailedPrecondition, match="INSUFFICIENT_CARD_VALUE"):
        world.play(_deposit(1_001, "ord_2"))


@pytest.mark.parametrize(("op", "balance"), [(Op.CONFIRM, 1_000), (Op.CANCEL, 10_000)])
def test_the_decision_resolves_the_claim(op: Op, balance: int) -> None:
    """CONFIRM takes what was held, CANCEL leaves nothing behind."""
    world = World()
    world.play(_deposit(9_000), Op.TRY, "saga_a")

    world.play(_deposit(9_000), op, "saga_a")

    assert (world.card.balance_minor, world.card.held_minor, world.tender().pending) == (balance, 0, None)


def test_a_claimed_tender_is_busy_and_other_orders_are_not() -> None:
    """The claim is on the tender: the card serves other orders meanwhile."""
    world = World()
    world.play(_deposit(), Op.EXECUTE)
    world.play(ReturnDeposit("crd_1", "ord_1", "mer_1", 3_000), Op.TRY, "saga_a")

    same = world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000), Op.TRY, "saga_b")
    other = world.play(_deposit(2_000, "ord_2"))

    assert same.outcome == Busy("saga_a")
    assert isinstance(other.outcome, Done)


def test_refunds_never_exceed_what_was_captured() -> None:
    """PR-5, checked under the lock that writes."""
    world = World()
    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 2_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 1_500))

    with pytest.raises(FailedPrecondition, match="REFUND_EXCEEDS_REMAINING"):
        world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_2", 501))


def test_a_reversed_refund_may_be_given_again() -> None:
    """P24: as if it had not been."""
    world = World()
    world.play(_deposit())
    world.play(CaptureDeposit("crd_1", "ord_1", "mer_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_1", 3_000))

    world.play(ReverseCardRefund("crd_1", "ord_1", "mer_1", "rfd_1", 3_000))
    world.play(RefundCard("crd_1", "ord_1", "mer_1", "rfd_2", 3_000))

    assert world.card.balance_minor == 10_000


def test_an_issued_card_opens_the_book_in_balance() -> None:
    """The face stands against the opening account."""
    known = Known()
    known.load(GiftCard, {}, ["crd_9"])

    decision = RULES[IssueCard].decide(known, Message("m", "crd_9", IssueCard("crd_9", "cus_1", 500)), NOW)

    assert [sum(line.amount_minor for line in journal.lines) for journal in decision.journals] == [0]
    assert decision.changes == (replace(CARD, id="crd_9", face_minor=500, balance_minor=500, sequence=1),)


COMMANDS = st.one_of(
    st.builds(lambda o, a: _deposit(a, o), st.sampled_from(["ord_1", "ord_2"]), st.integers(1, 6_000)),
    *(
        st.builds(kind, st.just("crd_1"), st.sampled_from(["ord_1", "ord_2"]), st.just("mer_1"), st.integers(1, 4_000))
        for kind in (ReturnDeposit, CaptureDeposit)
    ),
    *(
        st.builds(
            kind, st.just("crd_1"), st.sampled_from(["ord_1", "ord_2"]), st.just("mer_1"), st.sampled_from(["r1", "r2"]),
            st.integers(1, 3_000),
        )
        for kind in (RefundCard, ReverseCardRefund)
    ),
)


@given(st.lists(st.tuples(COMMANDS, st.sampled_from(["once", "confirm", "cancel"])), max_size=25))
def test_value_is_conserved_whatever_is_asked(script: list[tuple[object, str]]) -> None:
    """Book value = card's row, nothing negative, a cancelled TRY leaves no trace, refusals change nothing."""
    world = World()
    for no, (body, how) in enumerate(script):
        before = (world.card, list(world.entries))
        try:
            world.play(body, Op.EXECUTE if how == "once" else Op.TRY, f"saga_{no}")
            if how != "once":
                world.play(body, Op.CONFIRM if how == "confirm" else Op.CANCEL, f"saga_{no}")
        except SettlementError:
            assert (world.card, world.entries) == before
        if how == "cancel":
            assert (world.card.balance_minor, world.entries) == (before[0].balance_minor, before[1])
        assert world.card.held_minor == 0
        assert -sum(amount for account, amount in world.entries if account == "L.GIFTCARD") == world.card.balance_minor >= 0
        assert sum(amount for account, amount in world.entries if account == "L.DEPOSIT") <= 0
        assert sum(amount for _, amount in world.entries) == -10_000
