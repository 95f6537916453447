"""A sandbox acquirer inside the test, on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from services.runtime.ground.settings import Settings
from services.runtime.rpc.server import RpcServer
from settle.local.acquirer.faults import Faults
from settle.local.acquirer.ledger import AcquirerLedger
from settle.local.acquirer.service import Acquirer
from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceStub

if TYPE_CHECKING:  # the generated code names it in its stubs only
    from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceAsyncStub

LATE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where it listens, a client for it, and its ledger to look into."""

    target: str
    stub: "AcquirerServiceAsyncStub"
    ledger: AcquirerLedger


@asynccontextmanager
async def sandbox(file: Path, faults: Faults | None = None, confirms: bool = True) -> AsyncIterator[Sandbox]:
    """Serve until the block ends."""
    ledger = AcquirerLedger(file)
    server = RpcServer(Settings("acquirer", drain_seconds=0.0))
    server.add(Acquirer(ledger, confirms, faults, LATE_SECONDS))
    target = f"127.0.0.1:{await server.start()}"
    async with grpc.aio.insecure_channel(target) as channel:
        yield Sandbox(target, AcquirerServiceStub(channel), ledger)
    await server.stop()
    ledger.close()
