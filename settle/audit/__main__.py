"""Run the auditor of a running engine: `python -m settle.audit`.

SETTLE_AUDIT_DATA (the engine's data folder, where its mark and findings lie), SETTLE_<SERVICE>_DSN of each service,
SETTLE_LISTEN (gRPC health), SETTLE_METRICS_LISTEN (/metrics), SETTLE_AUDIT_PERCENT (how much of one core it takes),
SETTLE_CHAIN_KEY, SETTLE_KAFKA and SETTLE_PARTITIONS (those of the services), SETTLE_MAC_AUDIT_KEYS (for its events).
"""

import os

os.nice(19)  # first of all: it never takes a core that the engine wants, not even for its own start

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import start_http_server

from services.runtime.ground.settings import Settings
from services.runtime.ground.starting import must_be_set, starting
from services.runtime.ground.tls import Certificates
from services.runtime.ground.values import settle_in
from services.runtime.rpc.secured import server_credentials
from settle.audit import announcing, gauges, mark, runs
from settle.audit.auditor import CHECKS, CROSS_CHECKS
from settle.audit.findings import SERVICES, Finding, Report
from settle.audit.gauges import Standing
from settle.audit.online import Online, Round, for_ever
from settle.audit.pacing import PERCENT, Pacing
from settle.audit.walks import WALKS

NEEDED = (
    "SETTLE_AUDIT_DATA", "SETTLE_LISTEN", "SETTLE_METRICS_LISTEN",
    *(f"SETTLE_{service.upper()}_DSN" for service in SERVICES),
)
"""What it cannot do without."""


class Auditor:
    """The process: rounds, what they tell, and where they keep it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._data = Path(environ["SETTLE_AUDIT_DATA"])
        self._standing = Standing()
        self._away = False
        self._send = announcing.to_kafka(Settings.from_environ(environ, announcing.SENDER))
        self.online = Online(
            {service: environ[f"SETTLE_{service.upper()}_DSN"] for service in SERVICES},
            Pacing(float(environ.get("SETTLE_AUDIT_PERCENT") or PERCENT)), self._looked, self._ended,
            chain_key=bytes.fromhex(environ.get("SETTLE_CHAIN_KEY", "")), held=runs.held(self._data),
        )
        gauges.WORK_SECONDS.set_function(lambda: self.online.pacing.worked)
        gauges.CHECKS.set(len(CHECKS) + len(CROSS_CHECKS) + len(WALKS))
        gauges.LAST_CLEAN.set(_last_clean(self._data))

    async def run(self) -> None:
        """For ever."""
        await for_ever(self.online, self._failed)

    def _looked(self, report: Report) -> None:
        for finding in self._standing.looked(report):
            _log("finding", **_of(finding))
            runs.keep(self._data / mark.FOLDER / runs.ONLINE, list(self._standing.findings.values()))
        if self._away:
            self._away = False
            _log("databases answer again")

    async def _ended(self, round_: Round) -> None:
        self._standing.ended(list(round_.findings))
        runs.keep(self._data / mark.FOLDER / runs.ONLINE, list(round_.findings))
        gauges.ROUNDS.labels("clean" if round_.clean else "not_clean").inc()
        gauges.ROUND_SECONDS.set((round_.ended_at - round_.began_at).total_seconds())
        if round_.clean:
            gauges.LAST_CLEAN.set(round_.began_at.timestamp())
            runs.leave_mark(self._data, round_.places, round_.began_at)
        _log(
            "round", clean=round_.clean, began_at=round_.began_at.isoformat(), findings=len(round_.findings),
            looked=dict(round_.looked), announced=await announcing.announce(self._data, round_, self._send),
        )

    def _failed(self, error: Exception) -> None:
        gauges.FAULTS.inc()
        if not self._away:  # said once, however long they are away
            self._away = True
            _log("begins anew", error=f"{type(error).__name__}: {error}")


def _last_clean(data: Path) -> float:
    clean_at = announcing.read(data).clean_at
    return datetime.fromisoformat(clean_at).timestamp() if clean_at else 0.0


def _of(finding: Finding) -> dict[str, str]:
    return {
        "id": finding.id, "check": finding.check, "where": finding.where, "what": finding.what,
        "expected": finding.expected, "actual": finding.actual, "cause": finding.cause,
    }


def _log(event: str, **about: object) -> None:
    """One JSON line, like the services'."""
    line = {"event": event, "service": "auditor", **about, "timestamp": datetime.now(UTC).isoformat()}
    sys.stderr.write(f"{json.dumps(line)}\n")
    sys.stderr.flush()


async def serve(environ: Mapping[str, str]) -> None:
    """Audit until SIGTERM."""
    settle_in()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    certificates = Certificates.of(Settings.from_environ(environ, announcing.SENDER))
    if certificates is None:
        server.add_insecure_port(environ["SETTLE_LISTEN"])
    else:
        server.add_secure_port(environ["SETTLE_LISTEN"], server_credentials(certificates, clients=True))
    await server.start()
    host, _, port = environ["SETTLE_METRICS_LISTEN"].rpartition(":")
    start_http_server(int(port), host, gauges.REGISTRY)
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    auditing = asyncio.create_task(Auditor(environ).run())
    await stop.wait()
    auditing.cancel()
    with suppress(asyncio.CancelledError):
        await auditing
    await server.stop(None)


if __name__ == "__main__":
    with starting("auditor"):
        must_be_set(os.environ, *NEEDED)
        asyncio.run(serve(os.environ))
