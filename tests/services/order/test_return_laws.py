"""Laws of what comes back: whatever is reduced, given, deducted, disputed and undone, no amount keeps goods out."""

from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.order.domain.answers import Received
from services.order.domain.commands import (
    ConfirmReceipt,
    ConfirmShipment,
    DisputeDeduction,
    PlaceOrder,
    RefundAmount,
    ResolveDispute,
    ReverseRefund,
)
from services.order.domain.deductions import Deduction
from services.order.domain.lines import Line, returned_value
from services.order.domain.returns import ReturnCase
from services.order.domain.states import DeductionState, OrderState, RefundState, ReturnState
from tests.lifecycles import is_sound
from tests.services.order.test_laws import check, orders
from tests.services.order.world import ORDER_ID, World, sent_back
from tests.settle.audit.replays import faults


@dataclass
class Life:
    """What happens at random to an order that has shipped. Nothing that it asks for within what is left is refused."""

    chance: Random
    world: World = field(default_factory=World)
    goodwill: bool = False
    undone: bool = False

    def happen(self) -> None:
        """A reduction or goodwill, a dispute about a deduction, a reversal, or a return."""
        match self.chance.randrange(8):
            case 0 | 1:
                self.pay()
            case 2:
                self.argue()
            case 3:
                self.undo()
            case _:
                self.send_back(self.chance.random() < 0.4)
        check(self.world.order)
        is_sound(self.world)

    def pay(self) -> None:
        """Money without goods, up to all that is left of the order or of a line."""
        line = self.chance.choice((None, *self.world.order.lines))
        left = self.world.order.refundable_minor
        if line is not None:
            left = min(left, line.left_minor)
        amount = self.chance.choice((0, left, self.chance.randint(0, left)))
        self.goodwill |= line is None and amount > 0
        assert self.world.ask(RefundAmount(ORDER_ID, amount, line_id=line.id if line else "")).reason == ""
        self.world.settle()

    def undo(self) -> None:
        """Some refund that stands."""
        standing = [each.settlement_id for each in self.world.order.refunds if each.state is not RefundState.REVERSED]
        if standing:
            assert self.world.ask(ReverseRefund(ORDER_ID, self.chance.choice(standing))).reason == ""
            self.world.settle()
            self.undone = True

    def argue(self) -> None:
        """The customer disputes a deduction, and support decides; a refund that was undone is not disputed."""
        taken = [case for case in self.cases() if case.deduction_state is DeductionState.TAKEN]
        if not taken:
            return
        case = self.chance.choice(taken)
        disputed = self.world.ask(DisputeDeduction(ORDER_ID, case.id)).reason == ""
        assert disputed == self.stands(case)
        if disputed:
            upheld = self.chance.random() < 0.5
            assert self.world.ask(ResolveDispute(ORDER_ID, case.id, upheld, "op_1", "why")).reason == ""
            self.world.settle()
            ended = DeductionState.GIVEN_BACK if upheld else DeductionState.CONFIRMED
            assert self.world.case(case.id).deduction_state is ended

    def send_back(self, worn: bool) -> bool:
        """Some units of a line, if any are out. Whatever is paid meanwhile, the receipt pays what is due or left."""
        out = [line for line in self.world.order.lines if line.returnable]
        if not out:
            return False
        name = self.chance.choice(out).id
        case = sent_back(self.world, **{name: self.chance.randint(1, self.line(name).returnable)})
        if self.chance.random() < 0.2:
            self.pay()
        worth = returned_value(self.line(name), case.lines[0].quantity).amount_minor
        kept = self.chance.randint(1, worth) if worn and worth else 0
        less = (Deduction(name, kept, "WORN", ("photo",)),) if kept else ()
        left = self.world.order.refundable_minor
        receipt = self.world.ask(ConfirmReceipt(ORDER_ID, case.id, deductions=less)).result
        assert isinstance(receipt, Received)
        assert receipt.run.plan.money.amount_minor == min(worth - kept, left)
        self.world.settle()
        assert self.world.case(case.id).state is ReturnState.REFUNDED
        return True

    def line(self, name: str) -> Line:
        """A line as it is now."""
        return next(line for line in self.world.order.lines if line.id == name)

    def cases(self) -> list[ReturnCase]:
        """All return cases."""
        return [row for row in self.world.rows.values() if isinstance(row, ReturnCase)]

    def stands(self, case: ReturnCase) -> bool:
        """Whether the refund of a case was not undone."""
        refund = self.world.order.refund_of(case.settlement_id)
        return refund is not None and refund.state is not RefundState.REVERSED

    def deducted(self) -> int:
        """What merchants keep by deductions that were not given back."""
        given_back = (DeductionState.GIVEN_BACK, DeductionState.GIVING_BACK)
        cases = [case for case in self.cases() if self.stands(case) and case.deduction_state not in given_back]
        return sum(each.amount_minor for case in cases for each in case.deductions)


@settings(max_examples=300, deadline=None)
@given(orders(), st.randoms(use_true_random=False))
def test_no_amount_keeps_goods_out(body: PlaceOrder, chance: Random) -> None:
    """Random lives: no return is refused for an amount, and each pays what its units are worth less deductions, or what
    is left; never more than the order paid comes back. Once every unit is back, all of it is back but what stands
    deducted (exactly that much less, if nothing was given or undone); and the rest can be given back to the last
    fen. The auditor finds nothing in it."""
    life = Life(chance)
    life.world.ask(body)
    life.world.settle()
    life.world.ask(ConfirmShipment(ORDER_ID))
    life.world.settle()
    for _ in range(chance.randint(0, 9)):
        life.happen()

    while life.send_back(False):
        check(life.world.order)

    order, kept = life.world.order, life.deducted()
    assert all(line.returned == line.shipped for line in order.lines)
    if not life.undone:
        assert all(line.left_minor == 0 for line in order.lines)
        assert order.captured_minor - kept <= order.refunded_minor <= order.captured_minor
        assert life.goodwill or order.refunded_minor == order.captured_minor - kept
    assert life.world.ask(RefundAmount(ORDER_ID, order.refundable_minor + 1)).reason != ""
    life.world.ask(RefundAmount(ORDER_ID, order.refundable_minor))
    life.world.settle()
    check(life.world.order)
    assert life.world.order.refunded_minor == order.captured_minor
    assert life.world.state() is OrderState.FULLY_REFUNDED
    assert faults(life.world) == []
