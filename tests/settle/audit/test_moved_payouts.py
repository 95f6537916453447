"""A payout that was stopped after the credit ledger took it on, and whose next one it refuses, goes into its customer's
own wallet, and what was done on the other account before is none of another redemption (PM-3, OP-2)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.card_redemption.domain.recycling.payouts import PayoutMethod
from services.card_redemption.domain.redemption import commands as ask
from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model.commands import LegReport, OpenAccount, ReportLeg
from services.kernel.ids import derived, money_account
from services.kernel.messages import Message, Op
from services.kernel.saga import Reply, Verdict
from services.runtime.lanes.item import Item
from settle.audit.findings import CARD, CREDIT
from tests.settle.audit.breaking import Breakable, breakable
from tests.settle.audit.edits import Statement
from tests.settle.audit.filled import BEGIN
from tests.settle.audit.house import House, house
from tests.settle.audit.recycled import FACE, OWN, Recycled, open_channels

NAMED, MOVED = "acc_named", "moved"


async def _moved(world: House) -> None:
    """Claimed in part, refused by the bank, stopped for a fraud that was none, and then refused on its account."""
    await world.ask(CREDIT, NAMED, OpenAccount(NAMED, f"cus_{MOVED}", 0))
    order = await Recycled(world, MOVED, OWN).submitted(PayoutMethod.BANK_CARD, account_id=NAMED)
    await order.verified()
    await order.does(ask.CorrectFace(order.id, FACE - 500, "op_1"))
    await order.hears(CREDIT, NAMED, ReportLeg(
        NAMED, leg_id(f"{derived('pay', order.id, '1')}/1"), LegReport.REJECTED, "the bank says so"
    ))
    await order.does(ask.ReportFraud(order.id, "the police"))
    await world.turn(timedelta(days=15))
    decided = Message("", order.card, ask.DecideFraud(order.id, False, "case-1", "op_1"), fresh_id=world.fresh())
    await world.batch(CARD, [Item(decided)])
    world.sent = []  # the credit ledger does not hear of it, and is said to have refused it
    saga_id = await world.connections[CARD].fetchval("select settlement_id from redemption_orders")
    refused = Reply(saga_id, CREDIT, Op.EXECUTE, Verdict.REFUSED, "INVALID_AMOUNT")
    await world.batch(CARD, [Item(Message("", order.card, refused, fresh_id=world.fresh()))])
    await world.deliver()
    await world.pass_by(timedelta(minutes=2))


@pytest.fixture(scope="module")
async def moved(shared_dsn: str) -> AsyncIterator[Breakable]:
    """It stands on the money account by now."""
    async with house(shared_dsn, "moved", BEGIN) as world:
        await open_channels(world)
        await _moved(world)
        async with breakable(world.dsns) as opened:
            yield opened


async def test_nothing_of_it_is_called_out(moved: Breakable) -> None:
    """The stop, the claim and the payout that was stopped were on the account of before."""
    (row,) = await moved.world[CARD].fetch("select account_id, state from redemption_orders")
    assert (row["account_id"], row["state"]) == (money_account(f"cus_{MOVED}"), "COMPLETED")

    assert not (await moved.asked_all()).checks


async def test_the_payout_that_stands_is_on_the_account_of_today(moved: Breakable) -> None:
    """Whoever moves it to another account is found out."""
    plan = "jsonb_set(plan::jsonb, '{party,account_id}', '\"acc_else\"')::text::json"
    standing = derived("pay", derived("rdm", MOVED), "2")
    broken = Statement(
        f"update sagas set plan = {plan} where phase = 'DONE' and plan::jsonb->>'payout_id' = $1", (standing,)
    )

    assert "joins.redemptions" in (await moved.broken({CARD: [broken]})).checks
