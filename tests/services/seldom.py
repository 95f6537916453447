"""Moves that are made seldom, each in a short story; `test_lifecycles` plays them."""

from datetime import timedelta

from services.card_redemption.domain.commands import DepositCard, ReturnDeposit
from services.credit_ledger.domain.model import commands
from services.credit_ledger.domain.model.account import AccountState
from services.credit_ledger.domain.model.reconciliation import (
    ACQUIRER,
    BEGINNING,
    RailCompared,
    Reconciliation,
    ReconciliationState,
    StartReconciliation,
)
from services.credit_ledger.domain.model.refund import CreditRefund, RefundState
from services.credit_ledger.domain.model.tenders import Tenders
from services.credit_ledger.domain.model.terms import CreditTerms, PlanKind, Route
from services.kernel.decision import Timer
from services.kernel.messages import Op
from services.kernel.saga import RESUME, Phase, Reply, Verdict
from services.order.domain.commands import (
    ApproveReturn,
    BankRefundSettled,
    BankRefundStepped,
    CancelOrder,
    ConfirmShipment,
    DisputeReceipt,
    RefundAmount,
    RefuseDelivery,
    ResolveDispute,
    ReverseRefund,
    WithdrawReturn,
)
from services.order.domain.states import BankStep, OrderState, ReturnState
from services.order.domain.states import RefundState as OrderRefundState
from services.order.domain.tenders import TenderType
from tests.services.card_redemption.world import FACE_MINOR
from tests.services.card_redemption.world import World as CardWorld
from tests.services.credit_ledger.domain.book_laws import ACCOUNT
from tests.services.credit_ledger.domain.shop import MERCHANT, Shop
from tests.services.credit_ledger.domain.test_legs import Report, due_at, leg_of, report, shop_with_leg
from tests.services.order.world import MIXED, ORDER_ID, case_of, delivered, new_order, placed, requested, shipped

FREE = new_order((("L1", 1, 0),), ((TenderType.CREDIT, 0),))
DAYS_31 = timedelta(days=31)


def an_order_of_nothing_is_cancelled_or_runs_out() -> None:
    """There is nothing to release, so both are done at once."""
    for passed, end in ((timedelta(0), OrderState.CANCELLED), (DAYS_31, OrderState.PAYMENT_EXPIRED)):
        world = placed(FREE)
        world.turn(passed)
        if not passed:
            world.ask(CancelOrder(ORDER_ID, "OTHER"))
        assert world.state() is end


def a_bank_refund_is_paid_by_hand_and_undone() -> None:
    """Two people paid what the bank was still to pay."""
    world = shipped(new_order(tenders=((TenderType.BANKCARD, 100_000),)))
    world.ask(RefundAmount(ORDER_ID, 10_000))
    world.settle()
    by_hand = BankRefundSettled(ORDER_ID, world.refund().id, "leg_1", 10_000, manual=True)
    world.tell(ORDER_ID, by_hand, "told/1", "ledger")
    assert world.refund().state is OrderRefundState.SUCCEEDED_MANUAL
    world.ask(ReverseRefund(ORDER_ID))
    world.settle()
    assert world.refund().state is OrderRefundState.REVERSED


def a_bank_refund_is_paid_by_hand_before_it_is_in_every_book() -> None:
    """Two people paid while the settlement was under way."""
    world = shipped(new_order(tenders=((TenderType.BANKCARD, 100_000),)))
    world.ask(RefundAmount(ORDER_ID, 10_000))
    assert world.refund().state is OrderRefundState.ACCEPTED
    by_hand = BankRefundSettled(ORDER_ID, world.refund().id, "leg_1", 10_000, manual=True)
    world.tell(ORDER_ID, by_hand, "told/1", "ledger")
    assert world.refund().state is OrderRefundState.ACCEPTED
    world.settle()
    assert world.refund().state is OrderRefundState.SUCCEEDED_MANUAL


def a_bank_refund_of_which_people_paid_something_bounces() -> None:
    """The bank is to pay again, and what people did stays theirs."""
    world = shipped(new_order(tenders=((TenderType.BANKCARD, 100_000),)))
    world.ask(RefundAmount(ORDER_ID, 10_000))
    world.settle()
    refund_id = world.refund().id
    world.tell(ORDER_ID, BankRefundSettled(ORDER_ID, refund_id, "leg_1", 10_000, manual=True), "told/1", "ledger")
    bounced = BankRefundStepped(ORDER_ID, refund_id, "leg_1", BankStep.BOUNCED, 10_000, world.now, "closed")
    world.tell(ORDER_ID, bounced, "told/2", "ledger")
    assert (world.refund().state, world.refund().manual) == (OrderRefundState.CREDIT_DONE, True)


def an_approved_return_is_withdrawn() -> None:
    """Before its waybill."""
    world = delivered()
    case = requested(world, L1=1)
    world.ask(ApproveReturn(ORDER_ID, case.id))
    world.ask(WithdrawReturn(ORDER_ID, case.id))
    assert world.case(case.id).state is ReturnState.WITHDRAWN


def a_dispute_about_what_cost_nothing_is_upheld() -> None:
    """Its refund is done at once."""
    world = placed(FREE)
    world.ask(ConfirmShipment(ORDER_ID))
    case = case_of(world.ask(RefuseDelivery(ORDER_ID, "SF1")))
    world.ask(DisputeReceipt(ORDER_ID, case.id, ("photo",)))
    world.ask(ResolveDispute(ORDER_ID, case.id, True, "op_1", "it is there"))
    assert world.case(case.id).state is ReturnState.REFUNDED


def a_settlement_is_frozen_while_it_tries_and_while_it_cancels() -> None:
    """A participant moved other money than was planned; a cancel was set aside. A person lets both go on."""
    for refused in (False, True):
        world = shipped(MIXED)
        world.ask(RefundAmount(ORDER_ID, 10_000))
        command = world.sent.pop(0)
        assert command.saga is not None
        saga_id = command.saga.saga_id
        if refused:
            world.answer(command, Verdict.REFUSED, "CARD_STATE")
            cancel = next(each for each in world.sent if each.saga and each.saga.op is Op.CANCEL)
            world.answer(cancel, Verdict.PARKED, "PARKED")
        else:
            wrong = Reply(saga_id, command.saga.branch, command.saga.op, Verdict.DONE, moved=(("CREDIT", 1),))
            world.reply(ORDER_ID, wrong)
        assert world.run(saga_id).phase is Phase.FROZEN
        world.sent.clear()
        world.timers[RESUME, saga_id] = Timer(RESUME, saga_id, ORDER_ID, world.now)
        world.turn(timedelta(0))
        world.settle()
        assert world.run(saga_id).terminal


def a_settlement_of_one_is_frozen_and_goes_on() -> None:
    """Its only command was set aside."""
    world = shipped()
    world.ask(RefundAmount(ORDER_ID, 10_000))
    command = world.sent.pop(0)
    assert command.saga is not None
    world.answer(command, Verdict.PARKED, "PARKED")
    world.timers[RESUME, command.saga.saga_id] = Timer(RESUME, command.saga.saga_id, ORDER_ID, world.now)
    world.turn(timedelta(0))
    assert world.run(command.saga.saga_id).phase is Phase.EXECUTING


def an_account_is_suspended_and_let_go_on() -> None:
    """Risk looked at it."""
    shop = Shop()
    for state in (AccountState.SUSPENDED, AccountState.ACTIVE):
        shop.plain(commands.SetAccountState(ACCOUNT, state), "2026-03-10 10:00:00")
        assert shop.book.account(ACCOUNT).state is state


def a_hold_ends_that_was_captured_in_part() -> None:
    """Its time was over."""
    shop = Shop()
    shop.place("ord_1", "2026-03-10 10:00:00", Tenders(10_000))
    shop.ship("ord_1", "2026-03-11 10:00:00", Tenders(4_000))
    rest = commands.ReleaseTenders(ACCOUNT, "ord_1", MERCHANT, Tenders(6_000), cause=commands.ReleaseCause.EXPIRED)
    shop.saga(rest, "2026-04-10 10:00:00")
    assert shop.agreement("ord_1").hold.state == "EXPIRED"


def a_fen_is_paid_in_three_parts() -> None:
    """Two of them are nothing, and are met when they are made."""
    shop = Shop()
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(1))
    assert shop.outstanding("ord_1") == [0, 0, 1]


def legs_take_every_way() -> None:
    """Whatever the rail says after whatever it said before."""
    said = (Report.SENT, Report.UNKNOWN, Report.ACCEPTED)
    ends = (Report.SETTLED, Report.REJECTED, Report.CLOSED, *said)
    for before in said:
        for then in ends:
            shop, _ = shop_with_leg()
            report(shop, before)
            report(shop, then, "2026-03-12 10:00:02")
    for then in ends:
        shop, _ = shop_with_leg()
        while leg_of(shop).state != "EXCEPTION":  # nobody ever answers
            shop.book.turn_to(due_at(shop))
        report(shop, then, "2026-03-15 10:00:00")
    shop, _ = shop_with_leg()
    report(shop, Report.SENT)
    shop.reverse("ord_1", "2026-03-12 11:00:00", leg_of(shop).refund_id)


def a_flash_refund_is_late_adjusted_and_undone() -> None:
    """The network did not confirm it in time."""
    shop = Shop()
    flash = CreditTerms(plan=PlanKind.DEFERRED, route=Route.FLASH, term_days=30)
    shop.bought("ord_1", "2026-03-10 10:00:00", Tenders(10_000), flash)
    shop.refund("ord_1", "2026-03-12 10:00:00", 10_000, "ref_1")
    shop.book.turn_to(shop.book.now + timedelta(hours=25))
    adjusted = commands.AdjustRefund(ACCOUNT, "ord_1", "ann", "bob", ("order page", "bill page"), "late")
    shop.plain(adjusted, "2026-03-14 10:00:00")
    shop.reverse("ord_1", "2026-03-14 11:00:00", "ref_1")
    assert shop.book.row(CreditRefund, "ref_1").state is RefundState.REVERSED


def the_rail_is_compared_night_after_night() -> None:
    """By hand at first, then by its timer."""
    book = Shop().book
    book.when(ACQUIRER, StartReconciliation(ACQUIRER))
    for run in (1, 2):
        page = RailCompared(ACQUIRER, run, BEGINNING, 0, (), (), (), None)
        book.tell(ACQUIRER, page)
        assert book.row(Reconciliation, ACQUIRER).state is ReconciliationState.IDLE
        book.now = max(timer.due_at for timer in book.timers.values())
        book.fire()


def a_card_gives_all_and_gets_all_back() -> None:
    """An order takes all of it, and is cancelled."""
    world = CardWorld()
    world.play(DepositCard("crd_1", "ord_1", "cus_1", "mer_1", FACE_MINOR))
    world.play(ReturnDeposit("crd_1", "ord_1", "mer_1", FACE_MINOR))


STORIES = (
    an_order_of_nothing_is_cancelled_or_runs_out, a_bank_refund_is_paid_by_hand_and_undone,
    a_bank_refund_is_paid_by_hand_before_it_is_in_every_book,
    a_bank_refund_of_which_people_paid_something_bounces, an_approved_return_is_withdrawn,
    a_dispute_about_what_cost_nothing_is_upheld,
    a_settlement_is_frozen_while_it_tries_and_while_it_cancels, a_settlement_of_one_is_frozen_and_goes_on,
    an_account_is_suspended_and_let_go_on, a_hold_ends_that_was_captured_in_part, a_fen_is_paid_in_three_parts,
    legs_take_every_way, a_flash_refund_is_late_adjusted_and_undone, the_rail_is_compared_night_after_night,
    a_card_gives_all_and_gets_all_back,
)
