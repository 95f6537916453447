"""Answers that come again and again, as server-sent events: `EventSource` in a browser reads them, and so does curl.

Each answer is an event `message` with its JSON. The end of the stream is an event `end`, an error an event `error` with
its google.rpc.Status; a reader that has seen either does not come again. In between a comment shows that somebody is
there. A reader who takes nothing has his error behind all that he left.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator

from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse
from starlette.types import Message as Part
from starlette.types import Receive, Scope, Send

from gateway.calling import CallRefused
from gateway.connections import CONNECTION, Connection
from gateway.limits import Calls
from gateway.refusals import status_json
from gateway.writing import json_of
from services.kernel.errors import Unavailable
from services.runtime.rpc.closing import gone
from services.runtime.rpc.errors import to_status
from services.runtime.rpc.taking import not_taken

SILENCE_SECONDS_MAX = 15.0
MOMENT_SECONDS = 0.1
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy may gather what is meant to be seen at once."""


async def stream(
    answers: AsyncIterator[Message], watchers: Calls, leaving: asyncio.Event, untaken_seconds_max: float
) -> Response:
    """The response for a stream. Its first answer is awaited: an error before it is an ordinary refusal. It ends
    with an error once the gateway is `leaving`, or its reader takes nothing for so long."""
    with watchers.place():
        first = await _next(answers)
    return Events(_events(first, answers, watchers, leaving), leaving, untaken_seconds_max)


class Events(StreamingResponse):
    """Events, written as long as their reader takes them; the last event is the error that he hears if he reads on."""

    def __init__(self, events: AsyncIterator[str], leaving: asyncio.Event, untaken_seconds_max: float) -> None:
        super().__init__(events, headers=HEADERS, media_type="text/event-stream")
        self._leaving, self._untaken_seconds_max = leaving, untaken_seconds_max
        self._connection: Connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer on the connection of the request."""
        self._connection = scope["state"][CONNECTION]
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Write all events; what is never taken is cut off."""
        async def taken(message: Part) -> None:
            await self._taken(send, message)

        try:
            await super().stream_response(taken)
        except Unavailable as error:
            self._connection.cut_off(_event("error", status_json(to_status(error))).encode())

    async def _taken(self, send: Send, message: Part) -> None:
        """Write one part; UNAVAILABLE where its reader makes no room for it."""
        writing, left = asyncio.ensure_future(send(message)), asyncio.ensure_future(self._leaving.wait())
        try:
            await asyncio.wait((writing, left), timeout=self._untaken_seconds_max, return_when=FIRST_COMPLETED)
            if not writing.done() and left.done():  # it waits for a reader, or it is just being written
                await asyncio.wait((writing,), timeout=MOMENT_SECONDS)
            if not writing.done():
                raise gone() if left.done() else not_taken(self._untaken_seconds_max)
            writing.result()
        finally:
            left.cancel()
            writing.cancel()


async def _events(
    first: Message | None, answers: AsyncIterator[Message], watchers: Calls, leaving: asyncio.Event
) -> AsyncIterator[str]:
    """What is written, event by event, in the place that the first answer had."""
    with watchers.place(held=True):
        try:
            answer = first
            while answer is not None:
                yield _event("message", json_of(answer))
                coming = asyncio.ensure_future(_next(answers))
                async for silence in _silences(coming, leaving):
                    yield silence
                answer = coming.result()
            yield _event("end", "{}")
        except CallRefused as refusal:
            yield _event("error", status_json(refusal.status))


async def _silences(coming: "asyncio.Future[Message | None]", leaving: asyncio.Event) -> AsyncIterator[str]:
    """A comment for each silence until the next answer is there; who leaves ends the waiting."""
    left = asyncio.ensure_future(leaving.wait())
    try:
        while not coming.done():
            if not (await asyncio.wait((coming, left), timeout=SILENCE_SECONDS_MAX, return_when=FIRST_COMPLETED))[0]:
                yield ": still there\n\n"
            elif not coming.done():
                raise CallRefused(to_status(gone()))
    finally:
        left.cancel()
        if not coming.done():
            coming.cancel()


async def _next(answers: AsyncIterator[Message]) -> Message | None:
    return await anext(answers, None)


def _event(kind: str, text: str) -> str:
    """JSON has no line breaks of its own here, so one line of data is enough."""
    return f"event: {kind}\ndata: {text}\n\n"
