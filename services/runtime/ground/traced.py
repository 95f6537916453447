"""Tracing as the settings of a process want it: nothing of OpenTelemetry is imported where it is off."""

from collections.abc import Callable
from importlib.util import find_spec

from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.ground.tracing import OFF, Tracer


def start_tracing(settings: Settings) -> tuple[Tracer, Callable[[], None]]:
    """The process's tracer, and what ends it: what is not sent by then has some seconds."""
    if not settings.traced_ppm:
        return OFF, lambda: None
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise SettingsError("SETTLE_TRACED_PPM needs OpenTelemetry: the extra `traces`")
    from services.runtime.ground.exporting import exporting  # a third of a second of imports, only where it is used

    take, batches = exporting(settings.service)
    return Tracer(settings.traced_ppm, take), batches.shutdown
