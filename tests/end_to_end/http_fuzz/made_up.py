"""Requests that nobody should send, by the hundred thousand: paths, headers, JSON and tokens that a seed draws.

`python -m tests.end_to_end.http_fuzz URL COUNT [SEED]` sends them to a gateway and says how they were answered, as
whoever SETTLE_TOKEN says. What comes of a request is told by its number and the seed alone.
"""

import asyncio
import json
import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.contract import Method, methods
from gateway.templates import variables_of

CONNECTIONS = 16
ANSWER_SECONDS_MAX = 60.0
DEPTH = 4
TEXTS = (
    "", "ord_1", "acc_1", "CNY", "a" * 200, "\u0000", "\u202eabc", "订单", "😀", "' or 1=1 --", "../../etc", "%",
    "null", "2026-13-40T00:00:00Z", "2026-02-28T00:00:00Z", "-1", "1e400", "9223372036854775808", "NaN",
)
NUMBERS: tuple[Any, ...] = (0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**70), 1.5, 1e308, True, "7", "1e3")
BODIES = (
    b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{" * 2_000, b'{"a":1,"a":2}', b"NaN", b"[" * 5_000, b"\x00",
    b'{"orderId":"\\ud800"}',
)
TOKENS = (
    "Bearer", "Bearer x", "Bearer a.b.c", "Basic eDp5", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "bearer  ",
    "Bearer " + "a" * 3_000, "Bearer eyJraWQiOiIuLi8uLi9ldGMifQ.e30.AA",
)


@dataclass(slots=True)
class Told:
    """How requests were answered: by status, and those that went wrong, as they were sent."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[tuple[int, bytes]] = field(default_factory=list)


def request(seed: int, number: int, host: str, token: str) -> bytes:
    """The request with this number, as bytes on the wire; most are sent by whom the token names."""
    draw = random.Random(f"{seed}/{number}")
    method = draw.choice(_unary())
    verb = method.verb if draw.random() < 0.95 else draw.choice(("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"))
    body = _body(draw, method)
    headers = {"Host": host, "Content-Length": str(len(body)), **_headers(draw, token)}
    lines = [f"{verb} {_path(draw, method)} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _unary() -> list[Method]:
    return [method for method in methods() if not method.streams]


def _path(draw: random.Random, method: Method) -> str:
    path = method.template
    for name in variables_of(path):
        text = draw.choice(TEXTS) if draw.random() < 0.5 else f"{name[:3]}_{draw.randrange(9)}"
        path = path.replace(f"{{{name}}}", quote(text, safe=""))
    if draw.random() < 0.1:
        at = draw.randrange(len(path) + 1)
        path = path[:at] + draw.choice(("/", "//", "%zz", "%ff", ":", ";x=1", "?", "..", "%00", "~")) + path[at:]
    if method.verb == "GET" and draw.random() < 0.5:
        names = [each.json_name for each in method.descriptor.input_type.fields] or ["x"]
        said = [f"{draw.choice(names)}={quote(str(draw.choice(TEXTS + NUMBERS)))}" for _ in range(draw.randrange(3))]
        path += "?" + "&".join(said)
    return path


def _headers(draw: random.Random, token: str) -> dict[str, str]:
    kinds: dict[str, Callable[[], str]] = {
        "Idempotency-Key": lambda: draw.choice((str(uuid.UUID(int=draw.getrandbits(128))), "x", "", "0" * 36)),
        "Content-Type": lambda: draw.choice(("application/json", "text/plain", "application/json; charset=utf-7", "")),
        "Request-Timeout": lambda: draw.choice(("1", "2.5", "0", "-1", "x", "99999", "1e9")),
        "If-Match": lambda: draw.choice(('"1"', "*", '"x"', 'W/"1"', '"99999999999999999999"')),
        "If-None-Match": lambda: draw.choice(('"1"', "*", '"x', "")),
        "traceparent": lambda: draw.choice((f"00-{'a' * 32}-{'b' * 16}-01", "x", "00-0-0-0")),
        "Accept": lambda: draw.choice(("*/*", "text/html", "x")),
    }
    said = {name: make() for name, make in kinds.items() if draw.random() < 0.4}
    known = f"Bearer {token}" if draw.random() < 0.9 else draw.choice(TOKENS)
    return {"Content-Type": "application/json", "Authorization": known} | said


def _body(draw: random.Random, method: Method) -> bytes:
    if not method.has_body:
        return b"" if draw.random() < 0.95 else b"{}"
    if draw.random() < 0.1:
        return draw.choice(BODIES)
    return json.dumps(_object(draw, method.descriptor.input_type, DEPTH)).encode()


def _object(draw: random.Random, descriptor: Descriptor, depth: int) -> dict[str, Any]:
    said = {
        draw.choice((each.name, each.json_name)): _value(draw, each, depth)
        for each in descriptor.fields if draw.random() < 0.75
    }
    if draw.random() < 0.05:
        said[draw.choice(TEXTS)] = draw.choice(TEXTS)
    return said


def _value(draw: random.Random, each: FieldDescriptor, depth: int) -> Any:
    if draw.random() < 0.1:
        return draw.choice((None, [], {}, draw.choice(TEXTS), draw.choice(NUMBERS), [[]]))
    if each.is_repeated:
        return [_single(draw, each, depth) for _ in range(draw.randrange(3))]
    return _single(draw, each, depth)


def _single(draw: random.Random, each: FieldDescriptor, depth: int) -> Any:
    if each.message_type is not None:
        return _object(draw, each.message_type, depth - 1) if depth else {}
    if each.enum_type is not None:
        return draw.choice([*(value.name for value in each.enum_type.values), "NOTHING", 99])
    if each.name == "request_id":
        return str(uuid.UUID(int=draw.getrandbits(128), version=4))
    return draw.choice(TEXTS if each.type == FieldDescriptor.TYPE_STRING else NUMBERS)


async def fuzz(url: str, count: int, seed: int, token: Callable[[], str]) -> Told:
    """Send so many, over some connections at a time, under a token that is asked for anew, for none lives long."""
    told, numbers = Told(), iter(range(count))
    address = urlsplit(url)
    host, port = str(address.hostname), int(address.port or 80)

    def make(number: int, to: str) -> bytes:
        return request(seed, number, to, token())

    await asyncio.gather(*(_send_all(host, port, make, numbers, told) for _ in range(CONNECTIONS)))
    return told


async def _send_all(
    host: str, port: int, make: Callable[[int, str], bytes], numbers: Iterator[int], told: Told
) -> None:
    """One connection after another, each for as long as the gateway keeps it."""
    while (number := next(numbers, None)) is not None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while number is not None and await _send(reader, writer, make(number, f"{host}:{port}"), told):
                number = next(numbers, None)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes, told: Told) -> bool:
    """Send it and note its answer; whether the connection stays open."""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        writer.write(sent)
        status, stays = await _answer(reader, head=sent.startswith(b"HEAD "))
    told.statuses[status] += 1
    if status >= 500 or not status:
        told.wrong.append((status, sent))
    return stays


async def _answer(reader: asyncio.StreamReader, head: bool) -> tuple[int, bool]:
    """The status, and whether the connection stays open; 0 where nothing was answered."""
    line = await reader.readline()
    if not line:
        return 0, False
    status, length, stays = int(line.split()[1]), 0, True
    while (header := (await reader.readline()).strip().lower()) != b"":
        name, _, text = header.partition(b":")
        length = int(text) if name == b"content-length" else length
        stays = stays and not (name == b"connection" and text.strip() == b"close")
    if not head and status not in (204, 304):
        await reader.readexactly(length)
    return status, stays


if __name__ == "__main__":
    seed = int((sys.argv[3:] or ["1"])[0])
    found = asyncio.run(fuzz(sys.argv[1], int(sys.argv[2]), seed, lambda: os.environ.get("SETTLE_TOKEN", "")))
    sys.stdout.write(f"{dict(sorted(found.statuses.items()))}\n")
    sys.stdout.writelines(f"{status} {sent!r}\n" for status, sent in found.wrong[:20])
    raise SystemExit(1 if found.wrong else 0)
