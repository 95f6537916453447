"""The acquirer as the process that it is: killed and started again, it still knows what it paid."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from settle.local import ports
from settlement.common.v1 import money_pb2
from settlement.sandbox.v1 import acquirer_service_pb2 as pb
from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceStub

if TYPE_CHECKING:  # the generated code names it in its stubs only
    from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceAsyncStub

START_SECONDS_MAX = 30.0
REQUEST = pb.RefundRequest(
    idempotency_key="leg_1", payment_reference="pay_1", amount=money_pb2.Money(minor_units=500, currency_code="CNY")
)


@contextmanager
def _process(target: str, data: Path) -> "Iterator[subprocess.Popen[bytes]]":
    own = {"SETTLE_LISTEN": target, "SETTLE_ACQUIRER_DATA": str(data), "SETTLE_ACQUIRER_CONFIRM": "manual"}
    process = subprocess.Popen([sys.executable, "-m", "settle.local.acquirer"], env=os.environ | own)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@asynccontextmanager
async def _client(target: str) -> "AsyncIterator[AcquirerServiceAsyncStub]":
    """A client, once the process says that it serves."""
    async with grpc.aio.insecure_channel(target) as channel, asyncio.timeout(START_SECONDS_MAX):
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        yield AcquirerServiceStub(channel)


async def test_a_kill_forgets_nothing(tmp_path: Path) -> None:
    """Its ledger is a bank's: what it has answered stands."""
    target = f"{ports.HOST}:{ports.free_ports(1)[0]}"
    with _process(target, tmp_path / "bank.sqlite"):
        async with _client(target) as stub:
            first = (await stub.Refund(REQUEST)).refund

    with _process(target, tmp_path / "bank.sqlite") as process:
        async with _client(target) as stub:
            again = (await stub.Refund(REQUEST)).refund
        process.terminate()
        assert process.wait(10) == 0

    assert (first.calls, again.calls) == (1, 2)
    assert again.create_time == first.create_time
    assert again.state == pb.ACQUIRER_REFUND_STATE_PENDING
