"""What the credit ledger does for redemptions, by the real rules, in a house: payouts in every state, a fee, a claim,
a closed card, a voucher, a remittance, and a switch that was moved. Nobody coordinates it, so its settlements are on no
record, and the card book owes nothing for its payouts."""

from collections.abc import Sequence

from services.credit_ledger.domain.legs.steps import leg_id
from services.credit_ledger.domain.model import redemptions
from services.credit_ledger.domain.model.commands import LegReport, ReportLeg
from services.credit_ledger.domain.model.payout import PayoutMethod
from services.credit_ledger.domain.model.payout_switch import PAYOUTS, PausePayouts, ResumePayouts
from services.credit_ledger.domain.model.redemptions import ClaimCause, WalletCreditCause
from services.kernel.ids import money_account
from services.kernel.messages import Message, Op, SagaRef
from services.kernel.notices import Acknowledged
from services.runtime.lanes.item import Item
from settle.audit.findings import CREDIT
from tests.settle.audit.house import House

CUSTOMER, CHANNEL = "cus_r", "KAQUANMAO"
ACCOUNT = money_account(CUSTOMER)
PAID = ("pay_wallet", "pay_bank", "pay_closed", "pay_netted", "pay_tried")
"""The payouts that are paid, in the wallet or at the bank."""

OWED = {"pay_wallet": 95_000, "pay_bank": 94_000, "pay_closed": 20_000, "pay_netted": 9_000, "pay_tried": 7_000,
        "pay_waits": 3_000, "pay_sent": 2_000}
"""What the card book owes for each payout that was not stopped."""


async def redeem(house: House) -> None:
    """Let it all happen."""
    await _pay(house, "pay_wallet", 95_000, PayoutMethod.WALLET)
    await _pay(house, "pay_bank", 94_000)
    await _said(house, "pay_bank", LegReport.SETTLED)
    await _pay(house, "pay_closed", 20_000)
    await _said(house, "pay_closed", LegReport.CLOSED)
    await _command(house, redemptions.ClaimFromCustomer(
        ACCOUNT, CUSTOMER, "rdm_bank", ClaimCause.FACE_CLAWBACK, 4_000, 4_000
    ))
    await _pay(house, "pay_netted", 9_000)
    await _said(house, "pay_netted", LegReport.SETTLED)
    await _command(house, redemptions.ChargeCancelFee(ACCOUNT, CUSTOMER, "rdm_fee", 500))
    await _command(house, redemptions.CreditWallet(ACCOUNT, CUSTOMER, "crd_9", WalletCreditCause.CARD_CLOSE, 700))
    await _command(house, redemptions.PayVoucherUse(ACCOUNT, CUSTOMER, "rdm_bank", "vou_1", 300))
    await _pay(house, "pay_tried", 7_000)
    await _said(house, "pay_tried", LegReport.REJECTED)
    await _pay(house, "pay_stopped", 6_000)
    await _said(house, "pay_stopped", LegReport.REJECTED)
    await _command(house, redemptions.StopRedemptionPayout(ACCOUNT, CUSTOMER, "rdm_stopped", "pay_stopped"))
    await _until_the_next_leg(house, "pay_tried")
    await _said(house, "pay_tried", LegReport.SETTLED, 2)
    for number in (1, 2):
        body = redemptions.ReceiveRemittance(CHANNEL, f"rem_{number}", 1_000 * number)
        await _command(house, body, CHANNEL)
    await _pay(house, "pay_sent", 2_000)
    await _switch(house, PausePayouts(PAYOUTS, "ops_1", "bank holiday"))
    await _switch(house, ResumePayouts(PAYOUTS, "ops_2", "bank is back"))
    await _switch(house, PausePayouts(PAYOUTS, "ops_1", "bank holiday again"))
    await _pay(house, "pay_waits", 3_000)
    await _heard(house)


async def _heard(house: House) -> None:
    """Every notice is acknowledged, the oldest first."""
    while rows := await house.connections[CREDIT].fetch("select id, root from notices order by place"):
        await _decide(house, [Item(Message("", row["root"], Acknowledged(row["id"]))) for row in rows])


async def _pay(house: House, payout_id: str, amount: int, method: PayoutMethod = PayoutMethod.BANK) -> None:
    name = payout_id.removeprefix("pay_")
    await _command(house, redemptions.PayRedemption(
        account_id=ACCOUNT, customer_id=CUSTOMER, order_id=f"rdm_{name}", card_id=f"crd_{name}", payout_id=payout_id,
        amount_minor=amount, method=method, instrument="" if method is PayoutMethod.WALLET else "bank_1",
    ))


async def _said(house: House, payout_id: str, report: LegReport, attempt: int = 1) -> None:
    body = ReportLeg(ACCOUNT, leg_id(f"{payout_id}/{attempt}"), report, "bank is busy")
    await _decide(house, [Item(Message("", ACCOUNT, body))])


async def _until_the_next_leg(house: House, payout_id: str) -> None:
    await _heard(house)
    house.now = await house.connections[CREDIT].fetchval("select due_at from timers where key = $1", payout_id)
    await house.fire(CREDIT)


async def _switch(house: House, body: object) -> None:
    await house.ask(CREDIT, PAYOUTS, body)


async def _command(house: House, body: object, key: str = ACCOUNT) -> None:
    saga = SagaRef(f"saga_of_{len(await house.connections[CREDIT].fetch('select from inbox'))}", CREDIT, Op.EXECUTE)
    message = Message(f"{saga.saga_id}/{saga.branch}/{saga.op}", key, body, saga=saga, caller="card_redemption/crd_x")
    await _decide(house, [Item(message)])


async def _decide(house: House, items: Sequence[Item]) -> None:
    """Decide these; nobody is there to take what is sent."""
    await house.batch(CREDIT, list(items))
    house.sent.clear()
