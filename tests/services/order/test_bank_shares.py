"""A refund is SUCCEEDED only once every tender is confirmed (DOMAIN 2.7, N2); before, the bank's refusal was seen by
nobody."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.order.domain.bank_shares import STANDS, STEPS_MAX, BankNews, BankShare, Refund, overall, told_by_bank
from services.order.domain.commands import (
    ApproveReturn,
    BankRefundSettled,
    BankRefundStepped,
    CancelOrder,
    ConfirmReceipt,
    FlashRefundConfirmed,
    FlashRefundExpired,
    RefundAmount,
    RegisterWaybill,
    RequestReturn,
    ReverseRefund,
)
from services.order.domain.lines import LineQuantity
from services.order.domain.states import BankStep, OrderState, RefundState, ReturnState
from services.order.domain.tenders import TenderType
from services.order.sagas import DEFINITIONS
from services.order.wire.participants import credit_effect
from services.order.wire.settlements import settlement_message
from services.runtime.ground.scalars import instant_to_wire
from settlement.credit_ledger.v1 import effects_pb2
from tests.in_memory import NOW
from tests.services.order.world import ORDER_ID, World, case_of, new_order, placed, shipped

BY_CARD = new_order(tenders=((TenderType.CREDIT, 40_000), (TenderType.BANKCARD, 60_000)))
SHARE = 60_000


def refunded(world: World | None = None) -> World:
    """A whole refund, in every book."""
    world = world or shipped(BY_CARD)
    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()
    return world


def steps(world: World, *taken: BankStep) -> None:
    """Words of the bank, one after the other."""
    for step in taken:
        world.now += timedelta(seconds=1)
        if step in (BankStep.SETTLED, BankStep.REROUTED, BankStep.SETTLED_BY_HAND):
            world.ask(BankRefundSettled(
                ORDER_ID, world.refund().id, "leg_1", SHARE, step is BankStep.REROUTED, step is BankStep.SETTLED_BY_HAND
            ))
        else:
            world.ask(BankRefundStepped(ORDER_ID, world.refund().id, "leg_1", step, SHARE, world.now, "said so"))


@pytest.mark.parametrize(("taken", "state"), [
    ((), RefundState.CREDIT_DONE), ((BankStep.ACCEPTED,), RefundState.CREDIT_DONE),
    ((BankStep.UNKNOWN, BankStep.ACCEPTED, BankStep.SETTLED), RefundState.SUCCEEDED),
    ((BankStep.EXCEPTION,), RefundState.EXCEPTION), ((BankStep.KEPT,), RefundState.EXCEPTION),
    ((BankStep.REROUTED,), RefundState.SUCCEEDED),
    ((BankStep.EXCEPTION, BankStep.SETTLED_BY_HAND), RefundState.SUCCEEDED_MANUAL),
    ((BankStep.EXCEPTION, BankStep.UNKNOWN), RefundState.CREDIT_DONE),
    ((BankStep.EXCEPTION, BankStep.UNKNOWN, BankStep.SETTLED), RefundState.SUCCEEDED),
    ((BankStep.SETTLED, BankStep.BOUNCED), RefundState.CREDIT_DONE),
    ((BankStep.SETTLED, BankStep.BOUNCED, BankStep.REROUTED), RefundState.SUCCEEDED),
    ((BankStep.REROUTED, BankStep.PAID_ANYWAY, BankStep.CAME_BACK), RefundState.SUCCEEDED),
    ((BankStep.EXCEPTION, BankStep.SETTLED_BY_HAND, BankStep.PAID_ANYWAY, BankStep.CAME_BACK),
     RefundState.SUCCEEDED_MANUAL),
    ((BankStep.KEPT, BankStep.PAID_ANYWAY, BankStep.CAME_BACK), RefundState.EXCEPTION),
])
def test_the_bank_has_its_part_in_the_state(taken: tuple[BankStep, ...], state: RefundState) -> None:
    """The order itself is refunded once every book is: what the bank still owes is the refund's affair (2.1, I-1)."""
    world = refunded()

    steps(world, *taken)

    assert world.refund().state is state
    assert world.state() is OrderState.FULLY_REFUNDED
    assert [news.step for news in world.refund().news] == list(taken)


@pytest.mark.parametrize("late", [
    BankStep.WAITING, BankStep.ACCEPTED, BankStep.UNKNOWN, BankStep.EXCEPTION, BankStep.KEPT,
])
@pytest.mark.parametrize(("paid", "state"), [
    (BankStep.SETTLED, RefundState.SUCCEEDED), (BankStep.SETTLED_BY_HAND, RefundState.SUCCEEDED_MANUAL),
    (BankStep.REROUTED, RefundState.SUCCEEDED),
])
def test_a_step_that_was_set_aside_says_nothing_once_it_is_paid(
    paid: BankStep, state: RefundState, late: BankStep
) -> None:
    """It is decided when a person sends it again, after what came behind it; after a bounce it counts anew."""
    world = refunded()
    steps(world, BankStep.ACCEPTED, paid)
    events = len(world.events)

    steps(world, late)

    assert world.refund().state is state
    assert [news.step for news in world.refund().news] == [BankStep.ACCEPTED, paid]
    assert len(world.events) == events
    steps(world, BankStep.BOUNCED, late)
    assert world.refund().news[-1].step is late


@pytest.mark.parametrize("early", [BankStep.SETTLED, BankStep.EXCEPTION])
def test_a_word_of_the_bank_may_overtake_the_end_of_the_settlement(early: BankStep) -> None:
    """It is kept, and the end of the settlement says the state."""
    world = shipped(BY_CARD)
    world.ask(RefundAmount(ORDER_ID, 100_000))
    steps(world, early)
    before = world.refund().state

    world.settle()

    assert before is RefundState.ACCEPTED
    assert world.refund().state is (RefundState.SUCCEEDED if early is BankStep.SETTLED else RefundState.EXCEPTION)


def test_what_the_bank_settled_less_what_bounced_is_noted_on_the_tender() -> None:
    """In the wallet it counts as well."""
    world = refunded()
    seen = []
    for step in (BankStep.SETTLED, BankStep.BOUNCED, BankStep.REROUTED):
        steps(world, step)
        seen.append(world.order.tenders[1].settled_minor)

    assert seen == [SHARE, 0, SHARE]


def test_what_bounced_of_a_cancel_is_not_counted_twice() -> None:
    """Its share arrived, came back and went on to the wallet; the tender said twice the amount."""
    world = placed(BY_CARD)
    world.ask(CancelOrder(ORDER_ID, "NOT_WANTED"))
    world.settle()

    world.ask(BankRefundSettled(ORDER_ID, "", "leg_1", SHARE))
    world.ask(BankRefundStepped(ORDER_ID, "", "leg_1", BankStep.BOUNCED, SHARE, NOW, "closed"))
    bounced = world.order.tenders[1].settled_minor
    world.ask(BankRefundSettled(ORDER_ID, "", "leg_1", SHARE, rerouted=True))

    assert (bounced, world.order.tenders[1].settled_minor) == (0, SHARE)


@pytest.mark.parametrize("refund", [True, False], ids=["of a refund", "of a cancel"])
@pytest.mark.parametrize("step", [step for step in BankStep if step in STANDS])
def test_a_step_that_is_told_again_after_its_answer_is_gone_changes_nothing(step: BankStep, refund: bool) -> None:
    """A notice is repeated until it is acknowledged, its answer is kept for 30 days: a share was counted twice."""
    world = refunded() if refund else placed(BY_CARD)
    if not refund:
        world.ask(CancelOrder(ORDER_ID, "NOT_WANTED"))
        world.settle()
    of = world.refund().id if refund else ""
    told: BankRefundSettled | BankRefundStepped = BankRefundStepped(ORDER_ID, of, "leg_1", step, SHARE, NOW, "so")
    if STANDS[step] is BankShare.DONE:
        told = BankRefundSettled(
            ORDER_ID, of, "leg_1", SHARE, step is BankStep.REROUTED, step is BankStep.SETTLED_BY_HAND
        )
    world.ask(told)
    once, facts = world.order, len(world.events)

    world.now += timedelta(days=31)
    world.ask(told)

    assert world.order == once
    assert len(world.events) == facts


def test_what_arrived_of_a_refund_counts_as_long_as_it_stands() -> None:
    """Undone, and refunded once more by the payment that the card had already; the tender said twice the amount."""
    world = refunded()
    steps(world, BankStep.SETTLED)
    world.ask(ReverseRefund(ORDER_ID))
    world.settle()
    undone = world.order.tenders[1].settled_minor
    steps(world, BankStep.SETTLED)

    world.ask(RefundAmount(ORDER_ID, 100_000))
    world.settle()
    world.ask(BankRefundSettled(ORDER_ID, world.order.refunds[-1].id, "leg_2", SHARE))

    assert (undone, world.order.tenders[1].settled_minor) == (0, SHARE)


def test_a_refusal_is_an_event_and_a_person_is_called() -> None:
    """Each step is an event of the order; the exception is raised once for each refusal."""
    world = refunded()

    steps(world, BankStep.ACCEPTED, BankStep.EXCEPTION)

    assert world.facts()[-3:] == ["BankRefundStepped", "BankRefundStepped", "RefundExceptionRaised"]


def test_with_the_flash_network_both_have_to_confirm() -> None:
    """PENDING_CHANNEL until the network has, CREDIT_DONE until the bank has."""
    world = shipped(BY_CARD)
    world.refund_state = "PENDING_CHANNEL"
    refunded(world)
    seen = [world.refund().state]
    world.ask(FlashRefundConfirmed(ORDER_ID, world.refund().id, world.now))
    seen.append(world.refund().state)
    steps(world, BankStep.SETTLED)

    assert [*seen, world.refund().state] == [
        RefundState.PENDING_CHANNEL, RefundState.CREDIT_DONE, RefundState.SUCCEEDED,
    ]


@pytest.mark.parametrize(("expires", "state"), [
    (False, RefundState.PENDING_CHANNEL), (True, RefundState.EXCEPTION),
])
def test_a_bank_that_pays_after_all_leaves_the_flash_network(expires: bool, state: RefundState) -> None:
    """A refused share is an exception; once it is mended the refund waits for the network again, unless that was too
    late meanwhile."""
    world = shipped(BY_CARD)
    world.refund_state = "PENDING_CHANNEL"
    refunded(world)
    steps(world, BankStep.EXCEPTION)
    if expires:
        world.ask(FlashRefundExpired(ORDER_ID, world.refund().id))
    refused = world.refund().state

    steps(world, BankStep.UNKNOWN, BankStep.SETTLED)

    assert (refused, world.refund().state) == (RefundState.EXCEPTION, state)


@pytest.mark.parametrize("taken", [(), (BankStep.ACCEPTED,), (BankStep.EXCEPTION,), (BankStep.SETTLED,)])
def test_a_refund_in_every_book_can_be_reversed_whatever_its_bank_says(taken: tuple[BankStep, ...]) -> None:
    """What the bank says after that is on record, and changes no state."""
    world = refunded()
    steps(world, *taken)

    world.ask(ReverseRefund(ORDER_ID))
    world.settle()
    steps(world, BankStep.RECALLED, BankStep.PAID_ANYWAY)

    assert world.refund().state is RefundState.REVERSED
    assert [news.step for news in world.refund().news][-2:] == [BankStep.RECALLED, BankStep.PAID_ANYWAY]


def test_the_return_case_goes_with_its_refund() -> None:
    """2.2: REFUNDED once it is posted; a refusal of the bank needs a person, who closes it."""
    world = shipped(BY_CARD)
    case = case_of(world.ask(RequestReturn(ORDER_ID, (LineQuantity("L1", 1),))))
    world.ask(ApproveReturn(ORDER_ID, case.id))
    world.ask(RegisterWaybill(ORDER_ID, case.id, "SF1"))
    world.ask(ConfirmReceipt(ORDER_ID, case.id))
    world.settle()
    seen = [world.case(case.id).state]
    for step in (BankStep.EXCEPTION, BankStep.SETTLED_BY_HAND):
        steps(world, step)
        seen.append(world.case(case.id).state)

    assert seen == [ReturnState.REFUNDED, ReturnState.REFUND_EXCEPTION, ReturnState.REFUNDED]


def test_the_timeline_tells_the_steps_of_the_leg() -> None:
    """In their order, with what the bank said."""
    world = refunded()
    steps(world, BankStep.ACCEPTED, BankStep.SETTLED, BankStep.BOUNCED, BankStep.REROUTED)

    message = settlement_message(world.run(world.refund().settlement_id), world.order)

    told = [entry.step for entry in message.timeline]
    assert told[-4:] == ["BANK_ACCEPTED", "BANK_SETTLED", "BANK_BOUNCED", "REROUTED_TO_WALLET"]
    assert message.refund_state == effects_pb2.REFUND_STATE_SUCCEEDED


def test_a_reader_sees_every_state_of_a_refund() -> None:
    """ACCEPTED while the settlement is under way, FAILED where it was refused before any effect (2.7)."""
    world = shipped(BY_CARD)
    started = world.ask(RefundAmount(ORDER_ID, 100_000)).result
    accepted = settlement_message(started.run, started.order).refund_state
    world.settle(refuse="credit_ledger", reason="PAYMENT_NOT_REFUNDABLE")
    failed = settlement_message(world.run(started.run.id), world.order).refund_state

    assert (accepted, failed) == (effects_pb2.REFUND_STATE_ACCEPTED, effects_pb2.REFUND_STATE_FAILED)


def test_a_cancel_of_long_ago_shows_its_bank_steps() -> None:
    """They were gone with the answer that a digest does not keep."""
    world = placed(BY_CARD)
    settlement_id = world.ask(CancelOrder(ORDER_ID, "NOT_WANTED")).result.run.id
    world.settle()
    world.ask(BankRefundStepped(ORDER_ID, "", "leg_1", BankStep.ACCEPTED, SHARE, NOW, ""))
    world.ask(BankRefundStepped(ORDER_ID, "", "leg_2", BankStep.UNKNOWN, SHARE, NOW, ""))
    answer = credit_effect(effects_pb2.CreditEffect(leg_id="leg_1", post_time=instant_to_wire(NOW)))
    run = world.run(settlement_id)
    run = replace(run, branches=tuple(replace(branch, result=answer) for branch in run.branches))

    for shown in (run, DEFINITIONS.digested(run)):
        steps = [entry.step for entry in settlement_message(shown, world.order).timeline]
        assert [step for step in steps if step.startswith("BANK")] == ["BANK_ACCEPTED"]


def test_the_bank_share_of_a_cancel_has_its_steps_too() -> None:
    """They are kept with the order, by their leg."""
    world = placed(BY_CARD)
    world.ask(CancelOrder(ORDER_ID, "NOT_WANTED"))
    world.settle()

    world.ask(BankRefundStepped(ORDER_ID, "", "leg_1", BankStep.ACCEPTED, SHARE, NOW, ""))
    world.ask(BankRefundSettled(ORDER_ID, "", "leg_1", SHARE))

    assert [(news.step, news.leg_id) for news in world.order.bank_news] == [
        (BankStep.ACCEPTED, "leg_1"), (BankStep.SETTLED, "leg_1"),
    ]
    assert world.order.tenders[1].settled_minor == SHARE


def test_steps_are_bounded() -> None:
    """The last ones are kept, however often a leg changes its mind."""
    refund = Refund("rfd_1", "saga_1", RefundState.CREDIT_DONE, 1, posted=True)
    for number in range(40):
        refund = told_by_bank(refund, BankNews(BankStep.UNKNOWN, NOW + timedelta(seconds=number)))

    assert [news.at for news in refund.news] == [NOW + timedelta(seconds=40 - STEPS_MAX + n) for n in range(STEPS_MAX)]


@pytest.mark.parametrize(("step", "state"), [
    (BankStep.EXCEPTION, RefundState.EXCEPTION), (BankStep.SETTLED, RefundState.SUCCEEDED),
])
def test_a_row_from_before_is_read_and_goes_on(step: BankStep, state: RefundState) -> None:
    """It says SUCCEEDED and nothing of books or bank: it stands, and what its bank says from now on counts."""
    old = Refund("rfd_1", "saga_1", RefundState.SUCCEEDED, 1)

    later = overall(told_by_bank(old, BankNews(step, NOW)))

    assert old.stands
    assert (later.stands, later.state) == (True, state)
    assert later.bank is (BankShare.FAILED if step is BankStep.EXCEPTION else BankShare.DONE)
