"""An order with a bank card is rejected, and a settlement of its own gives the payment back, as scripts (PM-5)."""

from datetime import timedelta

from services.kernel.saga import Phase, Run, Verdict
from services.order.domain.commands import BankRefundSettled
from services.order.domain.participation import CARD_REDEMPTION, CREDIT_LEDGER, ReturnBankDeposit
from services.order.domain.states import Kind, OrderState
from services.order.domain.tenders import TenderType
from tests.services.order.world import ORDER_ID, World, new_order

WITH_BANK = new_order(tenders=((TenderType.CREDIT, 60_000), (TenderType.BANKCARD, 40_000)))
WITH_ALL = new_order(
    tenders=((TenderType.CREDIT, 50_000), (TenderType.BANKCARD, 40_000), (TenderType.GIFTCARD, 10_000))
)


def refused(reason: str = "INSUFFICIENT_LIMIT") -> World:
    """A world whose order the credit ledger refused."""
    world = World()
    world.ask(WITH_BANK)
    world.answer(world.sent.pop(), Verdict.REFUSED, reason)
    return world


def returning(world: World) -> Run:
    """The settlement that gives the payment back."""
    (run,) = [row for row in world.rows.values() if isinstance(row, Run) and row.kind == Kind.DEPOSIT_RETURN]
    return run


def test_the_order_is_rejected_and_the_payment_asked_back_in_one_decision() -> None:
    """No crash can come between: the rejection, the new settlement, its command and its timer commit together."""
    world = refused()

    (command,) = world.sent
    body = command.body
    assert isinstance(body, ReturnBankDeposit)
    assert (command.participant, body.payment_reference) == (CREDIT_LEDGER, "pay_1")
    assert body.money.of(TenderType.BANKCARD) == 40_000
    assert (world.state(), world.order.reject_reason) == (OrderState.REJECTED, "INSUFFICIENT_LIMIT")
    assert world.order.settlement_id == returning(world).id
    assert ("saga", returning(world).id) in world.timers


def test_a_lost_command_is_sent_again_until_it_is_answered() -> None:
    """EXECUTE has no deadline: the same command goes out until its one answer comes."""
    world = refused()
    (first,) = world.sent
    world.sent = []

    world.turn(timedelta(hours=1))

    assert {command.saga for command in world.sent} == {first.saga}
    assert returning(world).phase is Phase.EXECUTING


def test_once_the_ledger_has_it_the_order_is_free_and_shows_it() -> None:
    """Released now, settled when the acquirer has paid."""
    world = refused()
    world.settle()
    world.ask(BankRefundSettled(ORDER_ID, "", "leg_1", 40_000))

    bank = next(tender for tender in world.order.tenders if tender.type is TenderType.BANKCARD)
    assert (bank.released_minor, bank.settled_minor) == (40_000, 40_000)
    assert (world.state(), world.order.settlement_id, world.timers) == (OrderState.REJECTED, "", {})
    assert world.facts() == ["OrderRejected", "BankRefundArrived"]


def test_a_payment_of_another_order_stays_and_that_is_said() -> None:
    """The ledger refuses; the order is rejected all the same (OP-4)."""
    world = refused("PAYMENT_REFERENCE_USED")
    world.settle(CREDIT_LEDGER, "PAYMENT_REFERENCE_USED")

    assert (returning(world).phase, world.state()) == (Phase.ABORTED, OrderState.REJECTED)
    assert world.order.settlement_id == ""
    assert world.order.tenders[1].released_minor == 0
    assert world.facts() == ["OrderRejected", "RefundFailed"]


def test_another_tender_that_fails_gives_the_payment_back_too() -> None:
    """The gift card is refused: CANCEL to both first, then the return."""
    world = World()
    world.ask(WITH_ALL)
    while not any(isinstance(command.body, ReturnBankDeposit) for command in world.sent):
        command = world.sent.pop(0)
        no = command.participant == CARD_REDEMPTION and command.not_after is not None
        world.answer(command, Verdict.REFUSED if no else Verdict.DONE, "INSUFFICIENT_CARD_VALUE" if no else "")
    world.settle()

    assert world.order.reject_reason == "INSUFFICIENT_CARD_VALUE"
    assert returning(world).phase is Phase.DONE


def test_a_placement_that_runs_out_of_time_gives_the_payment_back() -> None:
    """Nobody answers the TRY: at the deadline everything is undone, the upstream capture too."""
    world = World()
    world.ask(WITH_ALL)
    world.sent = []
    world.turn(timedelta(minutes=1))
    world.settle()

    assert (world.state(), world.order.reject_reason) == (OrderState.REJECTED, "DEADLINE_EXCEEDED")
    assert returning(world).phase is Phase.DONE


def test_without_a_bank_card_nothing_is_begun() -> None:
    """Credit, wallet and gift card were never taken."""
    world = World()
    world.ask(new_order())
    world.settle(CREDIT_LEDGER, "INSUFFICIENT_LIMIT")

    assert [row for row in world.rows.values() if isinstance(row, Run) and row.kind == Kind.DEPOSIT_RETURN] == []
    assert (world.order.settlement_id, world.sent) == ("", [])
