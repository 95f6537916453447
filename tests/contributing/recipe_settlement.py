"""A kind of settlement: the warehouse cannot deliver, so all that has not shipped is given back at our expense."""

from tests.contributing.scratch import Scratch

SERVICE = "services/order"
TEST = "tests/services/order/test_shortage.py"

SAGA = '''\
"""Shortage: what the warehouse has not got is given back everywhere, or the order stays as it was."""

from datetime import datetime

from services.kernel.decision import Decision, Known
from services.kernel.saga import Definition, Run
from services.order.domain.lines import updated
from services.order.domain.order import Order, after, moved, summary
from services.order.domain.participation import ReleaseTenders, ReturnDeposit
from services.order.domain.plans import NO_PINS, ShortagePlan
from services.order.domain.states import Kind
from services.order.sagas.ending import Ended, Ending, card_redemption, credit_ledger

DEFINITION = Definition(
    kind=Kind.SHORTAGE, version=1, plan_type=ShortagePlan,
    participants=(
        credit_ledger(lambda plan: ReleaseTenders(plan.money, False, NO_PINS)),
        card_redemption(lambda plan: ReturnDeposit(plan.money)),
    ),
)


def done(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The units count as cancelled."""
    plan: ShortagePlan = run.plan
    lines = updated(order.lines, ((value.id, {"cancelled": value.quantity}) for value in plan.lines))
    tenders = moved(order.tenders, plan.money.shares, "released_minor")
    short, events = after(
        order, now, lines=lines, tenders=tenders, settlement_id="", state=summary(order, lines=lines, tenders=tenders)
    )
    return Ended(short, rest=Decision(events=events))


def aborted(known: Known, order: Order, run: Run, now: datetime) -> Ended:
    """The order is as it was."""
    still, events = after(order, now, settlement_id="", state=summary(order))
    return Ended(still, rest=Decision(events=events))


ENDING = Ending(DEFINITION, done, aborted)
'''

TESTED = '''\
"""A shortage as a script: given these replies, these commands went out, and this became of the order."""

from dataclasses import dataclass
from datetime import datetime

from services.kernel.decision import Decision, Known, Wanted, rule
from services.kernel.messages import Message, Op
from services.order.decisions import RULES
from services.order.decisions.beginning import begun
from services.order.domain.lines import open_values
from services.order.domain.order import Order
from services.order.domain.participation import CARD_REDEMPTION, CREDIT_LEDGER
from services.order.domain.plans import ShortagePlan, movement
from services.order.domain.states import Kind, OrderState
from services.order.domain.tenders import TenderType, held_shares
from services.order.wire.scalars import KINDS
from settlement.order.v1 import settlement_pb2
from tests.services.order.world import ORDER_ID, World, new_order, placed


@dataclass(frozen=True)
class _Short:
    order_id: str


def _wants(body: _Short, message: Message) -> Wanted:
    return ((Order, body.order_id),)


def _short(known: Known, body: _Short, message: Message, now: datetime) -> Decision:
    order = known.find(Order, body.order_id)
    assert order is not None
    values = open_values(order.lines)
    money = movement(order, held_shares(order.tenders, order.payable_minor), 0)
    return begun(known, order, message, ShortagePlan(money, values), now).decided()


def _world() -> World:
    tenders = ((TenderType.CREDIT, 60_000), (TenderType.GIFTCARD, 40_000))
    world = placed(new_order(tenders=tenders))
    world.rules = {**RULES, _Short: rule(_Short, _wants, _short)}
    return world


def test_both_books_give_back() -> None:
    """TRY to both, CONFIRM to both, and the order is cancelled."""
    world = _world()

    world.ask(_Short(ORDER_ID)).then_asked((CREDIT_LEDGER, Op.TRY), (CARD_REDEMPTION, Op.TRY))
    world.settle()

    assert world.state() is OrderState.CANCELLED
    assert KINDS.to_wire[Kind.SHORTAGE] == settlement_pb2.SETTLEMENT_KIND_SHORTAGE


def test_one_book_that_refuses_leaves_all_as_it_was() -> None:
    """The order may still ship."""
    world = _world()

    world.ask(_Short(ORDER_ID))
    world.settle(refuse=CARD_REDEMPTION, reason="CARD_STATE")

    assert world.state() is OrderState.AWAITING_SHIPMENT
'''

def follow(copy: Scratch) -> str:
    """Add it; answers its test."""
    copy.insert("protos/settlement/order/v1/settlement.proto", "}\n\n// How far a settlement is", '''\
  // What could not be delivered is given back.
  SETTLEMENT_KIND_SHORTAGE = 7;
''')
    copy.insert(f"{SERVICE}/domain/states.py", '    DEPOSIT_RETURN = "deposit_return"\n', '    SHORTAGE = "shortage"\n')
    copy.insert(f"{SERVICE}/domain/plans.py", "Plan = PlacementPlan", '''\
@dataclass(frozen=True, slots=True)
class ShortagePlan:
    """Give back what is held for units that the warehouse has not got."""

    kind: ClassVar[Kind] = Kind.SHORTAGE
    money: Movement
    lines: tuple[LineValue, ...]


''')
    copy.insert(f"{SERVICE}/domain/plans.py", "DepositReturnPlan\n\n\ndef movement(", "ShortagePlan | ")
    copy.insert(f"{SERVICE}/sagas/__init__.py", "    refund_reversal,\n", "    shortage,\n")
    copy.insert(f"{SERVICE}/sagas/__init__.py", "    Kind.DEPOSIT_RETURN: ", "    Kind.SHORTAGE: shortage.ENDING,\n")
    copy.write(f"{SERVICE}/sagas/shortage.py", SAGA)
    copy.write(TEST, TESTED)
    copy.generate()
    return TEST
