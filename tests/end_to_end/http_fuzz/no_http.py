"""What is no HTTP, or hardly: request lines, headers and bodies that end in the wrong place, or do not end."""

import random
from collections.abc import Callable

from tests.end_to_end.http_fuzz.drafts import Draft, Sent

LONG = 100_000


def damaged(draw: random.Random, draft: Draft, host: str) -> Sent:
    """This request, damaged as no library would send it. Its connection ends with it."""
    packed = draft.packed(host)
    return draw.choice(DAMAGES)(draw, packed)


def _line(draw: random.Random, packed: bytes) -> Sent:
    """Another request line."""
    _, _, rest = packed.partition(b"\r\n")
    line = draw.choice((
        b"GET /v1/orders/ord_1 HTTP/9.9", b"get /v1/orders/ord_1 HTTP/1.1", b"BREW /v1/orders HTTP/1.1",
        b"GET /v1/ord\x01ers HTTP/1.1", b"GET /v1/ord\xffers HTTP/1.1", b"GET /v1/a b HTTP/1.1", b"GET v1 HTTP/1.1",
        b"GET http://[::/v1 HTTP/1.1", b"CONNECT h:1 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"PRI * HTTP/2.0", b"GET",
        b"GET http://h:1/v1/orders/ord_1 HTTP/1.1", b"GET /v1/orders/ord_1#x HTTP/1.1", b"\x16\x03\x01\x02\x00\x01",
        b"GET /" + b"a" * LONG + b" HTTP/1.1", b"GET /?" + b"a=b&" * 15_000 + b" HTTP/1.1", b" ", b"\xff" * 20,
    ))
    return Sent(line + b"\r\n" + rest, ends=True)


def _header(draw: random.Random, packed: bytes) -> Sent:
    """One header more, which is none, or says what may not be said."""
    line, _, rest = packed.partition(b"\r\n")
    more = draw.choice((
        b"nothing", b": x", b"X : y", b"X: a\x00b", b"X: a\r\n b", b"X: a\nb", b"X\xff: y", b"X" * LONG + b": y",
        b"X: " + b"y" * LONG, b"\r\n".join([b"X: y"] * 20_000), b"Content-Length: 3", b"Content-Length: -1",
        b"Content-Length: " + b"9" * 30, b"Content-Length: x", b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked, gzip", b"Connection: close", b"Host: other",
    ))
    return Sent(b"\r\n".join((line, more, rest)), ends=True, silent=b"Content-Length" in more)


def _upgrade(draw: random.Random, packed: bytes) -> Sent:
    """A wish for another protocol, which is not granted."""
    line, _, rest = packed.partition(b"\r\n")
    wish = draw.choice((b"websocket", b"h2c", b"TLS/1.0", b"x"))
    return Sent(b"\r\n".join((line, b"Connection: Upgrade", b"Upgrade: " + wish, rest)), ends=True)


def _chunks(draw: random.Random, packed: bytes) -> Sent:
    """The body in chunks, most of which are none."""
    head, _, body = packed.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    said = draw.choice((
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n", b"zz\r\n{}\r\n0\r\n\r\n",
        b"2;x=y\r\n{}\r\n0\r\nX: trailer\r\n\r\n", b"-1\r\n{}\r\n", b"f" * 20 + b"\r\n{}", b"2\r\n{}{}\r\n0\r\n\r\n",
    ))
    return Sent(b"\r\n".join((*lines, b"Transfer-Encoding: chunked", b"", b"")) + said, ends=True)


def _cut(draw: random.Random, packed: bytes) -> Sent:
    """Nothing comes after some byte; nobody waits for an answer to that."""
    return Sent(packed[: draw.randrange(len(packed))], ends=True, silent=True)


def _twice(draw: random.Random, packed: bytes) -> Sent:
    """More than one at a time, or with something behind it."""
    return Sent(packed + draw.choice((packed, b"\r\n\r\n", b"x", b"GET / HTTP/1.1\r\n\r\n")), ends=True)


def _noise(draw: random.Random, packed: bytes) -> Sent:
    """Some bytes that are others."""
    changed = bytearray(packed)
    for _ in range(draw.randrange(1, 6)):
        changed[draw.randrange(len(changed))] = draw.getrandbits(8)
    return Sent(bytes(changed), ends=True, silent=True)


DAMAGES: tuple[Callable[[random.Random, bytes], Sent], ...] = (
    _line, _header, _upgrade, _chunks, _cut, _twice, _noise,
)
