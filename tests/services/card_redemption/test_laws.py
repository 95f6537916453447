"""Laws of the card book over any interleaving of sagas: orders share a card, each anywhere between TRY and its end."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.card_redemption.domain.cards.tender import CardTender
from services.card_redemption.domain.commands import (
    CaptureDeposit,
    ClearMerchantShare,
    DepositCard,
    RefundCard,
    ReturnDeposit,
    ReverseCardRefund,
)
from services.kernel.decision import Busy, Done
from services.kernel.errors import SettlementError
from services.kernel.messages import Op
from tests.services.card_redemption.world import FACE_MINOR, ORDERS, World

Body = DepositCard | CaptureDeposit | ReturnDeposit | RefundCard | ReverseCardRefund | ClearMerchantShare

_ORDER = st.sampled_from(ORDERS)
_SHOP = st.just("mer_1")
_CARD = st.just("crd_1")
_REFUND = st.sampled_from(["rfd_1", "rfd_2"])
_AMOUNT = st.one_of(st.integers(-1, 7_000), st.sampled_from([1_000, 2_000, FACE_MINOR]))
COMMANDS: st.SearchStrategy[Body] = st.one_of(
    st.builds(DepositCard, _CARD, _ORDER, st.sampled_from(["cus_1", "cus_1", "cus_2"]), _SHOP, _AMOUNT),
    st.builds(CaptureDeposit, _CARD, _ORDER, _SHOP, _AMOUNT),
    st.builds(ReturnDeposit, _CARD, _ORDER, _SHOP, _AMOUNT),
    st.builds(RefundCard, _CARD, _ORDER, _SHOP, _REFUND, _AMOUNT),
)


class CardHistories(RuleBasedStateMachine):
    """Any history of one card. `open` are the sagas that were tried and not decided, with their commands."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.open: dict[str, Body] = {}
        self.number, self.settled = 0, 0

    @rule(body=COMMANDS, op=st.sampled_from([Op.TRY, Op.EXECUTE]))
    def ask(self, body: Body, op: Op) -> None:
        """A saga asks; refusals and BUSY change nothing, a TRY moves no value and no version."""
        self._ask(body, op)

    @precondition(lambda self: any(self.world.tender(order_id).refunds for order_id in ORDERS))
    @rule(data=st.data(), op=st.sampled_from([Op.TRY, Op.EXECUTE]))
    def undo(self, data: Any, op: Op) -> None:
        """A saga asks for a reversal of a refund that was made."""
        made = [(order_id, refund) for order_id in ORDERS for refund in self.world.tender(order_id).refunds]
        order_id, refund = data.draw(st.sampled_from(made))
        self._ask(ReverseCardRefund("crd_1", order_id, "mer_1", refund.refund_id, refund.amount_minor), op)

    @precondition(lambda self: self.world.owed() > 0)
    @rule(data=st.data())
    def settle(self, data: Any) -> None:
        """A settlement with the merchant is tried: for all that is owed, or less."""
        owed = self.world.owed()
        self._ask(ClearMerchantShare("mer_1", data.draw(st.sampled_from([owed, (owed + 1) // 2]))), Op.TRY)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), op=st.sampled_from([Op.CONFIRM, Op.CANCEL]))
    def decide(self, data: Any, op: Op) -> None:
        """What was tried is decided, whatever the card did meanwhile: never refused, never busy."""
        saga_id = data.draw(st.sampled_from(sorted(self.open)))
        body, book = self.open.pop(saga_id), dict(self.world.book)

        decision = self.world.play(body, op, saga_id)

        assert isinstance(decision.outcome, Done)
        assert self._tender(body).pending is None
        self.settled += body.amount_minor if op is Op.CONFIRM and isinstance(body, ClearMerchantShare) else 0
        if op is Op.CANCEL:
            assert (decision.journals, decision.events, self.world.book) == ((), (), book)
        else:
            assert decision.outcome.moved == (("GIFTCARD", body.amount_minor),)

    def _tender(self, body: Body) -> CardTender:
        """The tender that a command is about; of a settlement with the merchant, none."""
        if isinstance(body, ClearMerchantShare):
            return CardTender("", "", "")
        return self.world.tender(body.order_id)

    def _ask(self, body: Body, op: Op) -> None:
        self.number += 1
        before = (self.world.card, self._tender(body), dict(self.world.book))
        try:
            decision = self.world.play(body, op, f"saga_{self.number}")
        except SettlementError:
            assert (self.world.card, self._tender(body), self.world.book) == before
            return
        if isinstance(decision.outcome, Busy):
            assert (self.world.card, self._tender(body), self.world.book) == before
        elif op is Op.TRY:
            self.open[f"saga_{self.number}"] = body
            assert (decision.journals, decision.events, self.world.book) == ((), (), before[2])
            card = before[0]
            assert (self.world.card.version, self.world.card.balance_minor) == (card.version, card.balance_minor)

    @invariant()
    def the_book_is_the_card(self) -> None:
        """Every account of the book is the projection of the rows, and the book sums to zero."""
        book, card, tenders = self.world.book, self.world.card, [self.world.tender(order_id) for order_id in ORDERS]
        assert sum(book.values()) == 0
        assert book["L.GIFTCARD", "crd_1"] == -card.balance_minor
        for tender in tenders:
            assert book["L.DEPOSIT", tender.order_id] == -tender.standing_minor
        uncovered = sum(refund.uncovered_minor for tender in tenders for refund in tender.refunds)
        standing = sum(t.captured_minor - t.refunded_minor for t in tenders)
        assert book["L.MERCH.PAY", "mer_1"] == self.settled - uncovered - standing == -self.world.owed()
        clearing = sum(amount for (account, _), amount in book.items() if account == "X.CLEARING")
        assert clearing == uncovered - self.settled
        used = sum(t.standing_minor + t.captured_minor - t.refunded_minor for t in tenders)
        assert card.balance_minor + used == FACE_MINOR

    @invariant()
    def nothing_is_negative(self) -> None:
        """Value held is value there: exactly what undecided sagas will take (PR-5)."""
        card = self.world.card
        spending = (body for body in self.open.values() if isinstance(body, DepositCard | ReverseCardRefund))
        assert card.held_minor == sum(body.amount_minor for body in spending)
        assert 0 <= card.spendable_minor <= card.balance_minor <= FACE_MINOR
        for share in self.world.shares():
            assert 0 <= share.settling_minor + share.refunding_minor <= share.payable_minor
        covering = [self.world.tender(order_id).covering_minor for order_id in ORDERS]
        assert sum(share.refunding_minor for share in self.world.shares()) == sum(covering)
        for tender in map(self.world.tender, ORDERS):
            assert 0 <= tender.refunded_minor <= tender.captured_minor <= tender.deposited_minor
            assert tender.standing_minor >= 0

    @invariant()
    def events_have_no_gap(self) -> None:
        """Each visible change is one version and one event."""
        assert self.world.card.sequence == self.world.card.version - 1


CardHistories.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestCardHistories = CardHistories.TestCase
