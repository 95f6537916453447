"""The span of a request over HTTP: below its caller's, and above the service's, which hears of it in `traceparent`."""

from starlette.datastructures import Headers

from gateway.calling import Metadata
from services.runtime.ground.tracing import TRACEPARENT, Span, Tracer, now_ns, read


class Served:
    """Make one when the request arrives, and `end` it with its answer."""

    def __init__(self, tracer: Tracer, headers: Headers) -> None:
        self._tracer = tracer
        self._parent = read(",".join(headers.getlist(TRACEPARENT))) if tracer.on else None
        self._context = tracer.begin(self._parent) if tracer.on else None
        self._began_ns = now_ns() if tracer.on else 0

    def metadata(self, passed: Metadata) -> Metadata:
        """What goes on to a service, this span in the place of its caller's; as it came where nothing is traced."""
        if self._context is None:
            return passed
        others = tuple(pair for pair in passed if pair[0] != TRACEPARENT)
        return (*others, (TRACEPARENT, self._context.traceparent))

    def end(self, call: str, status: int) -> None:
        """It is answered."""
        if self._context is None:
            return
        about = {"http.response.status_code": str(status)}
        self._tracer.end(Span(
            f"HTTP {call}", self._context, self._parent, self._began_ns, now_ns(), kind="server", failed=status >= 500,
            attributes=about,
        ))
