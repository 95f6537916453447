"""What is counted of each call: how often, how it ended, how long it took."""

from prometheus_client import Counter, Histogram

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter("settle_http_requests", "HTTP requests by method of the contract and status", ["call", "status"])
REQUEST_SECONDS = Histogram("settle_http_request_seconds", "Duration of an HTTP request", ["call"], buckets=_SECONDS)
NOTHING = "none"
"""What a request asked for that led nowhere: its path is the caller's own, and there are endless many."""


def counted(call: str, status: int, seconds: float) -> None:
    """One request has ended."""
    REQUESTS.labels(call, str(status)).inc()
    REQUEST_SECONDS.labels(call).observe(seconds)
