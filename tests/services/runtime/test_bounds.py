"""What lies beyond the contract's bounds ends at the edge, with a stable reason, and reaches no handler (CV-1)."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.rpc.server import RpcServer, channel
from settlement.common.v1 import money_pb2
from settlement.credit_ledger.v1 import adjustment_service_pb2 as adjustment
from settlement.credit_ledger.v1 import adjustment_service_pb2_grpc as adjustment_rpc
from settlement.credit_ledger.v1 import credit_service_pb2 as credit
from settlement.credit_ledger.v1 import credit_service_pb2_grpc as credit_rpc
from settlement.credit_ledger.v1 import statement_service_pb2 as statement
from settlement.credit_ledger.v1 import statement_service_pb2_grpc as statement_rpc
from settlement.operations.v1 import operations_service_pb2 as operations
from settlement.operations.v1 import operations_service_pb2_grpc as operations_rpc
from tests.services.runtime.test_rpc import SETTINGS, refused

MOST = 10**13
END = 7_289_654_400
"""Seconds from 1970 to the end of the year 2200."""
REACHED = "INTERNAL"
"""What the stand-ins answer to everything that reaches them, for they implement nothing."""
SERVICERS = (
    credit_rpc.CreditServiceServicer, adjustment_rpc.AdjustmentServiceServicer, statement_rpc.StatementServiceServicer,
    operations_rpc.OperationsServiceServicer,
)


def money(minor_units: int) -> money_pb2.Money:
    """Fen."""
    return money_pb2.Money(minor_units=minor_units, currency_code="CNY")


def repay(amount: int) -> Message:
    """An amount inside a message of its own."""
    return credit.RepayRequest(request_id=str(uuid4()), account_id="acc_1", amount=money(amount), instrument="CARD")


def preview(amount: int) -> Message:
    """A bare amount."""
    return credit.PreviewRefundRequest(account_id="acc_1", order_id="ord_1", merchant_id="m", credit_minor=amount)


def opened(rate: int) -> Message:
    """A daily rate."""
    return credit.OpenAccountRequest(
        request_id=str(uuid4()), account_id="acc_1", customer_id="c", late_fee_ppm_per_day=rate
    )


def line(amount: int) -> Message:
    """An amount in a list."""
    lines = [adjustment.AdjustmentLine(account="A.BANK", amount_minor=amount)] * 2
    return adjustment.PostAdjustmentRequest(
        request_id=str(uuid4()), account_id="acc_1", order_id="ord_1", case_id="case", lines=lines, maker="ann",
        checker="bob", evidence=["a", "b"], reason="why", effective_date="2026-03-10",
    )


def billed(day: str) -> Message:
    """A date."""
    return statement.CutStatementRequest(request_id=str(uuid4()), account_id="acc_1", bill_date=day)


def through(day: str) -> Message:
    """A date that may be left out."""
    return credit.AccrueLateFeesRequest(request_id=str(uuid4()), account_id="acc_1", through=day)


def clock(seconds: int) -> Message:
    """An instant."""
    return operations.SetClockRequest(request_id=str(uuid4()), time=Timestamp(seconds=seconds))


def since(seconds: int) -> Message:
    """The filter of a list."""
    return credit.ListMovementsRequest(account_id="acc_1", from_time=Timestamp(seconds=seconds))


@pytest.fixture
async def stub() -> AsyncIterator[Any]:  # Any: generated stubs are typed for blocking channels
    """Calls the method that takes a request."""
    server = RpcServer(SETTINGS)
    for servicer in SERVICERS:
        server.add(servicer())  # type: ignore[abstract]  # they implement nothing, and that is what answers
    port = await server.start()
    async with channel(f"127.0.0.1:{port}", 60.0) as opened_channel:
        async def call(request: Message) -> Any:
            method = type(request).__name__.removesuffix("Request")
            service = next(s.__name__.removesuffix("Servicer") for s in SERVICERS if hasattr(s, method))
            path = f"/{request.DESCRIPTOR.file.package}.{service}/{method}"
            return await opened_channel.unary_unary(
                path, type(request).SerializeToString, lambda answer: answer
            )(request)

        yield call
    await server.stop()


@pytest.mark.parametrize("request_of", [repay, preview, line])
@pytest.mark.parametrize(("amount", "reason"), [
    (2**63 - 1, "INVALID_AMOUNT"), (2**62, "INVALID_AMOUNT"), (MOST + 1, "INVALID_AMOUNT"),
    (-(2**63), "INVALID_AMOUNT"),
    (10**12, REACHED),
])
async def test_no_amount_above_a_hundred_billion_yuan_comes_in(
    stub: Any, request_of: Any, amount: int, reason: str
) -> None:
    """N9, F1, F2: it was accepted, and then nothing could be added to it."""
    assert (await refused(stub(request_of(amount)))).reason == reason


@pytest.mark.parametrize(("amount", "reason"), [(MOST, REACHED), (MOST + 1, "INVALID_AMOUNT")])
async def test_exactly_a_hundred_billion_yuan_comes_in(stub: Any, amount: int, reason: str) -> None:
    """The bound itself is inside."""
    assert (await refused(stub(repay(amount)))).reason == reason


@pytest.mark.parametrize(("rate", "reason"), [
    (1_000_000, REACHED), (1_000_001, "INVALID_AMOUNT"), (-1, "INVALID_AMOUNT"), (2**62, "INVALID_AMOUNT"),
])
async def test_no_rate_above_the_whole_comes_in(stub: Any, rate: int, reason: str) -> None:
    """10^6 ppm are 100 %."""
    assert (await refused(stub(opened(rate)))).reason == reason


@pytest.mark.parametrize("request_of", [billed, through])
@pytest.mark.parametrize(("day", "reason"), [
    ("1970-01-01", REACHED), ("2200-12-31", REACHED), ("1969-12-31", "INVALID_ARGUMENT"),
    ("2201-01-01", "INVALID_ARGUMENT"),
    ("0001-01-01", "INVALID_ARGUMENT"), ("9999-12-31", "INVALID_ARGUMENT"), ("2026-3-1", "INVALID_ARGUMENT"),
])
async def test_no_date_outside_1970_to_2200_comes_in(stub: Any, request_of: Any, day: str, reason: str) -> None:
    """F4, F5: 9999-12-31 answered UNAVAILABLE, 0001-01-01 INTERNAL."""
    error = await refused(stub(request_of(day)))

    assert error.reason == reason
    assert reason == REACHED or "1970-01-01" in error.detail


@pytest.mark.parametrize("request_of", [clock, since])
@pytest.mark.parametrize(("seconds", "reason"), [
    (0, REACHED), (END - 1, REACHED), (-1, "INVALID_ARGUMENT"), (END, "INVALID_ARGUMENT"), (2**62, "INVALID_ARGUMENT"),
    (-(2**63), "INVALID_ARGUMENT"),
])
async def test_no_instant_outside_1970_to_2200_comes_in(stub: Any, request_of: Any, seconds: int, reason: str) -> None:
    """F5, F13: a clock of the year 9999 had the services restart without an end."""
    assert (await refused(stub(request_of(seconds)))).reason == reason
