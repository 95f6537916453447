"""Counters and histograms of the runtime, and the small HTTP server that shows them with /livez and /readyz."""

import asyncio
from collections.abc import Callable

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

BATCHES = Counter("settle_batches", "Transactions committed by lanes")
MESSAGES = Counter("settle_messages", "Messages decided by lanes")
BATCH_SECONDS = Histogram("settle_batch_seconds", "Duration of a lane's transaction", buckets=_SECONDS)
BATCH_FAULTS = Counter("settle_batch_faults", "Batches that failed for a reason in their data")
BATCH_RETRIES = Counter("settle_batch_retries", "Batches tried again after a transient fault")
COMMITS_UNKNOWN = Counter("settle_commits_unknown", "Commits whose outcome was not heard")
COMMITS_RESOLVED = Counter("settle_commits_resolved", "Unknown commits read back", ["outcome"])
REJECTED = Counter("settle_rejected", "Calls refused at once, by the bound that was reached", ["bound"])
CLAIMS_MET = Counter("settle_claims_met", "Decisions that met the claim of another settlement")
UNPUBLISHED = Gauge("settle_unpublished_records", "Records of this process that Kafka has not acknowledged")
OUTBOX_AGE_SECONDS = Gauge("settle_outbox_age_seconds", "Since when Kafka acknowledges nothing of what waits for it")
OPEN_SAGAS = Gauge("settle_open_sagas", "Sagas under way, without those that wait for a person")
ACTIONS_OPEN = Gauge("settle_actions_open", "Calls to the outside world that are under way or wait for a slot")
ACTIONS_DROPPED = Counter("settle_actions_dropped", "Actions given up at once because too many were open")
SESSIONS_LOST = Counter("settle_lane_sessions_lost", "Sessions that a lane had to begin anew")
BATCHES_CUT = Counter("settle_batches_cut", "Batches of which a part was left, because deciding took too long")
PARKED = Counter("settle_parked", "Messages set aside for a person")
ASIDE_FAILED = Counter("settle_set_aside_failed", "Messages whose setting aside failed, to be tried again")
PASSED_OVER = Counter("settle_passed_over", "Commands and notices that came so late that their answer may be gone")
UNDELIVERABLE = Counter("settle_undeliverable", "Records set aside because no broker takes them")
PRODUCERS_REPLACED = Counter("settle_producers_replaced", "Kafka producers given up for a new one", ["cause"])
READERS_REPLACED = Counter("settle_readers_replaced", "Kafka consumers given up for a new one")
LOGS_LOST = Counter("settle_kafka_logs_lost", "Partitions whose log no longer holds the next offset")
RPCS = Counter("settle_rpcs", "gRPC calls by method and status", ["method", "status"])
RPC_SECONDS = Histogram("settle_rpc_seconds", "Duration of a gRPC call", ["method"], buckets=_SECONDS)
RPCS_UNDER_WAY = Gauge("settle_rpcs_under_way", "gRPC calls under way, by what they do now", ["use"])
LOOP_LAG_SECONDS = Gauge("settle_loop_lag_seconds", "Longest recent delay of the event loop")
CLOCK_OFF_SECONDS = Gauge("settle_clock_off_seconds", "How far this machine's clock is ahead of the database's")
RESIDENT_BYTES = Gauge("settle_resident_bytes", "Memory of the process")


async def serve_metrics(address: str, not_ready: Callable[[], str]) -> asyncio.Server:
    """Serve /metrics, /livez and /readyz on host:port (port 0: any); close the result to stop. `not_ready` says why the
    process is not ready, or nothing."""

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
