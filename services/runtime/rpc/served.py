"""The span of a call that is being served: below its caller's, and above what is decided for it."""

from typing import Any

from services.runtime.ground.tracing import CALL, Span, Tracer, now_ns, parent_in


class Served:
    """Make one when the call arrives, and `end` it; `well` says whether it was answered as it should be."""

    __slots__ = ("_began_ns", "_context", "_method", "_parent", "_tracer", "well")

    def __init__(self, tracer: Tracer, method: str, context: Any) -> None:  # Any: a context of gRPC
        self._tracer = tracer
        self._method = method
        self._parent = parent_in(context.invocation_metadata())
        self._context = None
        self.well = False
        if self._parent is not None or tracer.on:  # else nobody asks for it, not even a line of the log
            self._began_ns = now_ns()
            self._context = tracer.begin(self._parent)
            CALL.set(self._context)

    def end(self) -> None:
        """It is answered."""
        if self._context is None:
            return
        CALL.set(None)
        name = self._method.strip("/")
        self._tracer.end(Span(
            name, self._context, self._parent, self._began_ns, now_ns(), kind="server", failed=not self.well,
            attributes={"rpc.system": "grpc", "rpc.method": name},
        ))
