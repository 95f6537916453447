"""Many commands over one stream: whoever sends hears of each by a future of its own.

    async with CommandStream(channel) as stream:
        answer = await stream.send(pb.ExchangeRequest(cancel_order=request))

A command whose stream ended before its answer came has a `Fault`; it may be sent again, on another stream.
"""

import asyncio
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from settle.client.calls import Fault
from settle.client.tokens import Metadata
from settlement.order.v1 import stream_service_pb2 as pb
from settlement.order.v1.stream_service_pb2_grpc import OrderStreamServiceStub


class CommandStream:
    """One stream, for as long as the block lasts. `metadata` says who sends."""

    def __init__(self, channel: grpc.aio.Channel, metadata: Metadata = ()) -> None:
        self._metadata = metadata
        self._stub = OrderStreamServiceStub(channel)
        self._waiting: dict[str, list[asyncio.Future[pb.ExchangeResponse]]] = {}
        self._ended = "the stream has ended"
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._call = self._stub.Exchange(metadata=self._metadata)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say that no more comes, and hear what was sent."""
        if error is None and not self._call.done():
            await self._call.done_writing()
        else:
            self._call.cancel()
        await self._reader

    async def send(self, request: pb.ExchangeRequest) -> pb.ExchangeResponse:
        """The answer to a command; waits while the engine takes no more."""
        if self._reader.done():
            raise Fault(self._ended)
        name = request.WhichOneof("command")
        request_id: str = getattr(request, name).request_id.lower() if name else ""
        answer: asyncio.Future[pb.ExchangeResponse] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(request_id, []).append(answer)
        try:
            async with self._turn:  # gRPC takes one message at a time
                await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            answer.cancel()
            await asyncio.wait({self._reader})  # which hears why
            raise Fault(self._ended) from error
        return await answer

    async def _read(self) -> None:
        try:
            async for answer in self._call:
                waiting = self._waiting[answer.request_id]
                _tell(waiting.pop(0), answer)
                if not waiting:
                    del self._waiting[answer.request_id]
        except grpc.aio.AioRpcError as error:
            self._ended = f"the stream has ended: {error.code().name} {error.details()}"
        except asyncio.CancelledError:  # of the call, by the end of the block
            self._ended = "the stream was left"
        for left in self._waiting.values():
            for future in left:
                _tell(future, Fault(self._ended))
        self._waiting.clear()


def _tell(future: "asyncio.Future[pb.ExchangeResponse]", told: "pb.ExchangeResponse | Fault") -> None:
    if future.done():  # whoever sent has left
        return
    if isinstance(told, Fault):
        future.set_exception(told)
    else:
        future.set_result(told)
