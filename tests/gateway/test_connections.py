"""What is no HTTP, or takes too long or too much to say what it wants: refused like everything else, and cut off."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import pytest

from gateway.connections import HEAD_BYTES_MAX, Connection
from tests.gateway.conftest import Played, before

READ = b"GET /v1/orders/ord_1 HTTP/1.1\r\nHost: x\r\n"
POSTED = b"POST /v1/orders/ord_1:cancel HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
SECONDS_MAX = 20.0


class Hasty(Connection):
    """One that waits hardly at all."""

    head_seconds = 0.2


@pytest.fixture
async def hasty() -> AsyncIterator[str]:
    """A gateway of such connections."""
    async with before(1, Hasty) as url:
        yield url


async def heard(url: str, *parts: bytes) -> list[tuple[int, str]]:
    """What comes back until the connection is closed: status and reason of each answer."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(SECONDS_MAX):
        said = await reader.read(-1)
    writer.close()
    return list(_answers(said))


async def test_a_body_is_no_part_of_the_next_head(played: Played) -> None:
    """A connection goes on behind a long body as behind a short one."""
    body = b'{"note": "' + b"a" * (HEAD_BYTES_MAX - 1_000) + b'"}'
    address = urlsplit(played.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(POSTED + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    async with asyncio.timeout(SECONDS_MAX):
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        await reader.readexactly(int(length.partition(b":")[2]))
        writer.write(READ + b"X: " + b"y" * 2_000)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"\r\nConnection: close\r\n\r\n")
        said = await reader.read(-1)
    writer.close()

    assert said.startswith(b"HTTP/1.1 200 ")


def _answers(said: bytes) -> Sequence[tuple[int, str]]:
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        [length] = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length")]
        content = json.loads(rest[:length])
        reasons = [detail["reason"] for detail in content.get("details", []) if "reason" in detail]
        found.append((int(lines[0].split()[1]), reasons[0] if reasons else ""))
        said = rest[length:]
    return found


@pytest.mark.parametrize("sent", [
    b"GET /v1/orders/ord_1 HTTP/9.9\r\n\r\n", b"get /v1/orders HTTP/1.1\r\n\r\n", b"BREW /v1/orders HTTP/1.1\r\n\r\n",
    b"GET /v1/\x01 HTTP/1.1\r\n\r\n", b"GET /v1/\xff HTTP/1.1\r\n\r\n", b"GET v1 HTTP/1.1\r\n\r\n",
    b"GET http://[::/v1 HTTP/1.1\r\n\r\n", b"CONNECT h:1 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01", READ + b"nothing\r\n\r\n", READ + b"X: a\x00b\r\n\r\n",
    READ + b"X: a\r\n b\r\n\r\n", POSTED + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    POSTED + b"Content-Length: -2\r\n\r\n{}", POSTED + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
    POSTED + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", POSTED + b"Transfer-Encoding: gzip\r\n\r\n{}",
    POSTED + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    b"GET /v1/orders/ord_1 HTTP/1.1\r\n\r\n", READ + b"Host: y\r\n\r\n", READ.replace(b"ord_1", b"ord_1#x") + b"\r\n",
    POSTED + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", POSTED + b"Content-Length: +2\r\n\r\n{}",
    POSTED + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", POSTED + b"Content-Length: 2, 2\r\n\r\n{}",
    POSTED + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", READ.replace(b"\r\n", b"\n") + b"\n",
    POSTED + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
], ids=lambda sent: repr(sent[:60]))
async def test_what_is_no_http_is_refused(played: Played, sent: bytes) -> None:
    """With a reason, as all that is refused; no service hears of it."""
    assert await heard(played.url, sent) == [(400, "INVALID_ARGUMENT")]
    assert played.orders.asked == []


@pytest.mark.parametrize("name", [
    b"Idempotency-Key", b"request-timeout", b"CONTENT-TYPE", b"Content-Encoding", b"If-Match",
])
async def test_what_may_be_said_once_is_not_said_twice(played: Played, name: bytes) -> None:
    """Not even the same: what stands before us may have read the other one."""
    sent = READ + b"%b: 1\r\n%b: 1\r\n\r\n" % (name, name.lower())

    assert await heard(played.url, sent) == [(400, "INVALID_ARGUMENT")]
    assert played.orders.asked == []


async def test_an_old_caller_needs_no_host(played: Played) -> None:
    """HTTP/1.0 knew none, and balancers ask so whether we live."""
    assert await heard(played.url, b"GET /v1/orders/ord_1 HTTP/1.0\r\n\r\n") == [(200, "")]


async def test_what_stands_behind_a_body_is_no_header(played: Played) -> None:
    """Whatever its name: neither who calls, nor how often."""
    trailer = b"Authorization: Bearer a.b.c\r\nRequest-Timeout: 1\r\nX-Other: 1\r\n"
    sent = POSTED + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + trailer + b"\r\n"

    assert await heard(played.url, sent) == [(200, "")]
    assert "authorization" not in played.orders.metadata
    assert played.orders.seconds > 2


@pytest.mark.parametrize("parts", [
    [READ + b"X: " + b"y" * 2**21 + b"\r\n\r\n"], [READ + b"X: y\r\n" * 20_000 + b"\r\n"],
    [b"GET /" + b"a" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: x\r\n\r\n"],
    [READ, *[b"X: " + b"y" * 8_000 + b"\r\n"] * 5], [READ + b"X: ", *[b"y" * 8_000] * 5],
], ids=["header", "headers", "path", "piece by piece", "without an end"])
async def test_a_head_has_its_limit(played: Played, parts: Sequence[bytes]) -> None:
    """Also where it never ends; who still sends hears why he is refused."""
    assert await heard(played.url, *parts) == [(431, "MESSAGE_TOO_LARGE")]
    assert played.orders.asked == []


@pytest.mark.parametrize(("sent", "told"), [
    (b"", []), (b"\r\n\r\n", [(408, "DEADLINE_EXCEEDED")]), (READ, [(408, "DEADLINE_EXCEEDED")]),
    (b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", [(404, "UNKNOWN_METHOD")]),
], ids=["nothing", "empty lines", "half a head", "half a body that nobody reads"])
async def test_who_says_nothing_is_cut_off(hasty: str, sent: bytes, told: list[tuple[int, str]]) -> None:
    """A connection that waits for its caller does not do so for ever."""
    assert await heard(hasty, sent) == told


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_another_protocol_is_not_granted(played: Played, protocol: bytes) -> None:
    """A read is answered all the same, and ends its connection. A command is refused: its body would not be read."""
    wish = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"

    assert await heard(played.url, READ + wish + b"\r\n" + READ + b"\r\n") == [(200, "")]
    assert await heard(played.url, POSTED + wish + b"Content-Length: 2\r\n\r\n{}") == [(400, "INVALID_ARGUMENT")]
    assert [type(asked).__name__ for asked in played.orders.asked] == ["GetOrderRequest"]


async def test_what_was_asked_is_answered_before_what_is_refused(played: Played) -> None:
    """Its answer is never that of the nonsense behind it."""
    told = await heard(played.url, POSTED + b"Content-Length: 2\r\n\r\n{}nonsense\r\n")

    assert told == [(200, "")]
    assert len(played.orders.asked) == 1


async def test_a_body_that_nobody_reads_is_none_of_the_next_head(played: Played) -> None:
    """Who is refused at once goes on with the same connection, however much of the body was still to come."""
    body = b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000
    parts = (b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\n" + body, b"x" * 100_000, READ + b"Connection: close\r\n\r\n")

    assert await heard(played.url, *parts) == [(404, "UNKNOWN_METHOD"), (200, "")]
