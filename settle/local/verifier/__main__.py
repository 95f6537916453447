"""Run the sandbox verifier.

SETTLE_LISTEN, SETTLE_VERIFIER_DATA (a file), SETTLE_VERIFIER_FAULTS (`timeout_done_ppm=300000,latency_ppm=1000000`;
none by default, and no time passes).
"""

import asyncio
import os
import signal
from dataclasses import replace

from services.runtime.ground.settings import Settings
from services.runtime.ground.starting import must_be_set, starting
from services.runtime.rpc.server import RpcServer
from settle.local.verifier.book import VerifierBook
from settle.local.verifier.faults import VerifierFaults
from settle.local.verifier.service import Verifier


async def serve() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    book = VerifierBook(os.environ["SETTLE_VERIFIER_DATA"])
    faults = VerifierFaults.parse(os.environ.get("SETTLE_VERIFIER_FAULTS", ""))
    server = RpcServer(replace(Settings.from_environ(os.environ, "verifier"), drain_seconds=1.0))
    server.add(Verifier(book, faults))
    await server.start()
    await server.set_serving(True)
    await stop.wait()
    await server.stop()
    book.close()


if __name__ == "__main__":
    with starting("verifier"):
        must_be_set(os.environ, "SETTLE_VERIFIER_DATA")
        asyncio.run(serve())
