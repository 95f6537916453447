"""A stream of commands, each answered as the method of its own would answer it, in the order in which they are decided.

A request of such a stream holds exactly one request of a unary method in its oneof `command`, and may say in `timeout`
how long that may take. The method with that type of request stands behind it, with all that is around it: its place
among the commands under way, its checks, its decision, its stored answer.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import grpc
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from services.kernel.errors import SettlementError, Unavailable
from services.runtime.rpc.arrivals import Unreadable
from services.runtime.rpc.closing import Closing, gone
from services.runtime.rpc.errors import InvalidRequest, to_status
from services.runtime.rpc.limit import limit

Context = grpc.aio.ServicerContext[Any, Any]

UNANSWERED_MAX = 512
"""A stream reads no further while so many of its commands have no answer that was taken."""
COMMAND_SECONDS_MAX = 60.0


class Method(Protocol):
    """A unary method, as the calls have it."""

    async def answer(self, request: Any, context: Any, told: Callable[[Message], Message]) -> Message: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one command: the response of its method, or the status that it would have ended with."""

    request_id: str
    response: Message | None = None
    refusal: Status | None = None


@dataclass(frozen=True, slots=True)
class _Command:
    """Stands for the call that a command would have been: whoever opened the stream makes all of them."""

    until: float
    stream: Context

    def invocation_metadata(self) -> Any:  # Any: as gRPC has it
        """The stream's."""
        return self.stream.invocation_metadata()

    def peer_identities(self) -> Any:  # Any: as gRPC has it
        """The stream's."""
        return self.stream.peer_identities()

    def peer_identity_key(self) -> str | None:
        """The stream's."""
        return self.stream.peer_identity_key()

    def time_remaining(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.monotonic())


class Exchange:
    """The commands of streams; `methods` are all unary ones by path, those that are registered later included."""

    def __init__(self, methods: Mapping[str, Method], seconds: float, closing: Closing) -> None:
        self._methods, self._seconds, self._closing = methods, seconds, closing

    @cached_property
    def _method_of(self) -> Mapping[str, Method]:
        """Methods by the full name of their requests."""
        find = Default().FindMethodByName
        return {
            find(path[1:].replace("/", ".")).input_type.full_name: method for path, method in self._methods.items()
        }

    async def outcomes(
        self, requests: AsyncIterator[Any], stream: Context  # Any: requests, or an Unreadable
    ) -> AsyncGenerator[Outcome, None]:
        """Of all commands, each as soon as it is there; then the refusal of what could not be read, if that came, or
        UNAVAILABLE if the server stops."""
        ready: asyncio.Queue[Outcome | None] = asyncio.Queue()
        room = asyncio.Semaphore(UNANSWERED_MAX)
        reading = asyncio.create_task(self._read(requests, stream, ready, room))
        try:
            while (outcome := await ready.get()) is not None:
                yield outcome
                room.release()
            await reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _read(
        self, requests: AsyncIterator[Any], stream: Context, ready: "asyncio.Queue[Outcome | None]",
        room: asyncio.Semaphore,
    ) -> None:
        refusal: SettlementError | None = None
        try:
            async with asyncio.TaskGroup() as commands:
                try:
                    async with limit(None, self._closing):
                        async for request in requests:
                            if isinstance(request, Unreadable):
                                refusal = request.refusal
                                break
                            await room.acquire()
                            commands.create_task(self._act(request, stream, ready))
                except Unavailable as stopping:  # raised past the commands, it would end them, too
                    refusal = stopping
        finally:
            ready.put_nowait(None)
        if refusal is not None:
            raise refusal

    async def _act(
        self, request: Any, stream: Context, ready: "asyncio.Queue[Outcome | None]"  # Any: as above
    ) -> None:
        name = request.WhichOneof("command")
        command = getattr(request, name) if name else None
        request_id = command.request_id.lower() if command else ""
        try:
            outcome = Outcome(request_id, await self._response(request, command, stream))
        except SettlementError as error:
            outcome = Outcome(request_id, refusal=to_status(error))
        ready.put_nowait(outcome)

    async def _response(self, request: Any, command: Message | None, stream: Context) -> Message:  # Any: as above
        if command is None:
            raise InvalidRequest("INVALID_ARGUMENT", [("command", "must be one that is known here")])
        seconds = self._seconds
        if request.HasField("timeout"):
            seconds = request.timeout.seconds + request.timeout.nanos / 1e9
        if not 0 < seconds <= COMMAND_SECONDS_MAX:
            wrong = f"must be more than 0 and at most {COMMAND_SECONDS_MAX:.0f} seconds"
            raise InvalidRequest("INVALID_ARGUMENT", [("timeout", wrong)])
        if self._closing.begun:  # the stream itself ends with its last command: none of them is held
            raise gone()
        method = self._method_of[command.DESCRIPTOR.full_name]
        async with limit(seconds):
            context = _Command(time.monotonic() + seconds, stream)
            return await method.answer(command, context, lambda response: response)
