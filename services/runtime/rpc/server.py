"""The gRPC server and the channels to other processes, with what keeps both from hanging (RELIABILITY 3.3)."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.kernel.errors import Defect, NotFound
from services.runtime.ground.paging import ANSWER_BYTES_MAX
from services.runtime.ground.settings import Settings
from services.runtime.ground.tls import Certificates
from services.runtime.ground.tracing import OFF, Tracer
from services.runtime.identity.door import Door
from services.runtime.rpc.arrivals import TRANSPORT_BYTES_MAX, Unserved, guarded
from services.runtime.rpc.calls import Calls
from services.runtime.rpc.errors import abort_with
from services.runtime.rpc.reflection import add_reflection
from services.runtime.rpc.refusals import Keep
from services.runtime.rpc.secured import FreshChannel, name_of, server_credentials

METADATA_BYTES_MAX = 8_192
ARRIVED_MAX, ARRIVED_MAX_EVER = 16_384, 32_768
"""So many calls wait in gRPC for this process to look at them, before it cancels some, and then all: without a word of
why, so that is only for the memory's sake. With a reason we refuse them ourselves, once we see them."""
CONNECTION_AGE_MS_MAX = 30 * 60 * 1000
PING_MS_MIN = 10_000
KEEPALIVE_MS = 30_000
"""A peer that pings more often than the server allows is sent away (G10)."""
CUT_OFF_SECONDS_MAX = 1.0
"""What calls have that were cut off, to be answered."""
SENDING_SECONDS = 0.05
"""What gRPC has to write the last answers."""
HARD_EXIT_MARGIN_SECONDS = 5.0
HARD_EXIT_STATUS = 70
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

RETRY_UNAVAILABLE = json.dumps({
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [{"name": [{}], "retryPolicy": {
        "maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }}],
    "retryThrottling": {"maxTokens": 1000, "tokenRatio": 1},
})
"""How our own callers, and any that have the same service config, meet processes that come and go. The budget is the
largest that gRPC takes: with 100 tokens 51 calls that met a process which stops at once were enough for none of the
channel's to be tried again. A stopping process holds them, so many tries are no storm."""


class RpcServer:
    """A grpc.aio server: `add` servicers, `start`, later `stop`. Its health says NOT_SERVING until `set_serving`."""

    def __init__(self, settings: Settings, tracer: Tracer = OFF) -> None:
        self._settings = settings
        self._calls = Calls(settings, tracer)
        self._health = _Health()
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", TRANSPORT_BYTES_MAX),
                ("grpc.max_send_message_length", ANSWER_BYTES_MAX),
                ("grpc.max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
                ("grpc.http2.min_ping_interval_without_data_ms", PING_MS_MIN),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.keepalive_time_ms", KEEPALIVE_MS),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.max_connection_age_ms", CONNECTION_AGE_MS_MAX),
                ("grpc.max_connection_age_grace_ms", 30_000),
                ("grpc.so_reuseport", 0),
                ("grpc.server.max_pending_requests", ARRIVED_MAX),
                ("grpc.server.max_pending_requests_hard_limit", ARRIVED_MAX_EVER),
            ]
        )
        self._names: list[str] = []
        self._door: Door | None = None
        self.port = 0
        self._libraries = _Registrar(self._server, lambda _, handler: guarded(handler, settings.rpc_message_bytes_max))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._libraries)

    @property
    def under_way(self) -> int:
        """How many calls are being served."""
        return self._calls.under_way

    def shed(self, check_crowd: Callable[[str], None]) -> None:
        """Have commands refused by this as soon as they have a place; it takes their request id."""
        self._calls.check_crowd = check_crowd

    def keep_refusals(self, keep: Keep) -> None:
        """Have the refusals of commands that no lane decided kept by this."""
        self._calls.keep = keep

    def guard(self, door: Door) -> None:
        """Have all that is added from now on stand behind this door, and what is served beside it be open to all."""
        self._door = self._calls.door = door

    def add(self, servicer: object) -> None:
        """Register a servicer of generated code, each of its methods wrapped."""
        stubs = next((c for c in type(servicer).__mro__ if c.__module__.endswith("_pb2_grpc")), None)
        if stubs is None:
            raise Defect(f"{type(servicer).__qualname__} is no servicer of generated code")
        register = getattr(sys.modules[stubs.__module__], f"add_{stubs.__name__}_to_server")
        registrar = _Registrar(self._server, self._calls.wrapped)
        register(servicer, registrar)
        self._names += registrar.names

    async def start(self) -> int:
        """Bind and serve; answers the port."""
        if self._settings.reflection:
            add_reflection([*self._names, health.SERVICE_NAME], self._libraries)
        if self._door is not None:
            for method in self._libraries.methods:
                self._door.check_open(method)
        self._server.add_generic_rpc_handlers((Unserved(),))
        await self.set_serving(False)
        certificates = Certificates.of(self._settings)
        if certificates is None:
            self.port = self._server.add_insecure_port(self._settings.listen)
        else:
            credentials = server_credentials(certificates, clients=self._settings.tls_clients == "required")
            self.port = self._server.add_secure_port(self._settings.listen, credentials)
        await self._server.start()
        return self.port

    async def set_serving(self, serving: bool) -> None:
        """Say so for every service and for the server as a whole."""
        for name in ("", *self._names):
            await self._health.set(name, SERVING if serving else NOT_SERVING)

    async def drain(self) -> None:
        """NOT_SERVING first, then no new calls, then the ones under way get their time (G3); what is decided is said,
        and whoever still waits afterwards hears UNAVAILABLE."""
        await self._health.enter_graceful_shutdown()
        closing = self._calls.closing
        closing.begin()
        if not await closing.ended(self._settings.drain_seconds):
            closing.cut_off()
            await closing.ended(CUT_OFF_SECONDS_MAX)

    async def turn_away(self) -> None:
        """Have all who came too late hear UNAVAILABLE, as the last thing before the process ends."""
        self._calls.closing.end()
        await asyncio.sleep(SENDING_SECONDS)

    async def stop(self) -> None:
        """All of that, where the process lives on: gRPC's own stop says CANCELLED to calls that come just then."""
        await self.drain()
        await self.turn_away()
        await self._server.stop(CUT_OFF_SECONDS_MAX)


class _Health(health.aio.HealthServicer):  # type: ignore[misc]  # the library has no types
    """The library's, which says NOT_FOUND of a service that it does not know without a reason."""

    def __init__(self) -> None:
        super().__init__()
        self._known = {""}

    async def set(self, service: str, status: Any) -> None:  # Any: the enums of generated code
        """Say how a service is."""
        self._known.add(service)
        await super().set(service, status)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> Any:  # Any: as the library has it
        """How a service is."""
        if request.service not in self._known:
            told = f"{request.service} is no service that is served here"
            await abort_with(context, NotFound("UNKNOWN_METHOD", told))
        return await super().Check(request, context)


class _Registrar:
    """Stands for the server while generated code registers its handlers, and wraps each of them."""

    def __init__(self, server: grpc.aio.Server, wrapped: Callable[[str, Any], Any]) -> None:  # Any: as in Calls
        self._server = server
        self._wrapped = wrapped
        self.names: list[str] = []
        self.methods: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """The same handlers come again by name, below."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Register the wrapped ones, by their generic handler alone: of methods that gRPC knows one by one it waits for
        a call of each, and looks at all these waits with every call that comes."""
        self.names.append(service)
        self.methods += [f"/{service}/{name}" for name in handlers]
        wrapped = {name: self._wrapped(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))


def leave(status: int) -> NoReturn:
    """End the process with its connections as they are, for then callers hear UNAVAILABLE: unwinding drops calls that
    come just then, and gRPC says CANCELLED to them, which nobody tries again."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more: its reader has noticed
            stream.flush()
    os._exit(status)


@contextmanager
def hard_exit_after(seconds: float) -> Iterator[None]:
    """End the process if the block is not through in time; a thread sees to it, for the loop may be what hangs (G3)."""
    timer = threading.Timer(seconds, os._exit, (HARD_EXIT_STATUS,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def channel(
    target: str, deadline_seconds: float | None = 10.0, certificates: Certificates | None = None
) -> grpc.aio.Channel:
    """A channel to another process, or by turns to several (`ipv4:one,two`), to be kept as long as this one lives.

    UNAVAILABLE is tried again, within a budget (G12). With `certificates` over TLS: whoever answers is held to their
    authority and to the host of the (first) address.

    A unary call without a time-out gets `deadline_seconds` (None: none, for callers that always give one). The service
    config carries no `timeout`: it fires early (STACK 1.1).
    """
    options: list[tuple[str, Any]] = [  # Any: numbers and texts
        ("grpc.service_config", RETRY_UNAVAILABLE),
        ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.enable_http_proxy", 0),
    ]
    interceptors = None if deadline_seconds is None else [_Deadline(deadline_seconds)]
    if certificates is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    return FreshChannel(certificates, lambda credentials: grpc.aio.secure_channel(
        target, credentials, options=[*options, *name_of(target)], interceptors=interceptors
    ))


class _Deadline(grpc.aio.UnaryUnaryClientInterceptor):
    """Gives a deadline to calls that have none; a stream is ended by its server."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Call on with a time-out."""
        given = client_call_details.timeout
        return await continuation(
            client_call_details if given else client_call_details._replace(timeout=self._seconds), request
        )
