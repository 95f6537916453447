"""Answers that come again and again, as server-sent events: `EventSource` in a browser reads them, and so does curl.

Each answer is an event `message` with its JSON. The end of the stream is an event `end`, an error an event `error` with
its google.rpc.Status; a reader that has seen either does not come again. In between a comment shows that somebody is
there.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator

from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse

from gateway.calling import CallRefused
from gateway.limits import Calls
from gateway.refusals import status_json
from gateway.writing import json_of
from services.runtime.rpc.closing import gone
from services.runtime.rpc.errors import to_status

SILENCE_SECONDS_MAX = 15.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy may gather what is meant to be seen at once."""


async def stream(answers: AsyncIterator[Message], watchers: Calls, leaving: asyncio.Event) -> Response:
    """The response for a stream. Its first answer is awaited: an error before it is an ordinary refusal. It ends
    with an error once the gateway is `leaving`."""
    with watchers.place():
        first = await _next(answers)
    events = _events(first, answers, watchers, leaving)
    return StreamingResponse(events, headers=HEADERS, media_type="text/event-stream")


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
