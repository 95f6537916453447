"""Balances that are filled to the brim, fees that pile up, and a clock that is set centuries ahead (N9, F1, F2)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message as Wire

from services.credit_ledger.domain.model.account import CreditAccount
from services.credit_ledger.domain.model.agreement import Agreement, fees_total
from services.credit_ledger.domain.model.merchant_share import MerchantShare
from services.credit_ledger.domain.model.statement import Statement
from services.kernel.money import AMOUNT_MAX_MINOR, BALANCE_MAX_MINOR, FUNDS_MAX_MINOR
from services.kernel.saga import Run
from services.kernel.shares import share_key
from settlement.common.v1 import tender_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.stage import ACCOUNT, CUSTOMER, MERCHANT, PAPERS, SHIPPED, TERMS, WAITING, Stage, money, stage
from tests.extremes.test_extremes import hold, hold_decidable

LAST_DAY = datetime(2200, 12, 31, 12, tzinfo=UTC)
FEE = tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_DEFERRED, flat_fee_minor=AMOUNT_MAX_MINOR, term_days=30)
DEAR = tender_pb2.CreditTerms(plan=tender_pb2.PLAN_TYPE_INSTALMENT, instalment_count=120, fee_ppm=1_000_000)
"""As much in fees as the contract lets in: 120 times the amount."""


@pytest.fixture
def at() -> Stage:
    """The ordinary stage, with a limit as high as can be."""
    ready = stage()
    ready.done(credit.GrantLimitRequest(account_id=ACCOUNT, limit=money(AMOUNT_MAX_MINOR)))
    return ready


def account(at: Stage) -> CreditAccount:
    """The customer's account."""
    return at.engine.worlds["credit_ledger"].row(CreditAccount, ACCOUNT)


def reason_of(at: Stage, settlement_id: str) -> str:
    """Why a settlement did not come about; "" if it did."""
    return at.engine.worlds["order"].row(Run, settlement_id).reason


def bought(at: Stage, name: str, terms: tender_pb2.CreditTerms, credit_minor: int) -> str:
    """Place and ship one piece on credit. The reason why not, if it was not."""
    placed = at.place(name, terms, CREDIT=credit_minor)
    placed.lines[0].quantity, placed.lines[0].unit_price.minor_units = 1, credit_minor
    refused = reason_of(at, at.done(placed).settlement.settlement_id)
    if refused:
        return refused
    return reason_of(at, at.done(order.ConfirmShipmentRequest(order_id=name)).settlement.settlement_id)


@pytest.mark.parametrize(("pay_in", "figure"), [
    (credit.FundWalletRequest(account_id=ACCOUNT, amount=money(AMOUNT_MAX_MINOR)), "wallet_minor"),
    (credit.RepayRequest(account_id=ACCOUNT, amount=money(AMOUNT_MAX_MINOR)), "credit_balance_minor"),
], ids=("wallet", "credit balance"))
def test_a_balance_is_filled_to_the_brim_and_the_account_lives_on(at: Stage, pay_in: Wire, figure: str) -> None:
    """What comes in is refused above the brim; what was paid from it still comes back to it, and goes again."""
    while not (reason := hold(at, pay_in)):
        pass
    full = getattr(account(at), figure)
    refund = at.done(sale.RefundAmountRequest(order_id=SHIPPED, amount=money(50_000))).settlement

    assert reason == "INVALID_AMOUNT"
    assert FUNDS_MAX_MINOR - AMOUNT_MAX_MINOR < full <= FUNDS_MAX_MINOR
    assert reason_of(at, refund.settlement_id) == ""
    assert getattr(account(at), figure) >= full
    assert hold(at, sale.ReverseRefundRequest(order_id=SHIPPED)) == ""
    assert getattr(account(at), figure) == full
    at.engine.turn(at.engine.now + timedelta(days=400))
    hold_decidable(at)


def test_a_correction_fills_no_balance_above_the_brim(at: Stage) -> None:
    """Two people cannot either (P22)."""
    at.engine.worlds["credit_ledger"].given(replace(account(at), wallet_minor=FUNDS_MAX_MINOR - 1))
    lines = [
        adjustment.AdjustmentLine(account="A.BANK", amount_minor=2),
        adjustment.AdjustmentLine(account="L.CUST.WALLET", amount_minor=-2),
    ]

    reason = hold(at, adjustment.PostAdjustmentRequest(
        account_id=ACCOUNT, order_id=SHIPPED, case_id="case-1", effective_date="2026-03-10", lines=lines, **PAPERS
    ))

    assert reason == "INVALID_AMOUNT"


def piled_up(at: Stage) -> int:
    """Fees of 9.6 * 10^15: eight loans whose principal was written off, so that the limit could be granted again."""
    for number in range(8):
        assert bought(at, f"ord_dear_{number}", DEAR, account(at).available_minor) == ""
        at.engine.turn(at.engine.now + timedelta(days=11 * 365))
        at.done(credit.ChargeOffAgreementRequest(account_id=ACCOUNT, order_id=f"ord_dear_{number}", reason="lost"))
        at.done(credit.GrantLimitRequest(account_id=ACCOUNT, limit=money(AMOUNT_MAX_MINOR)))
    return fees_total(at.engine.worlds["credit_ledger"].family(Agreement, ACCOUNT))


def test_fees_pile_up_to_the_brim_and_every_bill_can_be_written(at: Stage) -> None:
    """F2: two fees of 2^62 ended the account at its next cut. Here they come to the brim, and no further."""
    fees = piled_up(at)
    names = iter(range(100))
    while not (reason := bought(at, f"ord_{next(names)}", FEE, 1)):
        pass
    at.engine.turn(at.engine.now + timedelta(days=40))
    last = max(at.engine.worlds["credit_ledger"].family(Statement, ACCOUNT), key=lambda row: row.bill_date)

    assert fees > FUNDS_MAX_MINOR * 9 // 10
    assert reason == "INVALID_AMOUNT"
    assert FUNDS_MAX_MINOR - AMOUNT_MAX_MINOR < last.amount_minor <= FUNDS_MAX_MINOR + AMOUNT_MAX_MINOR
    assert hold(at, credit.RepayRequest(account_id=ACCOUNT, amount=money(AMOUNT_MAX_MINOR))) == ""
    assert hold(at, sale.RefundAmountRequest(order_id="ord_0", amount=money(1))) == ""
    hold_decidable(at)


def test_fees_agreed_to_before_any_was_shipped_are_counted_at_shipment(at: Stage) -> None:
    """An order whose fees come above the brim is not shipped, and can still be cancelled."""
    piled_up(at)
    names = [f"ord_{number}" for number in range(45)]
    for name in names:
        placed = at.place(name, FEE, CREDIT=1)
        placed.lines[0].quantity = placed.lines[0].unit_price.minor_units = 1
        assert reason_of(at, at.done(placed).settlement.settlement_id) == ""

    reasons = [
        reason_of(at, at.done(order.ConfirmShipmentRequest(order_id=name)).settlement.settlement_id) for name in names
    ]

    assert (reasons[0], reasons[-1]) == ("", "INVALID_AMOUNT")
    assert hold(at, order.CancelOrderRequest(order_id=names[-1], reason=order_pb2.CANCEL_REASON_NOT_WANTED)) == ""
    hold_decidable(at)


def test_a_clock_set_centuries_ahead_leaves_the_account_decidable(at: Stage) -> None:
    """Each of some 2,000 cuts is made at once; late fees beyond all bounds are refused, within them accrued."""
    at.done(credit.OpenAccountRequest(
        account_id="acc_2", customer_id=CUSTOMER, limit=money(AMOUNT_MAX_MINOR), late_fee_ppm_per_day=1_000_000
    ))
    placed = at.place("ord_dear", DEAR, CREDIT=AMOUNT_MAX_MINOR)
    placed.account_id = "acc_2"
    at.done(placed)
    at.done(order.ConfirmShipmentRequest(order_id="ord_dear"))

    at.engine.turn(LAST_DAY)

    assert hold(at, credit.AccrueLateFeesRequest(account_id="acc_2")) == "INVALID_AMOUNT"
    assert hold(at, credit.AccrueLateFeesRequest(account_id="acc_2", through="2100-01-01")) == ""
    assert hold(at, credit.RepayRequest(account_id="acc_2", amount=money(AMOUNT_MAX_MINOR))) == ""
    assert hold(at, sale.RefundAmountRequest(order_id="ord_dear", amount=money(1))) == ""
    hold_decidable(at)


def test_a_merchant_is_owed_no_more_than_can_be_summed(at: Stage) -> None:
    """Its shares are full: the goods do not leave, and the order can be cancelled."""
    share = MerchantShare(share_key(MERCHANT, ACCOUNT), MERCHANT, payable_minor=BALANCE_MAX_MINOR)
    at.engine.worlds["credit_ledger"].given(share)

    shipment = at.done(order.ConfirmShipmentRequest(order_id=WAITING)).settlement

    assert reason_of(at, shipment.settlement_id) == "INVALID_AMOUNT"
    assert hold(at, order.CancelOrderRequest(order_id=WAITING, reason=order_pb2.CANCEL_REASON_NOT_WANTED)) == ""
    assert hold(at, credit.SettleMerchantRequest(merchant_id=MERCHANT, amount=money(AMOUNT_MAX_MINOR))) == ""


@pytest.mark.parametrize(("lines", "reason"), [
    ([(1, AMOUNT_MAX_MINOR)], ""), ([(2, AMOUNT_MAX_MINOR // 2)], ""),
    ([(1_000_000, AMOUNT_MAX_MINOR)], "INVALID_AMOUNT"), ([(1, AMOUNT_MAX_MINOR), (1, 1)], "INVALID_AMOUNT"),
    ([(3, AMOUNT_MAX_MINOR // 2)], "INVALID_AMOUNT"),
])
def test_an_order_is_worth_at_most_what_one_amount_may_be(at: Stage, lines: list[tuple[int, int]], reason: str) -> None:
    """Prices times quantities, summed over its lines."""
    placed = at.place("ord_new", TERMS, BANKCARD=2)
    placed.tenders[0].amount.minor_units = min(sum(count * price for count, price in lines), AMOUNT_MAX_MINOR)
    del placed.lines[:]
    for number, (count, price) in enumerate(lines):
        placed.lines.add(line_id=f"L{number}", quantity=count, unit_price=money(price))

    assert hold(at, placed) == reason
