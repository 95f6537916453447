"""The application: every path of the contract below /v1, the contract itself, and a page to try it with."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

import structlog
from google.rpc import status_pb2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, request_response
from starlette.staticfiles import StaticFiles

from gateway import watching
from gateway.calling import CallRefused, Services, metadata_of, seconds_of, seen_in
from gateway.contract import methods
from gateway.counting import NOTHING, counted
from gateway.limits import Calls, body_of
from gateway.pages import ASSETS, page_routes
from gateway.reading import IDENTITY, check_media_type, message_of
from gateway.refusals import JSON, HttpRefusal, answer_of, reason_of, refused
from gateway.served import Served
from gateway.templates import Match, Paths
from gateway.writing import json_of, names, tag_of
from services.kernel.errors import Aborted, Internal, InvalidArgument, NotFound, Unauthenticated
from services.runtime.ground.settings import Settings
from services.runtime.ground.tracing import OFF, Tracer

ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = structlog.get_logger(__name__)


class Gateway:
    """Serves the methods of the contract. `services` is where they are asked; once it is `leaving`, no answer keeps its
    connection."""

    def __init__(self, settings: Settings, services: Services, tracer: Tracer = OFF) -> None:
        self.leaving = asyncio.Event()
        self._settings = settings
        self._tracer = tracer
        self._services = services
        self._paths = Paths(methods())
        self._calls = Calls(settings.rpc_concurrent_max)
        self._watchers = Calls(settings.rpc_watchers_max)

    def application(self) -> Starlette:
        """The application for a server to run. What is no page is a call, whatever stands in its path."""
        pages = [
            *page_routes(), Mount("/assets", StaticFiles(directory=ASSETS)), Route("/livez", _alive),
            Route("/readyz", _alive),
        ]
        made = Starlette(routes=pages, exception_handlers={404: _missed, 405: _missed})
        made.router.redirect_slashes = False
        made.router.default = request_response(self._safely(self.call))
        return made

    async def call(self, request: Request) -> Response:
        """Answer one call; raises `HttpRefusal` or `CallRefused`."""
        match = self._match(request)
        request.state.call = match.method.descriptor.name
        body = await body_of(request, self._settings.rpc_message_bytes_max)
        if body:
            check_media_type(request.headers.get("content-type"), request.headers.get("content-encoding", IDENTITY))
        query = request.scope["query_string"].decode("latin-1")
        message = message_of(match, query, body, request.headers.get("idempotency-key"))
        metadata = request.state.served.metadata(metadata_of(request.headers))
        if match.method.verb != "GET":
            metadata += seen_in(request.headers, match.changed)
        if match.method.streams:
            answers = self._services.watch(match.method, message, metadata)
            untaken = self._settings.stream_untaken_seconds_max
            return await watching.stream(answers, self._watchers, self.leaving, untaken)
        with self._calls.place():
            seconds = seconds_of(request.headers, self._settings.deadline_seconds_max)
            answer = await self._services.ask(match.method, message, seconds, metadata)
        return _answered(request, json_of(answer), tag_of(answer) if match.method.verb == "GET" else None)

    def _match(self, request: Request) -> Match:
        verb, path = request.method, request.scope["raw_path"].decode("latin-1")
        try:
            found = self._paths.find("GET" if verb == "HEAD" else verb, path)
        except ValueError:
            raise HttpRefusal(400, InvalidArgument("INVALID_ARGUMENT", "the path is no UTF-8")) from None
        if found is None:
            raise _nowhere(self._paths.verbs_of(path))
        return found

    def _safely(self, serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The same, with every refusal as an answer, counted."""

        async def answer(request: Request) -> Response:
            began = time.monotonic()
            request.state.served = served = Served(self._tracer, request.headers)
            try:
                response = await serve(request)
            except HttpRefusal as refusal:
                response = refused(refusal)
            except Unauthenticated as error:
                response = refused(HttpRefusal(401, error))
            except CallRefused as refusal:
                response = answer_of(refusal.status, _unmet(request, refusal.status))
            except Exception as error:  # what nobody foresaw is ours, and the caller learns only where to find it
                response = _defect(error)
            response.headers.update({name: text for name, text in ALWAYS.items() if name not in response.headers})
            if self.leaving.is_set():
                response.headers["Connection"] = "close"
            call = getattr(request.state, "call", NOTHING)
            served.end(call, response.status_code)
            counted(call, response.status_code, time.monotonic() - began)
            return response

        return answer


def _answered(request: Request, text: str, tag: str | None) -> Response:
    if tag is None:
        return Response(text, media_type=JSON)
    wanted, known = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted is not None and not names(wanted, tag):
        raise HttpRefusal(412, Aborted("STALE_VERSION", f"it is at version {tag}"), {"ETag": tag})
    if known is not None and names(known, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(text, headers={"ETag": tag}, media_type=JSON)


def _unmet(request: Request, status: status_pb2.Status) -> int | None:
    """412 where a call was to be decided only if its thing is still as it was seen, and it is not."""
    return 412 if "if-match" in request.headers and reason_of(status) == "STALE_VERSION" else None


async def _missed(request: Request, error: Exception) -> Response:
    """An asset that is not there, or a page that is asked for otherwise than by GET."""
    return refused(_nowhere([]))


async def _alive(request: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


def _nowhere(verbs: list[str]) -> HttpRefusal:
    if not verbs:
        return HttpRefusal(404, NotFound("UNKNOWN_METHOD", "there is nothing at this path; /openapi.json lists all"))
    allowed = ", ".join(verbs)
    told = f"this path knows {allowed}"
    return HttpRefusal(405, InvalidArgument("METHOD_NOT_ALLOWED", told), {"Allow": allowed})


def _defect(error: Exception) -> Response:
    correlation_id = uuid.uuid4().hex
    log.error("gateway failed", correlation_id=correlation_id, exc_info=error)
    told = "a defect of ours; the log has it under the correlation id"
    return refused(HttpRefusal(500, Internal("INTERNAL", told, {"correlation_id": correlation_id})))
