"""What becomes of bank-card refunds through the whole engine: of goods whose payment was charged back, and of a case
whose refund was undone while it waited for a person (PM-8, PR-9)."""

from typing import Any

from services.credit_ledger.domain.model.leg import LegState
from services.order.domain.states import DeductionState, OrderState, RefundState, ReturnState
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment
from settlement.order.v1 import after_sale_service_pb2 as sale
from tests.extremes.stage import ACCOUNT, CUSTOMER, money
from tests.services.bank_shop import FIRST, SECOND, BankShop


def test_goods_of_a_payment_that_was_charged_back_come_back_and_their_case_ends() -> None:
    """Its refund was refused for good, the case waited for ever, and the order could never be completed. Money without
    goods is still refused."""
    shop = BankShop()
    shop.charge_back(SECOND)
    money_back = shop.done(sale.RefundAmountRequest(order_id=SECOND, amount=money(1))).settlement
    shop.sends_back(SECOND, "L1", 2)

    refused = shop.receives(shop.cases()[0])
    kept = shop.cases()[0].state
    shop.by_hand(shop.legs()[0])

    assert shop.ended(money_back.settlement_id) == "PAYMENT_NOT_REFUNDABLE"
    assert (refused, kept) == ("", ReturnState.REFUND_EXCEPTION)
    assert (shop.cases()[0].state, shop.orders()[1].refunds[0].state) == (
        ReturnState.REFUNDED, RefundState.SUCCEEDED_MANUAL,
    )
    assert shop.sent() == []


def test_a_deduction_is_given_back_whatever_was_charged_back() -> None:
    """The card holder's bank took the payment back while the deduction was in dispute: what support decided was
    refused, and was in dispute again for good."""
    shop = BankShop()
    shop.sends_back(SECOND, "L1", 2)
    shop.receives(shop.cases()[0], deducted_minor=100)
    named: dict[str, Any] = {"return_id": shop.cases()[0].id, "order_id": SECOND}
    shop.done(sale.DisputeDeductionRequest(**named, customer_id=CUSTOMER, evidence=["photo"]))
    shop.charge_back(SECOND)

    shop.done(sale.ResolveDisputeRequest(
        **named, operator_id="op-1", decision=sale.DISPUTE_DECISION_UPHELD, reason="it was like this"
    ))

    assert shop.cases()[0].deduction_state is DeductionState.GIVEN_BACK
    assert shop.orders()[1].refunds[-1].state is RefundState.EXCEPTION


def test_a_case_whose_refund_is_undone_waits_for_no_person() -> None:
    """The bank had refused, and two people could close nothing any more: the case stood in REFUND_EXCEPTION."""
    shop = BankShop()
    shop.sends_back(SECOND, "L1", 2)
    shop.receives(shop.cases()[0])
    shop.refuses(shop.legs()[0])
    shop.tells(shop.legs()[0])
    refused = shop.cases()[0].state

    shop.done(sale.ReverseRefundRequest(order_id=SECOND))

    assert (refused, shop.cases()[0].state) == (ReturnState.REFUND_EXCEPTION, ReturnState.REFUNDED)
    assert shop.orders()[1].state is OrderState.IN_TRANSIT


def test_a_refund_that_the_bank_is_asked_for_again_waits_for_no_person() -> None:
    """A reader saw EXCEPTION until the bank had paid."""
    shop = BankShop()
    refund = shop.done(sale.RefundAmountRequest(order_id=FIRST, amount=money(6_000)))
    leg = shop.legs()[0]
    shop.refuses(leg)
    shop.tells(leg)
    refused = shop.orders()[0].refunds[0].state

    shop.done(adjustment.RetryLegRequest(account_id=ACCOUNT, leg_id=leg.id, operator_id="op-1", reason="again"))

    assert refund.settlement.refund_id == leg.refund_id
    assert (refused, shop.legs()[0].state) == (RefundState.EXCEPTION, LegState.UNKNOWN)
    assert shop.shown(shop.orders()[0].refunds[0]) is RefundState.CREDIT_DONE
