"""All metrics of the services and the gateway, and the small HTTP server that shows them with /livez and /readyz.

The auditor, which is no part of the runtime, has its own in `settle/audit/gauges.py`. `deploy/chart/observability` has
the dashboards and alerts that are made of both.
"""

import asyncio
from collections.abc import Callable

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

# gRPC, by method: rate and errors (a status other than OK), duration, and what is under way.
RPCS = Counter("settle_rpcs", "gRPC calls by method and status", ["method", "status"])
RPC_SECONDS = Histogram("settle_rpc_seconds", "Duration of a gRPC call", ["method"], buckets=_SECONDS)
RPCS_UNDER_WAY = Gauge("settle_rpcs_under_way", "gRPC calls under way, by what they do now", ["use"])
REJECTED = Counter("settle_rejected", "Calls refused at once, by the bound that was reached", ["bound"])
REFUSED = Counter("settle_refused", "Calls refused by a rule, by reason; repeats are not counted", ["reason"])

# HTTP, at the gateway, by method of the contract.
HTTP_REQUESTS = Counter("settle_http_requests", "HTTP requests by method and status", ["call", "status"])
HTTP_SECONDS = Histogram("settle_http_request_seconds", "Duration of an HTTP request", ["call"], buckets=_LONG_SECONDS)

# Lanes: how much each transaction decides and how long it takes, and what goes wrong with one.
BATCHES = Counter("settle_batches", "Transactions committed by lanes")
MESSAGES = Counter("settle_messages", "Messages decided by lanes")
BATCH_MESSAGES = Histogram("settle_batch_messages", "Messages decided in one transaction", buckets=_COUNTS)
BATCH_SECONDS = Histogram("settle_batch_seconds", "Duration of a lane's transaction", buckets=_SECONDS)
BATCHES_CUT = Counter("settle_batches_cut", "Batches of which a part was left, because deciding took too long")
BATCH_FAULTS = Counter("settle_batch_faults", "Batches that failed for a reason in their data")
BATCH_RETRIES = Counter("settle_batch_retries", "Batches tried again after a transient fault")
COMMITS_UNKNOWN = Counter("settle_commits_unknown", "Commits whose outcome was not heard")
COMMITS_RESOLVED = Counter("settle_commits_resolved", "Unknown commits read back", ["outcome"])
SESSIONS_LOST = Counter("settle_lane_sessions_lost", "Sessions that a lane had to begin anew")
CLAIMS_MET = Counter("settle_claims_met", "Decisions that met the claim of another settlement")
PASSED_OVER = Counter("settle_passed_over", "Commands and notices that came so late that their answer may be gone")

# Kafka: what waits to be sent, what waits to be read, and clients that were given up.
UNPUBLISHED = Gauge("settle_unpublished_records", "Records of this process that Kafka has not acknowledged")
OUTBOX_AGE_SECONDS = Gauge("settle_outbox_age_seconds", "Since when Kafka acknowledges nothing of what waits for it")
LAG_RECORDS = Gauge("settle_kafka_lag_records", "Records in a partition that this process has not read", ["partition"])
PRODUCERS_REPLACED = Counter("settle_producers_replaced", "Kafka producers given up for a new one", ["cause"])
READERS_REPLACED = Counter("settle_readers_replaced", "Kafka consumers given up for a new one")
LOGS_LOST = Counter("settle_kafka_logs_lost", "Partitions whose log no longer holds the next offset")

# Set aside for a person.
PARKED = Counter("settle_parked", "Messages set aside for a person")
PARKED_OPEN = Gauge("settle_parked_open", "Messages that are set aside now, as the database has them")
ASIDE_FAILED = Counter("settle_set_aside_failed", "Messages whose setting aside failed, to be tried again")
UNDELIVERABLE = Counter("settle_undeliverable", "Records set aside because no broker takes them")

# Settlements and money under way. What the database has is counted by every process alike: take the largest.
OPEN_SAGAS = Gauge("settle_open_sagas", "Sagas under way, without those that wait for a person")
SETTLEMENTS_OPEN = Gauge("settle_settlements_open", "Settlements that have not ended", ["kind", "phase"])
SETTLEMENT_OLDEST_SECONDS = Gauge(
    "settle_settlement_oldest_seconds", "Age of the oldest settlement that has not ended", ["kind", "phase"]
)
PAYMENTS_OPEN = Gauge("settle_payments_open", "Payments to the outside world that are not settled", ["state"])
PAYMENTS_OPEN_MINOR = Gauge("settle_payments_open_minor_units", "What they amount to, in minor units", ["state"])
PAYMENT_OLDEST_SECONDS = Gauge("settle_payment_oldest_seconds", "Age of the oldest of them", ["state"])

# The rails and the providers: how calls to the outside world end.
ACTIONS = Counter("settle_actions", "Calls to the outside world by what they are and how they ended", ["action", "end"])
RAIL_ANSWERS = Counter("settle_rail_answers", "What rails and providers said; UNKNOWN: nothing", ["rail", "answer"])
ACTION_SECONDS = Histogram("settle_action_seconds", "Duration of one", ["action"], buckets=_LONG_SECONDS)
ACTIONS_OPEN = Gauge("settle_actions_open", "Calls to the outside world that are under way or wait for a slot")
ACTIONS_DROPPED = Counter("settle_actions_dropped", "Actions given up at once because too many were open")

# The process itself.
LOOP_LAG_SECONDS = Gauge("settle_loop_lag_seconds", "Longest recent delay of the event loop")
CLOCK_OFF_SECONDS = Gauge("settle_clock_off_seconds", "How far this machine's clock is ahead of the database's")
RESIDENT_BYTES = Gauge("settle_resident_bytes", "Memory of the process")
READY = Gauge("settle_ready", "1 while the process is ready, as /readyz says it")


async def serve_metrics(address: str, not_ready: Callable[[], str]) -> asyncio.Server:
    """Serve /metrics, /livez and /readyz on host:port (port 0: any); close the result to stop. `not_ready` says why the
    process is not ready, or nothing."""

    READY.set_function(lambda: float(not not_ready()))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                request = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                status, kind, body = _page(request.split()[1:2], not_ready)
                about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close"
                head = f"HTTP/1.1 {status}\r\n{about}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # the asker sees a closed connection
        finally:
            writer.close()

    host, _, port = address.rpartition(":")
    return await asyncio.start_server(answer, host, int(port), limit=8192)


def _page(path: list[bytes], not_ready: Callable[[], str]) -> tuple[str, str, bytes]:
    if path == [b"/metrics"]:
        return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, generate_latest(REGISTRY)
    if path == [b"/livez"]:
        return "200 OK", "text/plain", b"alive\n"
    if path == [b"/readyz"]:
        if why := not_ready():
            return "503 Service Unavailable", "text/plain", f"not ready: {why}\n".encode()
        return "200 OK", "text/plain", b"ready\n"
    return "404 Not Found", "text/plain", b"/metrics /livez /readyz\n"
