"""Laws over random orders, histories, answers and interruptions."""

from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.decision import Done
from services.kernel.messages import Op
from services.kernel.saga import TERMINAL, Phase, Run, Verdict
from services.order.domain.commands import (
    ApproveReturn,
    CancelOrder,
    ConfirmDelivery,
    ConfirmReceipt,
    ConfirmShipment,
    DisputeReceipt,
    DisputeRejection,
    PlaceOrder,
    RefundAmount,
    RefuseDelivery,
    RegisterWaybill,
    RejectReturn,
    RequestReturn,
    ResolveDispute,
    ReverseRefund,
)
from services.order.domain.explanation import explain
from services.order.domain.lines import LineQuantity
from services.order.domain.order import Order
from services.order.domain.pricing import Promotion, discount_alloc, payable, unit_refund
from services.order.domain.returns import ReturnCase
from services.order.domain.states import OrderState
from services.order.domain.tenders import TenderType, tender_split
from tests.lifecycles import is_sound
from tests.services.order.steps import holds
from tests.services.order.world import ORDER_ID, World, new_order

AMOUNTS = st.integers(0, 1_000_000)


@st.composite
def orders(draw: st.DrawFn) -> PlaceOrder:
    """An order of up to four lines with promotions, paid by any tenders, sometimes with a coupon."""
    count = draw(st.integers(1, 4))
    lines = tuple((f"L{n}", draw(st.integers(1, 4)), draw(st.integers(0, 30_000))) for n in range(count))
    current = [quantity * price for _, quantity, price in lines]
    promotions: list[Promotion] = []
    for _ in range(draw(st.integers(0, 3))):
        covered = draw(st.lists(st.integers(0, count - 1), unique=True, max_size=count))
        whole = sum(current[index] for index in covered or range(count))
        promotions.append(Promotion(draw(st.integers(0, whole)), tuple(covered)))
        current = list(discount_alloc(current, promotions[-1:])[-1])
    total = sum(current)
    kinds = draw(st.lists(st.sampled_from(list(TenderType)), unique=True, min_size=1))
    cuts = sorted(draw(st.integers(0, total)) for _ in kinds[1:])
    amounts = [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]
    coupon = draw(st.sampled_from([0, 0, 1, 777, 5_000]))
    return new_order(lines, tuple(zip(kinds, amounts, strict=True)), tuple(promotions), coupon)


@given(st.lists(AMOUNTS, min_size=1, max_size=5), st.data())
def test_promotions_lose_no_fen(amounts: list[int], data: st.DataObject) -> None:
    """What is payable is the price less the promotions, and no line falls below 0."""
    off = data.draw(st.integers(0, sum(amounts)))

    (step,) = discount_alloc(amounts, [Promotion(off)])

    assert sum(step) == sum(amounts) - off
    assert all(0 <= after <= before for after, before in zip(step, amounts, strict=True))


def test_a_second_promotion_is_split_over_what_the_first_left() -> None:
    """A line that costs nothing any more takes no part (PR-3)."""
    first, second = Promotion(10_000, (0,)), Promotion(5_000)

    assert discount_alloc((10_000, 10_000), (first, second)) == ((0, 10_000), (0, 5_000))


@given(AMOUNTS, st.integers(1, 50))
def test_units_of_a_line_sum_to_the_line(amount: int, quantity: int) -> None:
    """And differ by one fen at most (CV-7)."""
    values = unit_refund(amount, quantity)

    assert sum(values) == amount
    assert max(values) - min(values) <= 1


@given(st.lists(AMOUNTS, min_size=1, max_size=4), st.data())
def test_refunds_empty_every_tender_exactly(amounts: list[int], data: st.DataObject) -> None:
    """Parts are never negative nor above what is left, and the last refund clears all (CV-6, PR-7)."""
    refunds, left = [], sum(amounts)
    for _ in range(data.draw(st.integers(0, 5))):
        refunds.append(data.draw(st.integers(0, left)))
        left -= refunds[-1]

    splits, remaining = tender_split(amounts, [*refunds, left])

    assert remaining == (0,) * len(amounts)
    for refund, parts in zip([*refunds, left], splits, strict=True):
        assert parts is not None
        assert sum(parts) == refund
        assert min(parts) >= 0


@given(st.lists(AMOUNTS, min_size=1, max_size=4), st.integers(1, 100))
def test_a_refund_above_the_rest_changes_nothing(amounts: list[int], more: int) -> None:
    """It is refused, and what is left stays (PR-5)."""
    splits, remaining = tender_split(amounts, [sum(amounts) + more])

    assert splits == (None,)
    assert remaining == tuple(amounts)


def check(order: Order) -> None:
    """What holds of every order at every time."""
    for tender in order.tenders:
        assert 0 <= tender.refunded_minor <= tender.captured_minor <= tender.amount_minor - tender.released_minor
    for line in order.lines:
        assert 0 <= line.returned + line.returning <= line.shipped <= line.quantity - line.cancelled
        assert 0 <= line.returned_minor + line.reduced_minor <= line.captured_minor <= line.payable_minor
        assert min(line.returned_minor, line.reduced_minor) >= 0
    assert order.captured_minor == sum(line.captured_minor for line in order.lines)
    assert 0 <= order.coupon.refunded_minor <= order.coupon.captured_minor
    assert order.coupon.captured_minor + order.coupon.released_minor <= order.coupon.amount_minor
    if order.state is OrderState.FULLY_REFUNDED:
        assert all(tender.refundable_minor == 0 for tender in order.tenders)
        assert order.coupon.refunded_minor == order.coupon.captured_minor or not order.captured_minor
    if order.state in (OrderState.CANCELLED, OrderState.PAYMENT_EXPIRED):
        assert all(t.released_minor == t.amount_minor for t in order.tenders)
        assert order.coupon.released_minor == order.coupon.amount_minor


def act(world: World, chance: Random) -> None:
    """One random call; refusals are fine."""
    order = world.order
    line = chance.choice(order.lines)
    some = (LineQuantity(line.id, chance.randint(1, line.quantity)),)
    match chance.randrange(10):
        case 0:
            world.ask(ConfirmShipment(ORDER_ID, chance.choice([(), some])))
        case 1:
            world.ask(CancelOrder(ORDER_ID, "OTHER", lines=chance.choice([(), some])))
        case 2:
            named = chance.choice(("", line.id))
            world.ask(RefundAmount(ORDER_ID, chance.randint(0, max(1, order.refundable_minor)), line_id=named))
        case 3:
            world.ask(ReverseRefund(ORDER_ID))
        case 4:
            world.ask(ConfirmDelivery(ORDER_ID))
        case 5:
            world.turn(chance.choice((timedelta(days=1), timedelta(days=200))))
        case 6:
            argue(world, some, chance)
        case _:
            send_back(world, some)


def argue(world: World, some: tuple[LineQuantity, ...], chance: Random) -> None:
    """A refused parcel whose receipt is disputed, or a rejected return; support decides either way."""
    if chance.random() < 0.5:
        asked = world.ask(RefuseDelivery(ORDER_ID, "SF1"))
        dispute: type[DisputeReceipt | DisputeRejection] = DisputeReceipt
    else:
        asked, dispute = world.ask(RequestReturn(ORDER_ID, some)), DisputeRejection
    if isinstance(asked.outcome, Done) and isinstance(asked.result, ReturnCase):
        world.ask(RejectReturn(ORDER_ID, asked.result.id))
        world.ask(dispute(ORDER_ID, asked.result.id, ("photo",)))
        world.ask(ResolveDispute(ORDER_ID, asked.result.id, chance.random() < 0.5, "op_1", "why"))


def send_back(world: World, some: tuple[LineQuantity, ...]) -> bool:
    """A return case up to its receipt, if the request is not refused."""
    asked = world.ask(RequestReturn(ORDER_ID, some))
    if not isinstance(asked.outcome, Done) or not isinstance(asked.result, ReturnCase):
        return False
    case = asked.result
    world.ask(ApproveReturn(ORDER_ID, case.id))
    world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1"))
    return world.ask(ConfirmReceipt(ORDER_ID, case.id)).reason == ""


def deliver(world: World, chance: Random, lost_max: int = 8) -> None:
    """Messages in any order, lost (the wake-up sends them again), twice; TRY may be refused, as participants do."""
    for _ in range(200):
        if not world.sent:
            if not world.order.settlement_id:
                return
            world.turn(timedelta(seconds=100))
            continue
        command = world.sent.pop(chance.randrange(len(world.sent)))
        assert command.saga is not None
        fate = chance.randrange(10)
        if fate == 0 and lost_max:
            lost_max -= 1
            continue
        fresh = world.run(command.saga.saga_id).phase in (Phase.TRYING, Phase.EXECUTING)
        if fate == 1 and fresh and command.saga.op in (Op.TRY, Op.EXECUTE):
            world.answer(command, Verdict.REFUSED, "CARD_STATE")
            continue
        for _ in range(1 + (fate == 2)):
            world.answer(command)
    raise AssertionError("it never came to rest")


@settings(max_examples=120, deadline=None)
@given(orders(), st.randoms(use_true_random=False))
def test_every_history_keeps_the_books_of_the_order(body: PlaceOrder, chance: Random) -> None:
    """Random calls, answers in any order, lost and doubled: nothing negative, nothing above its cap, all settlements
    end, what waits is woken, every explanation evaluates to itself, and emptying the order clears it exactly."""
    world = World()
    world.ask(body)
    deliver(world, chance)
    check(world.order)
    for _ in range(chance.randint(0, 7)):
        act(world, chance)
        deliver(world, chance)
        check(world.order)
        is_sound(world)

    runs = [row for row in world.rows.values() if isinstance(row, Run)]
    assert all(run.phase in TERMINAL for run in runs)
    assert not [key for key in world.timers if key[0] == "saga"]
    for run in runs:
        steps = explain(world.order, run.plan)
        assert all(holds(step) for step in steps)
        assert steps[-1].amount_minor == run.plan.money.amount_minor or steps[-1].rule == "A24"


@settings(max_examples=60, deadline=None)
@given(orders(), st.randoms(use_true_random=False))
def test_returning_unit_by_unit_gives_everything_back(body: PlaceOrder, chance: Random) -> None:
    """Whatever the order of returns: the sum is what was paid, and the coupon is back whole."""
    world = World()
    world.ask(body)
    world.settle()
    world.ask(ConfirmShipment(ORDER_ID))
    world.settle()
    pieces = [line.id for line in world.order.lines for _ in range(line.quantity)]

    chance.shuffle(pieces)

    for line_id in pieces:
        assert send_back(world, (LineQuantity(line_id, 1),))
        world.settle()

    assert world.state() is OrderState.FULLY_REFUNDED
    prices = [line.quantity * line.unit_price_minor for line in body.lines]
    assert world.order.refunded_minor == sum(payable(prices, body.promotions))
    check(world.order)


@settings(max_examples=40, deadline=None)
@given(orders())
def test_nobody_passes_a_settlement_under_way(body: PlaceOrder) -> None:
    """While one is open every other call of money waits, and changes nothing."""
    world = World()
    world.ask(body)
    if not world.order.settlement_id:
        return
    before = dict(world.rows)

    for call in (ConfirmShipment(ORDER_ID), CancelOrder(ORDER_ID, "OTHER"), RefundAmount(ORDER_ID, 1)):
        world.ask(call).then_refused("BUSY")

    assert world.rows == before
