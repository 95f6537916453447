"""What is counted of each call: how often, how it ended, how long it took."""

from services.runtime.ground import metrics

NOTHING = "none"
"""What a request asked for that led nowhere: its path is the caller's own, and there are endless many."""


def counted(call: str, status: int, seconds: float) -> None:
    """One request has ended."""
    metrics.HTTP_REQUESTS.labels(call, str(status)).inc()
    metrics.HTTP_SECONDS.labels(call).observe(seconds)
