"""Run the sandbox acquirer.

SETTLE_LISTEN, SETTLE_ACQUIRER_DATA (a file), SETTLE_ACQUIRER_CONFIRM (auto or manual), SETTLE_ACQUIRER_FAULTS
(`timeout_done_ppm=300000,seed=7`; none by default).
"""

import asyncio
import os
import signal

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from settle.local.acquirer.faults import Faults
from settle.local.acquirer.ledger import AcquirerLedger
from settle.local.acquirer.service import Acquirer
from settlement.sandbox.v1.acquirer_service_pb2_grpc import add_AcquirerServiceServicer_to_server


async def serve() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ledger = AcquirerLedger(os.environ["SETTLE_ACQUIRER_DATA"])
    confirms = os.environ.get("SETTLE_ACQUIRER_CONFIRM", "auto") != "manual"
    faults = Faults.parse(os.environ.get("SETTLE_ACQUIRER_FAULTS", ""))
    server = grpc.aio.server()
    add_AcquirerServiceServicer_to_server(Acquirer(ledger, confirms, faults), server)
    state = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    server.add_insecure_port(os.environ["SETTLE_LISTEN"])
    await server.start()
    await state.set("", health_pb2.HealthCheckResponse.SERVING)
    await stop.wait()
    await state.enter_graceful_shutdown()
    await server.stop(1)
    ledger.close()


if __name__ == "__main__":
    asyncio.run(serve())
