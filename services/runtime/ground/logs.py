"""JSON lines on stderr, configured once per process, before the first channel (a second time can deadlock grpc.aio)."""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from services.runtime.ground.tracing import CALL

_SENSITIVE = frozenset({
    "password", "secret", "token", "quote", "code", "pin", "authorization", "dsn", "payload", "body",
})
"""Names whose values never reach a log line; bodies are not logged at all."""


def configure_logs(service: str, level: str = "info") -> None:
    """Write structlog's events, and what libraries log from WARNING on, as one JSON object per line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars, of_call, structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True), redact,
    ]
    ending: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info, structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *ending], logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    foreign = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[foreign, *ending]))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def of_call(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the trace of the call in which the line is written, if its caller or we trace it."""
    call = CALL.get()
    if call is not None:
        event.setdefault("trace_id", f"{call.trace_id:032x}")
    return event


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of sensitive names, one level deep."""
    for name, value in event.items():
        if name in _SENSITIVE:
            event[name] = "***"
        elif isinstance(value, Mapping):
            event[name] = {k: "***" if k in _SENSITIVE else v for k, v in value.items()}
    return event
