"""What arrives before a method sees it: bytes that are too many or no message at all, and calls that nobody serves.

gRPC would answer these by itself, without a reason. So the limit of the transport is far above ours, and a request
that cannot be read becomes an `Unreadable`, which the call then answers with.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from services.kernel.errors import InvalidArgument, SettlementError
from services.runtime.rpc.errors import MessageTooLarge, abort_with

TRANSPORT_BYTES_MAX = 32 * 1024 * 1024
"""What gRPC itself takes in. A longer message it refuses alone (RESOURCE_EXHAUSTED, without a reason)."""

Context = grpc.aio.ServicerContext[Any, Any]
Deserializer = Callable[[bytes], Any]  # Any: generated code makes each request a type of its own


class Unimplemented(SettlementError):
    """Nobody serves this method."""

    status = "UNIMPLEMENTED"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a request that could not be read."""

    refusal: SettlementError


def readable(deserialize: Deserializer, bytes_max: int) -> Deserializer:
    """A deserializer that never raises: it answers an `Unreadable` instead."""

    def read(arrived: bytes) -> Any:  # Any: as the deserializer
        if len(arrived) > bytes_max:
            return Unreadable(MessageTooLarge(f"the request has {len(arrived)} bytes; {bytes_max} are taken"))
        try:
            return deserialize(arrived)
        except (DecodeError, ValueError):
            return Unreadable(InvalidArgument("UNDECODABLE", "the bytes are not a request of this method"))

    return read


def guarded(handler: Any, bytes_max: int) -> Any:  # Any: grpc's RpcMethodHandler has no public type
    """A handler of a library (health, reflection) whose unreadable requests are answered with a reason."""
    wrapped = handler._replace(request_deserializer=readable(handler.request_deserializer, bytes_max))
    if handler.unary_unary is not None:
        return wrapped._replace(unary_unary=_answering(handler.unary_unary))
    if handler.unary_stream is not None:
        return wrapped._replace(unary_stream=_answering(handler.unary_stream))
    return wrapped._replace(stream_stream=_streaming(handler.stream_stream))


def _answering(behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def handle(request: Any, context: Context) -> Any:  # Any: any request, for any response
        await _check(request, context)
        return await behaviour(request, context)

    return handle


def _streaming(behaviour: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    async def handle(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        async def read() -> AsyncIterator[Any]:
            async for request in requests:
                await _check(request, context)
                yield request

        async for response in behaviour(read(), context):
            yield response

    return handle


async def _check(request: Any, context: Context) -> None:  # Any: a request, or what stands for one
    if isinstance(request, Unreadable):
        await abort_with(context, request.refusal)


class Unserved(grpc.GenericRpcHandler):
    """Comes after all handlers: whatever is called here, nobody serves."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:  # Any: as above
        """A handler that reads nothing and refuses."""
        refusal = Unimplemented("UNKNOWN_METHOD", f"{handler_call_details.method} is no method that is served here")

        async def refuse(_requests: AsyncIterator[bytes], context: Context) -> None:
            await abort_with(context, refusal)

        return grpc.stream_stream_rpc_method_handler(refuse)
