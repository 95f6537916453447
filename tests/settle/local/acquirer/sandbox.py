"""A sandbox acquirer inside the test, on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from settle.local.acquirer.faults import Faults
from settle.local.acquirer.ledger import AcquirerLedger
from settle.local.acquirer.service import Acquirer
from settlement.sandbox.v1.acquirer_service_pb2_grpc import AcquirerServiceStub, add_AcquirerServiceServicer_to_server

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
    server = grpc.aio.server()
    add_AcquirerServiceServicer_to_server(Acquirer(ledger, confirms, faults, LATE_SECONDS), server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    async with grpc.aio.insecure_channel(target) as channel:
        yield Sandbox(target, AcquirerServiceStub(channel), ledger)
    await server.stop(0)
    ledger.close()
