"""Run the sandbox acquirer.

SETTLE_LISTEN, SETTLE_ACQUIRER_DATA (a file), SETTLE_ACQUIRER_CONFIRM (auto or manual), SETTLE_ACQUIRER_FAULTS
(`timeout_done_ppm=300000,seed=7`; none by default).
"""

import asyncio
import os
import signal
from dataclasses import replace

from services.runtime.ground.settings import Settings
from services.runtime.ground.starting import must_be_set, starting
from services.runtime.rpc.server import RpcServer
from settle.local.acquirer.faults import Faults
from settle.local.acquirer.ledger import AcquirerLedger
from settle.local.acquirer.service import Acquirer


async def serve() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ledger = AcquirerLedger(os.environ["SETTLE_ACQUIRER_DATA"])
    confirms = os.environ.get("SETTLE_ACQUIRER_CONFIRM", "auto") != "manual"
    faults = Faults.parse(os.environ.get("SETTLE_ACQUIRER_FAULTS", ""))
    server = RpcServer(replace(Settings.from_environ(os.environ, "acquirer"), drain_seconds=1.0))
    server.add(Acquirer(ledger, confirms, faults))
    await server.start()
    await server.set_serving(True)
    await stop.wait()
    await server.stop()
    ledger.close()


if __name__ == "__main__":
    with starting("acquirer"):
        must_be_set(os.environ, "SETTLE_ACQUIRER_DATA")
        asyncio.run(serve())
