"""Calls to the services: by which address, with which metadata and deadline, and what becomes of their errors."""

import re
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from starlette.datastructures import Headers

from gateway.contract import SERVICES, Method
from gateway.reading import refuse
from gateway.shapes import TAG
from services.runtime.ground.tls import Certificates
from services.runtime.identity.bearer import HEADER, SECOND_HEADER, token_in
from services.runtime.rpc import seen
from services.runtime.rpc.errors import DOMAIN, status_in
from services.runtime.rpc.server import channel

TIMEOUT = "Request-Timeout"
"""The header by which a caller says how many seconds the call may take."""
SECONDS_MIN = 1.0
TOKENS = (HEADER, SECOND_HEADER)
"""The headers that say who calls, over HTTP and gRPC alike."""
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?", re.ASCII)
_TAG = re.compile(TAG, re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE = re.compile(r"[\x20-\x7e]{1,512}")
_PASSED = {"traceparent": _TRACEPARENT, "tracestate": _TRACESTATE}

Metadata = tuple[tuple[str, str], ...]


class CallRefused(Exception):
    """A service answered with an error; `status` is its google.rpc.Status."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class Services:
    """The channels to the services, for as long as the gateway runs."""

    def __init__(self, addresses: Mapping[str, str], certificates: Certificates | None = None) -> None:
        self._channels = {
            name: channel(addresses[name], deadline_seconds=None, certificates=certificates) for name in SERVICES
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for opened in self._channels.values():
            await opened.close()

    async def ask(self, method: Method, request: Message, seconds: float, metadata: Metadata) -> Message:
        """The one answer of a method; raises `CallRefused`."""
        stub = self._channels[method.peer].unary_unary(
            method.path, request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        try:
            answer: Message = await stub(request, timeout=seconds, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise CallRefused(status_of(error)) from error
        return answer

    async def watch(self, method: Method, request: Message, metadata: Metadata) -> AsyncIterator[Message]:
        """Each answer of a method that streams; raises `CallRefused`. It is ended by the service, or by leaving it."""
        stub = self._channels[method.peer].unary_stream(
            method.path, request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        call = stub(request, metadata=metadata)
        try:
            async for answer in call:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise CallRefused(status_of(error)) from error
        finally:
            call.cancel()


def seconds_of(headers: Headers, most: float) -> float:
    """How long the call may take: what the caller says, at most what a call without a deadline gets."""
    text = headers.get(TIMEOUT)
    if text is None:
        return most
    if not _SECONDS.fullmatch(text) or float(text) < SECONDS_MIN:
        refuse("INVALID_ARGUMENT", f"{TIMEOUT} must be a number of seconds from {SECONDS_MIN:.0f} on, like 2.5")
    return min(float(text), most)


def metadata_of(headers: Headers) -> Metadata:
    """What of the headers goes on to the services: who calls, which they verify, and a trace context, unless it is
    malformed or given twice. What cannot be a token is refused here: the services' headers have their limit."""
    known = [(name, f"Bearer {token_in(values, name)}") for name in TOKENS if (values := headers.getlist(name))]
    said = {name: ",".join(headers.getlist(name)) for name in _PASSED}
    traced = [(name, text) for name, text in said.items() if _PASSED[name].fullmatch(text)]
    return (*known, *traced)


def seen_in(headers: Headers, named: str | None) -> Metadata:
    """What If-Match says of the thing that the path names, as a service takes it: nothing where nothing is said. A weak
    tag names no version that anything could be held to."""
    text = headers.get("if-match")
    if text is None:
        return ()
    found = _TAG.fullmatch(text.strip())
    if named is None or found is None:
        refuse("INVALID_ARGUMENT", 'If-Match must be the ETag of the thing that the path names, like "7"')
    if not (said := seen.as_metadata(named, found[1])):
        refuse("INVALID_ARGUMENT", "what the path names has no version")
    return said


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """What a service said, or what gRPC says of a service that did not."""
    said = status_in(error)
    if said is not None:
        return said
    name = error.code().name
    unreached = name == "UNAVAILABLE"
    told = "the service does not answer; try again with the same Idempotency-Key" if unreached else error.details()
    status = status_pb2.Status(code=code_pb2.Code.Value(name), message=told or name)
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=_reason(name), domain=DOMAIN))
    if unreached:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = 1
        status.details.add().Pack(retry)
    return status


def _reason(name: str) -> str:
    return name if name in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL") else "UNAVAILABLE"
