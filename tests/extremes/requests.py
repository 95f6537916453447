"""One ordinary request for every method that changes something, most of which would be accepted on the stage."""

from typing import Any

from google.protobuf.message import Message as Wire

from settlement.card_redemption.v1 import calendar_service_pb2 as calendars
from settlement.card_redemption.v1 import card_service_pb2 as card
from settlement.card_redemption.v1 import channel_service_pb2 as channels
from settlement.card_redemption.v1 import enterprise_pb2
from settlement.card_redemption.v1 import enterprise_service_pb2 as enterprises
from settlement.credit_ledger.v1 import account_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.credit_ledger.v1 import payout_service_pb2 as payout
from settlement.credit_ledger.v1 import statement_service_pb2 as statement
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import merchant_service_pb2 as merchant
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.stage import (
    CUSTOMER,
    DEDUCTION,
    DEFERRED,
    FLASH,
    MERCHANT,
    NEW,
    PAPERS,
    SHIPPED,
    TERMS,
    WAITING,
    WORN,
    Stage,
    money,
    send_back,
)
from tests.protos.provoked_channels import calendar, proposal

_ACCOUNT: dict[str, Any] = {"account_id": "acc_1"}
_SHIPPED: dict[str, Any] = {"order_id": SHIPPED}
_WAITING: dict[str, Any] = {"order_id": WAITING}
_LINES = [order_pb2.LineQuantity(line_id="L1", quantity=1)]
_WHY = order_pb2.CANCEL_REASON_NOT_WANTED


def requests(at: Stage) -> tuple[Wire, ...]:
    """All of them."""
    return (*_orders(at), *_after_sale(at), *_money(), *_by_hand(), *_channels(at), *_agreements(at))


def _orders(at: Stage) -> tuple[Wire, ...]:
    placed = at.place(NEW, TERMS, CREDIT=40_000, WALLET=20_000, GIFTCARD=20_000, BANKCARD=20_000)
    placed.promotions.add(amount=money(100), line_indexes=[0], title="off")
    placed.lines[0].unit_price.minor_units += 50
    placed.platform_coupon.CopyFrom(money(300))
    deferred = at.place(NEW, DEFERRED, CREDIT=1)
    deferred.lines[0].quantity = deferred.lines[0].unit_price.minor_units = 1
    return (
        placed, deferred,
        order.ConfirmShipmentRequest(**_WAITING, lines=_LINES, waybill_number="SF2", merchant_id=MERCHANT),
        order.ConfirmDeliveryRequest(order_id=FLASH),
        order.CancelOrderRequest(**_WAITING, reason=_WHY, note="no", customer_id=CUSTOMER, lines=_LINES),
        order.ForceCancelOrderRequest(**_WAITING, operator_id="op-1", note="stuck"),
        order.BatchCancelOrdersRequest(requests=[order.CancelOrderRequest(**_WAITING, reason=_WHY)]),
    )


def _after_sale(at: Stage) -> tuple[Wire, ...]:
    asked = {**_SHIPPED, "return_id": at.ids["requested"]}
    travelling = {**_SHIPPED, "return_id": at.ids["travelling"]}
    return (
        send_back(FLASH),
        sale.ApproveReturnRequest(**asked, return_address="here"), sale.RejectReturnRequest(**asked, reason="worn"),
        sale.WithdrawReturnRequest(**asked), sale.RegisterWaybillRequest(**asked, waybill_number="SF3", carrier="SF"),
        sale.ConfirmReceiptRequest(**travelling, accepted_lines=_LINES, deductions=[DEDUCTION]),
        sale.DisputeDeductionRequest(
            return_id=at.ids["deducted"], order_id=WORN, customer_id=CUSTOMER, evidence=["photo"], note="it was new"
        ),
        sale.RefuseDeliveryRequest(order_id=FLASH, customer_id=CUSTOMER, waybill_number="SF4", carrier="SF", note="no"),
        sale.DisputeReceiptRequest(**travelling, merchant_id=MERCHANT, evidence=["photo"], note="empty"),
        sale.DisputeRejectionRequest(**asked, customer_id=CUSTOMER, evidence=["photo"], note="not worn"),
        sale.ResolveDisputeRequest(
            **travelling, operator_id="op-1", decision=sale.DISPUTE_DECISION_UPHELD, accepted_lines=_LINES, reason="so"
        ),
        sale.RefundAmountRequest(**_SHIPPED, amount=money(500), reason="late"),
        sale.RefundAmountRequest(**_SHIPPED, amount=money(500), reason="scratched", line_id="L1"),
        sale.ReverseRefundRequest(**_SHIPPED, reason="paid again"),
    )


def _cards() -> tuple[Wire, ...]:
    coded: dict[str, Any] = {"card_id": "crd_3", "customer_id": CUSTOMER}  # Any: fields of as many requests
    return (
        card.IssueCardRequest(**coded, face=money(1_000), code="EXTREME0CODE0000", inactive=True),
        card.TransferCardRequest(**coded, receiver_id="cus_2"), card.WithdrawTransferRequest(**coded),
        card.RevealCodeRequest(**coded, operator_id="op-1"),
        card.FreezeCardRequest(card_id="crd_3", case_id="case-1", operator_id="op-1"),
        card.UnfreezeCardRequest(card_id="crd_3", case_id="case-1", operator_id="op-1"),
        card.VoidCardRequest(card_id="crd_3", maker="ann", checker="bob"),
        card.CloseCardRequest(**coded, account_id="acc_1"),
    )


def _money() -> tuple[Wire, ...]:
    return (
        merchant.SettleGiftCardShareRequest(merchant_id=MERCHANT, amount=money(5_000)),
        card.IssueCardRequest(card_id="crd_2", customer_id=CUSTOMER, face=money(1_000)),
        *_cards(),
        credit.OpenAccountRequest(
            account_id="acc_2", customer_id=CUSTOMER, limit=money(1_000), bill_day=31, due_day=31,
            late_fee_ppm_per_day=500,
        ),
        credit.GrantLimitRequest(**_ACCOUNT, limit=money(2_000_000)),
        credit.FundWalletRequest(**_ACCOUNT, amount=money(1_000)),
        credit.SetAccountStateRequest(**_ACCOUNT, state=account_pb2.ACCOUNT_STATE_SUSPENDED, reason="why"),
        credit.RepayRequest(**_ACCOUNT, amount=money(500_000), instrument="CARD_A"),
        credit.PayOutCreditBalanceRequest(**_ACCOUNT, amount=money(1), instrument="CARD_A"),
        credit.AccrueLateFeesRequest(**_ACCOUNT, through="2026-03-10"),
        credit.WaiveLateFeesRequest(**_ACCOUNT, reason="goodwill"),
        credit.ConfirmFlashRefundRequest(**_ACCOUNT, order_id=FLASH),
        credit.ChargeOffAgreementRequest(**_ACCOUNT, order_id=SHIPPED, reason="lost"),
        credit.SettleMerchantRequest(merchant_id=MERCHANT, amount=money(5_000)),
    )


def _by_hand() -> tuple[Wire, ...]:
    return (
        statement.CutStatementRequest(**_ACCOUNT, bill_date="2026-03-05"),
        adjustment.AdjustRefundRequest(**_ACCOUNT, order_id=FLASH, effective_date="2026-03-10", **PAPERS),
        adjustment.PostAdjustmentRequest(
            **_ACCOUNT, order_id=SHIPPED, case_id="case-1", effective_date="2026-03-10", **PAPERS, lines=[
                adjustment.AdjustmentLine(account="A.BANK", amount_minor=700),
                adjustment.AdjustmentLine(account="L.CUST.WALLET", amount_minor=-700),
            ],
        ),
        adjustment.RetryLegRequest(**_ACCOUNT, leg_id="leg_" + "0" * 32, operator_id="op-1", reason="why"),
        adjustment.SettleLegRequest(
            **_ACCOUNT, leg_id="leg_" + "0" * 32, order_id=SHIPPED, effective_date="2026-03-10", **PAPERS
        ),
        payout.PausePayoutsRequest(operator_id="op-1", reason="why"),
        payout.ResumePayoutsRequest(operator_id="op-1", reason="why"),
    )


def _channels(at: Stage) -> tuple[Wire, ...]:
    at.done(proposal())
    at.done(calendar())
    return (
        proposal(), channels.ApproveChannelPolicyRequest(channel="TRIAL", proposal=1, operator_id="bob"),
        calendar(), calendars.ApproveCalendarRequest(year=2026, proposal=1, operator_id="bob"),
    )


def _agreements(at: Stage) -> tuple[Wire, ...]:
    proposed = enterprises.ProposeAgreementRequest(
        agreement_id="agr_1", customer_id="cus_1", operator_id="ann",
        terms=enterprise_pb2.AgreementTerms(
            signed_date="2026-01-02", document="agreement-7", qualification="licence-9", edit_cutoff_seconds=7_200,
            annual_purchase=money(50_000_001), alert_above=money(70_000),
        ),
    )
    at.done(proposed)
    return (
        proposed, enterprises.ApproveAgreementRequest(agreement_id="agr_1", proposal=1, operator_id="bob"),
        enterprises.RevokeBatchRequest(
            agreement_id="agr_1", customer_id="cus_1", redemption_ids=["rdm_" + "0" * 32]
        ),
    )
