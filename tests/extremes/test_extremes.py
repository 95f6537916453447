"""No accepted input makes an account undecidable: extreme values of every field of every request, and what comes after.

N9, F1, F2: an amount of 2^62, a fee of 2^62, and the account could decide nothing after its next cut.
"""

from collections.abc import Iterator
from datetime import timedelta

from google.protobuf.message import Message as Wire
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.credit_ledger.domain.model.account import AccountState, CreditAccount
from services.kernel.calendar import business_date
from services.order.domain.order import Order
from settlement.common.v1 import error_reason_pb2
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.credit_ledger.v1 import statement_service_pb2 as statement
from settlement.order.v1 import after_sale_service_pb2 as sale
from settlement.order.v1 import order_pb2
from settlement.order.v1 import order_service_pb2 as order
from tests.extremes.requests import requests
from tests.extremes.stage import Stage, money, stage
from tests.extremes.values import changed
from tests.protos.fields import READS, methods

OURS = frozenset({"INTERNAL", "UNAVAILABLE", "ACCOUNT_BUSY", "REPLAY_DIVERGED", "MONEY_VECTOR_MISMATCH", ""})
"""What is never an answer to an input: a fault of ours, a claim that stays, or no reason at all."""

REASONS = {
    name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name
} - OURS
OF_REDEMPTIONS = ("RedemptionService", "DisputeService")
ELSEWHERE = {
    "settlement.credit_ledger.v1.CreditService.RecordChargeback",  # finds the payer in the database
    "settlement.credit_ledger.v1.ReconciliationService.StartReconciliation",  # has no field to be hostile with
    "settlement.order.v1.OrderStreamService.Exchange",  # carries requests of other methods, which are played
    "settlement.credit_ledger.v1.StatementService.RunStatements",  # finds accounts in the database and cuts them
    *(  # find the card of a code, or of a redemption, in the database
        method.full_name for method in methods()
        if (method.containing_service.name in OF_REDEMPTIONS and not method.name.startswith(READS))
        or method.name in ("ActivateCard", "ActivateTransfer", "RotateKeys")
    ),
}
STAGE = stage()
REQUESTS = requests(STAGE)


def aftermath(at: Stage) -> Iterator[Wire]:
    """Ship everything; cut; give money and goods back; undo it; settle, pay and accrue; cut again, a year later."""
    orders = [row.key for (kind, _), row in at.engine.worlds["order"].rows.items() if kind is Order]
    for order_id in orders:
        yield order.ConfirmShipmentRequest(order_id=order_id)
        yield order.ConfirmDeliveryRequest(order_id=order_id)
    yield from cuts(at, days=32)
    for order_id in orders:
        yield sale.RefundAmountRequest(order_id=order_id, amount=money(1))
        yield sale.RequestReturnRequest(order_id=order_id, lines=[order_pb2.LineQuantity(line_id="L1", quantity=1)])
        yield sale.ReverseRefundRequest(order_id=order_id)
    for account in accounts(at):
        yield credit.ConfirmFlashRefundRequest(account_id=account.id, order_id=orders[0])
        yield credit.RepayRequest(account_id=account.id, amount=money(10**13))
        yield credit.AccrueLateFeesRequest(account_id=account.id)
    for order_id in orders:
        yield sale.ReverseRefundRequest(order_id=order_id)
        yield order.CancelOrderRequest(order_id=order_id, reason=order_pb2.CANCEL_REASON_NOT_WANTED)
    yield credit.SettleMerchantRequest(merchant_id="mer_1", amount=money(1))
    yield from cuts(at, days=400)


def cuts(at: Stage, days: int) -> Iterator[Wire]:
    """So much later: every cut that is due, by its timer and by its request."""
    at.engine.turn(at.engine.now + timedelta(days=days))
    today = business_date(at.engine.now).isoformat()
    for account in accounts(at):
        yield statement.CutStatementRequest(account_id=account.id, bill_date=today)


def accounts(at: Stage) -> list[CreditAccount]:
    """All accounts as they are by now."""
    return [row for row in at.engine.worlds["credit_ledger"].rows.values() if isinstance(row, CreditAccount)]


def hold(at: Stage, request: Wire) -> str:
    """Ask; whatever it is, it is done, or refused for a reason of the contract. The reason."""
    answer = at.ask(request)
    assert at.engine.faults == [], request
    assert answer.response is not None or answer.reason in REASONS, (answer, request)
    return answer.reason


def hold_decidable(at: Stage) -> None:
    """Every account still does what it is always free to do, after its cuts, and nothing is claimed any more."""
    for account in accounts(at):
        assert account.pending is None
        if account.state is not AccountState.CLOSED:
            assert hold(at, credit.GrantLimitRequest(account_id=account.id, limit=money(10**13))) == ""
            assert hold(at, credit.WaiveLateFeesRequest(account_id=account.id, reason="all of it")) == ""


def test_every_request_that_changes_something_is_played() -> None:
    """A new one has to be put on the stage."""
    mutations = {
        method.full_name: method.input_type.full_name for method in methods()
        if not method.name.startswith(READS) and ".sandbox." not in method.full_name
        and ".operations." not in method.full_name
    }

    played = {request.DESCRIPTOR.full_name for request in REQUESTS}

    assert {name for name, request in mutations.items() if request not in played} == ELSEWHERE


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(asked=st.lists(changed(REQUESTS), min_size=1, max_size=3))
def test_no_accepted_input_makes_an_account_undecidable(asked: list[Wire]) -> None:
    """Shipment, cut, refund, return, reversal, repayment, accrual, cut again: each is done, or refused for a reason."""
    at = STAGE.copy()
    for request in asked:
        hold(at, request)

    for request in aftermath(at):
        hold(at, request)

    hold_decidable(at)
