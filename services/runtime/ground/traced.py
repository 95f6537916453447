"""Tracing as the settings of a process want it: nothing of OpenTelemetry is imported where it is off."""

import threading
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tracing import OFF, Tracer

STOP_SECONDS = 2.0
"""So long what is left of the traces may take to be sent: a collector that is away holds nobody's stop."""


def start_tracing(settings: Settings) -> tuple[Tracer, Callable[[], None]]:
    """The process's tracer, and what ends it: what is not sent by then has `STOP_SECONDS`."""
    if not settings.traced_ppm:
        return OFF, lambda: None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise SettingsError("SETTLE_TRACED_PPM needs OpenTelemetry: the extra `traces`")
    from services.runtime.ground.exporting import exporting  # a third of a second of imports, only where it is used

    take, batches = exporting(settings.service)
    return Tracer(settings.traced_ppm, take), partial(_briefly, batches.shutdown)


def _briefly(shutdown: Callable[[], None]) -> None:
    """In a thread that no end of a process waits for: the exporter of OpenTelemetry alone tries for 10 s and more."""
    ending = threading.Thread(target=shutdown, daemon=True)
    ending.start()
    ending.join(STOP_SECONDS)
