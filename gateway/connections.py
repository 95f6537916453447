"""A connection of the gateway: how long its next request may take to say what it wants, how much it may say before its
body, and the answer to what is no HTTP: a google.rpc.Status, too.

The library under it takes a head of any length in any time, refuses what it cannot read in words of its own, and reads
no body where another protocol is wished for.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.counting import NOTHING, counted
from gateway.refusals import JSON, HttpRefusal, status_json
from services.kernel.errors import InvalidArgument
from services.runtime.rpc.errors import DeadlineExceeded, MessageTooLarge, to_status

HEAD_BYTES_MAX = 32_768
"""What a request line and its headers may have: two tokens, and all else that anybody means, several times."""
HEAD_SECONDS_MAX = 10.0
"""So long a connection may be open, or between two requests have begun one, until its head is there."""
_BODY = frozenset({b"content-length", b"transfer-encoding"})
_ONCE = (b"idempotency-key", b"request-timeout", b"content-type", b"content-encoding", b"if-match")
"""What may be said once: of two of them everybody takes another one. Tokens are counted where they are read."""
CONNECTION = "connection"
"""The connection of a request, in its state."""
LEFT_SECONDS = 30.0
"""So long what a caller left lying is kept."""
HEARD_SECONDS = 0.5
"""What is left to a caller to read why he is refused: who is cut off while he still sends does not hear it."""


class Connection(HttpToolsProtocol):
    """What uvicorn makes of each connection."""

    head_seconds = HEAD_SECONDS_MAX

    def __init__(self, *given: Any, **named: Any) -> None:  # Any: as uvicorn makes it
        super().__init__(*given, **named)
        self._head_bytes = 0
        self._in_body = self._message_ended = self._ended = False
        self._late: asyncio.TimerHandle | None = None
        self._refusal: HttpRefusal | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for its first request."""
        super().connection_made(transport)
        self._wait(self.head_seconds, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end is cut off before it fills the memory."""
        if self._ended:
            return
        self._message_ended = False
        super().data_received(data)
        if self._ended:
            return
        if not self._in_body and not self._message_ended:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(_too_long())
        if self._answered() and self._late is None:
            self._wait(self.head_seconds, self._give_up)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the head. What stands behind a body in chunks is none: a proxy before us has not looked at it, so
        nobody may say there who calls."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: its request is served, unless its length or its meaning is in doubt."""
        self._wait_no_more()
        self._head_bytes = 0
        upgrade = self.parser.should_upgrade()
        self._refusal = self._doubt(upgrade)
        if self._refusal is not None:
            raise self._refusal
        super().on_headers_complete()
        self._in_body = True
        if upgrade:  # the parser reads nothing behind this head
            self.cycle.keep_alive = False

    def _doubt(self, upgrade: bool) -> HttpRefusal | None:
        """Why this head is not served: for its length no part of it can be blamed, and what two readers would read
        differently a proxy before us may have read the other way."""
        names = [name for name, _ in self.headers]
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES_MAX:
            return _too_long()
        if upgrade and not _BODY.isdisjoint(names):
            return _other_protocol()
        hosts = names.count(b"host")
        if b"#" in self.url or hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            return _unreadable()
        twice = next((name for name in _ONCE if names.count(name) > 1), None)
        return _given_twice(twice) if twice else None

    def on_message_complete(self) -> None:
        """What comes now is the head of another request."""
        self._in_body, self._message_ended = False, True
        super().on_message_complete()

    def on_message_begin(self) -> None:
        """Who answers this request can end the connection under it."""
        super().on_message_begin()
        self.scope["state"][CONNECTION] = self

    def cut_off(self, last: bytes) -> None:
        """End an answer in parts that its caller does not take: this part comes behind all that he left lying. The
        buffer of his connection is kept for a while, for him to read it."""
        self.transport.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
        self.cycle.disconnected = True  # as the library knows who takes no answer any more
        self.transport.close()
        self.loop.call_later(LEFT_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """What the library does with what it cannot read."""
        self._refuse(self._refusal or _unreadable())

    def _answered(self) -> bool:
        """Whether all that was asked is answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._late = self.loop.call_later(seconds, then)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if self._head_bytes:
            self._refuse(_too_slow(self.head_seconds))
        else:
            self.transport.close()

    def _refuse(self, refusal: HttpRefusal) -> None:
        """The last answer of the connection, of which nothing more is read. What was asked before is answered first,
        and what is half said is cut off."""
        self._ended = True
        self._wait_no_more()
        if not self._answered() and not self._in_body:
            self.cycle.keep_alive = False
        elif not self._answered() and self.cycle.response_started:
            self.transport.close()
        else:
            self.transport.write(_packed(refusal))
            counted(NOTHING, refusal.status, 0.0)
            self._wait(HEARD_SECONDS, self.transport.close)


def _packed(refusal: HttpRefusal) -> bytes:
    body = status_json(to_status(refusal.error)).encode()
    head = (
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\ncontent-type: {JSON}\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def _unreadable() -> HttpRefusal:
    return HttpRefusal(400, InvalidArgument("INVALID_ARGUMENT", "the request is no HTTP/1.1"))


def _given_twice(name: bytes) -> HttpRefusal:
    return HttpRefusal(400, InvalidArgument("INVALID_ARGUMENT", f"{name.decode()} is given more than once"))


def _other_protocol() -> HttpRefusal:
    """The body is said in that protocol, so it is not read, and no command may be decided without its body."""
    return HttpRefusal(400, InvalidArgument("INVALID_ARGUMENT", "no other protocol is spoken here; send no Upgrade"))


def _too_long() -> HttpRefusal:
    return HttpRefusal(431, MessageTooLarge(f"a path and its headers may have {HEAD_BYTES_MAX} bytes"))


def _too_slow(seconds: float) -> HttpRefusal:
    return HttpRefusal(408, DeadlineExceeded("DEADLINE_EXCEEDED", f"the headers did not come within {seconds:.0f} s"))
