"""The credit of a year: statements, repayments, late fees, deferrals, the flash network, surpluses, corrections."""

from datetime import datetime, timedelta
from typing import Any

from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import account_pb2, adjustment_service_pb2, leg_pb2, statement_service_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as pb
from tests.recorded.bank import PENDING, REJECTED
from tests.recorded.people import People
from tests.recorded.requests import (
    BANK,
    CREDIT,
    GIFT,
    WALLET,
    Customer,
    Tenders,
    cancel,
    deferred,
    money,
    quote,
    refund,
    reverse,
    ship,
    terms,
)

ANN, BEN, CAT, DAN = Customer("ann"), Customer("ben"), Customer("cat"), Customer("dan")
FLASH = tender_pb2.CREDIT_ROUTE_FLASH
NEXT_FIRST, LAST_FIRST = tender_pb2.REFUND_STRATEGY_NEXT_FIRST, tender_pb2.REFUND_STRATEGY_LAST_FIRST


async def tell(people: People) -> None:
    """The chapter."""
    await _bought(people)
    await _first_bills(people)
    await _network(people)
    await _surplus(people)
    await _overdue(people)
    await _corrected(people)
    await _limits(people)


def _china(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


async def _buy(people: People, who: Customer, order_id: str, tenders: Tenders, plan: Any) -> None:
    """An order of one unit, shipped."""
    await people.ask(who.order(order_id, (("L1", 1, sum(tenders.values())),), tenders, plan))
    await people.ask(ship(order_id))


async def _bought(people: People) -> None:
    """Cat and Dan come; instalments of every strategy, deferrals with and without fees."""
    await people.ask(CAT.opening(2_000_000, bill_day=28, due_day=8, late_fee_ppm_per_day=700))
    await people.ask(CAT.funding(30_000))
    await people.ask(DAN.opening(1_000_000, surplus_policy=tender_pb2.SURPLUS_POLICY_LIFO))
    await people.ask(DAN.card(60_000))
    await _buy(people, CAT, "ord_next", {CREDIT: 120_000}, terms(6, fee_ppm=7_000, free_days=7, strategy=NEXT_FIRST))
    await _buy(people, CAT, "ord_equal", {CREDIT: 90_001}, terms(3, strategy=tender_pb2.REFUND_STRATEGY_EQUAL))
    await _buy(people, CAT, "ord_later", {CREDIT: 60_000}, deferred(2, flat_fee_minor=600, free_days=3))
    await _buy(people, CAT, "ord_flash", {CREDIT: 40_000, WALLET: 5_000}, terms(4, fee_ppm=5_000, route=FLASH))
    await _buy(people, DAN, "ord_dan_flash", {CREDIT: 30_000, GIFT: 20_000}, terms(2, route=FLASH))
    backwards = terms(24, fee_ppm=9_000, strategy=LAST_FIRST)
    await _buy(people, DAN, "ord_dan_bank", {CREDIT: 20_000, BANK: 30_000}, backwards)
    await _buy(people, DAN, "ord_dan_lost", {CREDIT: 70_000}, terms(3, fee_ppm=6_000))
    await people.refused("INVALID_ARGUMENT", CAT.order("ord_endless", (("L1", 1, 1),), {CREDIT: 1}, terms(121)))


async def _first_bills(people: People) -> None:
    """Cut by timer, by request, by reading and by the nightly run; repaid too little, exactly, and too much."""
    now = people.stage.now
    await people.refused("BILL_DATE_AHEAD", CAT.bill("2027-01-28"))
    await people.stage.pass_to(_china("2026-04-28T00:00:00") - timedelta(microseconds=1))
    assert now < people.stage.now
    await people.stage.pass_to(_china("2026-04-28T09:00:00"))
    await people.ask(CAT.repaying(20_000))
    await people.ask(CAT.bill("2026-04-28"))
    await people.ask(statement_service_pb2.GetStatementRequest(account_id=CAT.account_id, bill_date="2026-04-28"))
    await people.ask(pb.GetCreditAccountRequest(account_id=CAT.account_id))
    await people.ask(refund("ord_next", 30_000))
    await people.ask(refund("ord_equal", 20_000))
    await people.ask(refund("ord_later", 10_000))
    people.stage.clock.move(_china("2026-05-05T00:00:07"))
    run = statement_service_pb2.RunStatementsRequest(bill_date="2026-05-05", accounts_max=1)
    started = await people.ask(run)
    run.after_account_id, run.accounts_max = started.next_account_id, 0
    await people.ask(run)
    await people.refused("BILL_DATE_AHEAD", statement_service_pb2.RunStatementsRequest(bill_date="2026-05-06"))
    await people.stage.pass_to(_china("2026-05-08T12:00:00"))
    await people.ask(CAT.repaying(44_000, instrument="bank-of-hangzhou"))
    await people.ask(CAT.repaying(500_000))
    await people.refused("INVALID_AMOUNT", CAT.repaying(0))


async def _network(people: People) -> None:
    """FLASH refunds: confirmed, too late and then completed by two people, with a gift card beside them."""
    await people.ask(refund("ord_flash", 9_000))
    await people.stage.wait(hours=2)
    confirmation = pb.ConfirmFlashRefundRequest(account_id=CAT.account_id, order_id="ord_flash")
    await people.ask(confirmation)
    await people.refused("NO_PENDING_REFUND", confirmation)
    await people.ask(refund("ord_dan_flash", 10_000))
    adjusting = adjustment_service_pb2.AdjustRefundRequest(
        account_id=DAN.account_id, order_id="ord_dan_flash", maker="ann", checker="bob", evidence=["letter-1"],
        reason="the network lost it",
    )
    await people.refused("EVIDENCE_REQUIRED", adjusting)
    adjusting.evidence.append("letter-2")
    await people.refused("AGREEMENT_STATE", adjusting)
    await people.refused("NO_REFUND_TO_REVERSE", reverse("ord_dan_flash"))
    await people.stage.wait(hours=25)
    late = pb.ConfirmFlashRefundRequest(account_id=DAN.account_id, order_id="ord_dan_flash")
    await people.refused("CHANNEL_TIMEOUT", late)
    adjusting.checker = "ann"
    await people.refused("FOUR_EYES", adjusting)
    adjusting.checker = "bob"
    await people.ask(adjusting)
    await people.ask(refund("ord_flash", 36_000))
    await people.stage.wait(hours=1)
    await people.ask(confirmation)


async def _surplus(people: People) -> None:
    """More comes back than is owed: other bills, the credit balance, the instruments; paid out, and undone."""
    await people.ask(DAN.repaying(60_000, instrument="card-7"))
    await people.ask(refund("ord_dan_bank", 45_000))
    await people.ask(quote("ord_next", amount=money(60_000)))
    await people.ask(refund("ord_next", 60_000))
    await people.ask(reverse("ord_next"))
    await people.ask(refund("ord_next", 60_000))
    await people.ask(refund("ord_equal", 70_001))
    people.stage.bank.next.extend([(PENDING, ""), (REJECTED, "INSTRUMENT_CLOSED")])
    await people.ask(pb.PayOutCreditBalanceRequest(account_id=CAT.account_id, amount=money(1_000), instrument="card-9"))
    await people.ask(pb.PayOutCreditBalanceRequest(account_id=CAT.account_id, amount=money(2_000)))
    too_much = pb.PayOutCreditBalanceRequest(account_id=CAT.account_id, amount=money(9_000_000))
    await people.refused("EXCEEDS_CREDIT_BALANCE", too_much)
    people.stage.bank.confirm()
    await people.stage.wait(hours=3)
    await people.ask(reverse("ord_equal"))


async def _overdue(people: People) -> None:
    """Dan stops paying: late fees accrue, are waived, accrue again; what is charged off comes back in part."""
    charge = pb.ChargeOffAgreementRequest(account_id=DAN.account_id, order_id="ord_dan_lost", reason="cannot pay")
    await people.refused("AGREEMENT_STATE", charge)
    await people.stage.pass_to(_china("2026-07-20T10:00:00"))
    await people.ask(pb.AccrueLateFeesRequest(account_id=DAN.account_id, through="2026-07-01"))
    await people.ask(pb.AccrueLateFeesRequest(account_id=DAN.account_id))
    await people.refused("INVALID_ARGUMENT", pb.AccrueLateFeesRequest(account_id=DAN.account_id, through="2026-08-01"))
    await people.ask(pb.WaiveLateFeesRequest(account_id=DAN.account_id, reason="illness"))
    await people.stage.pass_to(_china("2026-08-20T10:00:00"))
    await people.ask(pb.AccrueLateFeesRequest(account_id=DAN.account_id))
    await people.ask(refund("ord_dan_lost", 7_000))
    await people.stage.pass_to(_china("2026-10-10T10:00:00"))
    await people.ask(charge)
    await people.ask(DAN.repaying(3_000))
    await people.ask(refund("ord_dan_lost", 30_000))
    await people.ask(reverse("ord_dan_lost"))


async def _corrected(people: People) -> None:
    """Two people post what is missing; a leg that the bank refuses is asked about again, then paid by hand."""
    posting = adjustment_service_pb2.PostAdjustmentRequest(
        account_id=ANN.account_id, order_id="ord_credit", case_id="case-7", maker="ann", checker="bob",
        evidence=["order page", "bill page"], reason="from nobody knows whom", effective_date="2026-09-30",
        lines=[
            adjustment_service_pb2.AdjustmentLine(account="A.BANK", amount_minor=700),
            adjustment_service_pb2.AdjustmentLine(account="X.SUSPENSE", amount_minor=-700),
        ],
    )
    await people.refused("BACKDATED", posting)
    posting.effective_date = "2026-10-10"
    await people.ask(posting)
    posting.lines[1].amount_minor = -701
    await people.refused("UNBALANCED", posting)
    posting.lines[1].account = "L.MERCH.PAY"
    await people.refused("ACCOUNT_NOT_ADJUSTABLE", posting)
    del posting.lines[:]
    posting.lines.add(account="X.SUSPENSE", amount_minor=700)
    posting.lines.add(account="L.CUST.WALLET", amount_minor=-700)
    posting.effective_date, posting.reaches_back = "2026-05-01", True
    await people.ask(posting)
    await _buy(people, DAN, "ord_dan_again", {BANK: 20_000}, terms(3))
    people.stage.bank.next.extend([(REJECTED, "no"), (REJECTED, "no"), None])
    await people.ask(refund("ord_dan_again", 4_000))
    await people.ask(refund("ord_dan_again", 5_000))
    await people.stage.wait(hours=1)
    legs = (await people.ask(pb.ListLegsRequest(account_id=DAN.account_id, state=leg_pb2.LEG_STATE_EXCEPTION))).legs
    who: dict[str, Any] = {"account_id": DAN.account_id, "leg_id": legs[0].leg_id}  # Any: fields of a request
    settling = adjustment_service_pb2.SettleLegRequest(
        **who, order_id="ord_dan_again", maker="ann", checker="bob", evidence=["receipt", "order page"],
        reason="paid over the counter",
    )
    await people.ask(settling)
    await people.refused("LEG_STATE", settling)
    again = adjustment_service_pb2.RetryLegRequest(
        account_id=DAN.account_id, leg_id=legs[1].leg_id, operator_id="op-3", reason="the bank promised"
    )
    await people.ask(again)
    await people.refused("LEG_NOT_FOUND", adjustment_service_pb2.RetryLegRequest(
        account_id=DAN.account_id, leg_id="leg_unknown", operator_id="op-3", reason="?"
    ))
    await people.stage.wait(hours=6)


async def _limits(people: People) -> None:
    """Limits rise and fall, accounts sleep and end."""
    await people.ask(pb.GrantLimitRequest(account_id=ANN.account_id, limit=money(4_000_000)))
    await people.refused("LIMIT_IN_USE", pb.GrantLimitRequest(account_id=ANN.account_id, limit=money(1)))
    eve = Customer("eve")
    await people.ask(eve.opening(100_000))
    await people.ask(eve.order("ord_eve", (("L1", 1, 50_000),), {CREDIT: 50_000}, terms(3)))
    asleep = pb.SetAccountStateRequest(
        account_id=eve.account_id, state=account_pb2.ACCOUNT_STATE_SUSPENDED, reason="lost card"
    )
    await people.ask(asleep)
    await people.ask(eve.order("ord_eve_2", (("L1", 1, 10),), {CREDIT: 10}, terms(3)))
    closing = pb.SetAccountStateRequest(account_id=eve.account_id, state=account_pb2.ACCOUNT_STATE_CLOSED)
    await people.refused("ACCOUNT_NOT_CLEAR", closing)
    await people.ask(cancel("ord_eve"))
    await people.ask(closing)
    await people.refused("ACCOUNT_NOT_ACTIVE", asleep)
    await people.ask(eve.order("ord_eve_3", (("L1", 1, 10),), {CREDIT: 10}, terms(3)))
