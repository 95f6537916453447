"""The gateway: `python -m gateway`.

SETTLE_LISTEN, SETTLE_METRICS_LISTEN and the addresses of the services, SETTLE_ORDER_TARGET and its like; the other
settings mean what they mean to a service. What an operator has to mend is one line and exit status 2.
"""

import asyncio
import os

import uvicorn

from gateway.app import Gateway
from gateway.calling import Services
from gateway.connections import Connection
from gateway.contract import SERVICES
from gateway.leaving import LeavingServer
from services.runtime.ground.logs import configure_logs
from services.runtime.ground.metrics import serve_metrics
from services.runtime.ground.settings import Settings
from services.runtime.ground.starting import starting
from services.runtime.ground.tls import Certificates, server_context
from services.runtime.ground.traced import start_tracing

HEADER_SECONDS_MAX = 30
"""How long a connection may be open without a call on it."""


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    with starting("gateway", OSError):
        settings = Settings.from_environ(os.environ, "gateway")
        settings.refuse_clear_text(database=False, kafka=False)
        configure_logs("gateway", settings.log_level)
        addresses = {name: settings.target(name) for name in SERVICES}
        asyncio.run(serve(settings, addresses))


async def serve(settings: Settings, addresses: dict[str, str]) -> None:
    """Serve HTTP at `listen`, and metrics beside it."""
    metrics, certificates = await serve_metrics(settings.metrics_listen, lambda: ""), Certificates.of(settings)
    tracer, stop_tracing = start_tracing(settings)
    async with metrics, Services(addresses, certificates) as services:
        await _server(settings, Gateway(settings, services, tracer), certificates).serve()
    await asyncio.to_thread(stop_tracing)


def _server(settings: Settings, gateway: Gateway, certificates: Certificates | None) -> uvicorn.Server:
    host, _, port = settings.listen.rpartition(":")
    config = uvicorn.Config(
        gateway.application(), host=host.strip("[]"), port=int(port), http=Connection, lifespan="off", log_config=None,
        access_log=False, server_header=False, timeout_keep_alive=HEADER_SECONDS_MAX,
        timeout_graceful_shutdown=max(1, round(settings.drain_seconds)),
    )
    config.load()
    if certificates is not None:
        config.ssl = server_context(certificates, clients=settings.tls_clients == "required")
    return LeavingServer(config, gateway.leaving)


if __name__ == "__main__":
    main()
