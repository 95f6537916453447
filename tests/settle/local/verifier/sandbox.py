"""A sandbox verifier inside the test, on a free port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from services.runtime.ground.settings import Settings
from services.runtime.rpc.server import RpcServer
from settle.local.verifier.book import VerifierBook
from settle.local.verifier.faults import VerifierFaults
from settle.local.verifier.service import Verifier
from settlement.sandbox.v1.verification_service_pb2_grpc import VerificationServiceStub

if TYPE_CHECKING:  # the generated code names it in its stubs only
    from settlement.sandbox.v1.verification_service_pb2_grpc import VerificationServiceAsyncStub


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where it listens, a client for it, and its book to look into."""

    target: str
    stub: "VerificationServiceAsyncStub"
    book: VerifierBook


@asynccontextmanager
async def sandbox(file: Path, faults: VerifierFaults | None = None) -> AsyncIterator[Sandbox]:
    """Serve until the block ends."""
    book = VerifierBook(file)
    server = RpcServer(Settings("verifier", drain_seconds=0.0))
    server.add(Verifier(book, faults))
    target = f"127.0.0.1:{await server.start()}"
    async with grpc.aio.insecure_channel(target) as channel:
        yield Sandbox(target, VerificationServiceStub(channel), book)
    await server.stop()
    book.close()
