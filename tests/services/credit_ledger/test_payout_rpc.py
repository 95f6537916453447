"""Payouts of redemptions as operators and callers see them, over real batches on a real PostgreSQL (P28)."""

import pytest

from services.credit_ledger.domain.model import redemptions
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.payout import PayoutMethod
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, WakePayouts
from services.credit_ledger.rails.waking import finding
from services.credit_ledger.store import TABLES
from services.credit_ledger.wire import CODEC
from services.kernel.errors import InvalidArgument, NotFound
from services.kernel.ids import money_account
from services.runtime.ground.settings import Settings
from settlement.credit_ledger.v1 import effects_pb2, payout_pb2
from settlement.credit_ledger.v1 import payout_service_pb2 as pb
from settlement.saga.v1 import saga_pb2
from tests.services.batches import check_saved
from tests.services.credit_ledger.desk import Desk
from tests.services.credit_ledger.ledger import Ledger
from tests.services.reading import reading

ACCOUNT = money_account("c1")


@pytest.fixture
async def desk(ledger: Ledger) -> Desk:
    """A desk of a customer without an account."""
    return Desk(ledger)


async def pay(desk: Desk, payout_id: str, method: PayoutMethod = PayoutMethod.BANK) -> effects_pb2.PayoutEffect:
    """Have a redemption paid out; every row is saved as it was decided."""
    reply = await desk.ledger.command(redemptions.PayRedemption(
        account_id=ACCOUNT, customer_id="c1", order_id="rdm_1", card_id="crd_1", payout_id=payout_id,
        amount_minor=94_000, method=method, instrument="" if method is PayoutMethod.WALLET else "bank_1",
    ))
    assert reply.verdict == saga_pb2.VERDICT_DONE, reply.reason
    await check_saved(desk.ledger.connection, TABLES, desk.ledger.effects, CODEC)
    return effects_pb2.PayoutEffect.FromString(reply.result)


async def shown(desk: Desk, payout_id: str) -> payout_pb2.Payout:
    """A payout as callers see it."""
    return (await desk.payouts.GetPayout(pb.GetPayoutRequest(payout_id=payout_id), desk.context)).payout


async def move(desk: Desk, paused: bool) -> pb.PayoutSwitch:
    """Pause, or resume."""
    if paused:
        request = pb.PausePayoutsRequest(request_id=desk.request_id(), operator_id="ops-1", reason="bank holiday")
        return (await desk.payouts.PausePayouts(request, desk.context)).switch
    again = pb.ResumePayoutsRequest(request_id=desk.request_id(), operator_id="ops-2", reason="bank is back")
    return (await desk.payouts.ResumePayouts(again, desk.context)).switch


async def test_a_payout_shows_how_far_it_is(desk: Desk) -> None:
    """Its customer had no account: it was opened with it (OP-6)."""
    effect = await pay(desk, "pay_1")
    first = await shown(desk, "pay_1")
    await desk.ledger.ask(ACCOUNT, ReportLeg(ACCOUNT, effect.leg_id, LegReport.SETTLED))
    await check_saved(desk.ledger.connection, TABLES, desk.ledger.effects, CODEC)

    second = await shown(desk, "pay_1")

    assert (effect.state, first.state, second.state) == (
        payout_pb2.PAYOUT_STATE_SENT, payout_pb2.PAYOUT_STATE_SENT, payout_pb2.PAYOUT_STATE_SETTLED
    )
    assert (first.account_id, first.order_id, first.card_id) == (ACCOUNT, "rdm_1", "crd_1")
    assert (first.amount.minor_units, first.method, first.instrument, first.attempts) == (
        94_000, payout_pb2.PAYOUT_METHOD_BANK, "bank_1", 1
    )


async def test_the_switch_holds_payouts_and_lets_them_go(desk: Desk, database: Settings) -> None:
    """Paused, they wait; resumed, they are found page by page and go out at once."""
    unmoved = (await desk.payouts.GetPayoutSwitch(pb.GetPayoutSwitchRequest(), desk.context)).switch
    paused = await move(desk, paused=True)
    for number in range(3):
        assert (await pay(desk, f"pay_{number}")).state == payout_pb2.PAYOUT_STATE_WAITING
    resumed = await move(desk, paused=False)
    assert desk.ledger.effects.actions == [WakePayouts(PAYOUTS)]

    find, actions, pages = finding(reading(database.dsn), size=2), [WakePayouts(PAYOUTS)], 0
    while actions:
        batch = await desk.ledger.run(await find(actions.pop()))
        actions += [action for action in batch.effects.actions if isinstance(action, WakePayouts)]
        pages += 1
    await desk.ledger.pass_time()

    assert (unmoved.paused, unmoved.version) == (False, 0)
    assert (paused.paused, paused.operator_id, paused.reason) == (True, "ops-1", "bank holiday")
    assert (resumed.paused, resumed.version, pages) == (False, 2, 2)
    states = [(await shown(desk, f"pay_{number}")).state for number in range(3)]
    assert states == [payout_pb2.PAYOUT_STATE_SENT] * 3


async def test_payouts_are_listed_by_account_and_state(desk: Desk) -> None:
    """Page after page, by id."""
    for number in range(3):
        await pay(desk, f"pay_{number}", PayoutMethod.WALLET if number else PayoutMethod.BANK)
    settled, token = [], ""
    while True:
        answer = await desk.payouts.ListPayouts(pb.ListPayoutsRequest(
            account_id=ACCOUNT, state=payout_pb2.PAYOUT_STATE_SETTLED, page_size=1, page_token=token
        ), desk.context)
        settled += [payout.payout_id for payout in answer.payouts]
        token = answer.next_page_token
        if not token:
            break

    other = await desk.payouts.ListPayouts(pb.ListPayoutsRequest(account_id="acc_9"), desk.context)

    assert (settled, list(other.payouts)) == (["pay_1", "pay_2"], [])


async def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    """PAYOUT_NOT_FOUND; a state that no enum knows is refused before that."""
    with pytest.raises(NotFound):
        await shown(desk, "pay_9")
    with pytest.raises(InvalidArgument):
        await desk.payouts.ListPayouts(pb.ListPayoutsRequest(state=99), desk.context)  # type: ignore[arg-type]
