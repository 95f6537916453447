"""Requests that a seed makes up from the contract's names alone: paths, headers, JSON and tokens."""

import json
import random
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.contract import Method, methods
from gateway.templates import variables_of
from services.access import ROLES
from tests.end_to_end.http_fuzz.drafts import Draft, Token

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


def made_up(draw: random.Random, token: Token) -> Draft:
    """A request of nobody's; most are sent by whom everything is allowed."""
    method = draw.choice(_unary())
    verb = method.verb if draw.random() < 0.95 else draw.choice(("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"))
    draft = Draft(method, verb, _path(draw, method), raw=_body(draw, method))
    draft.headers = list(_headers(draw, token(ROLES, "settle")).items())
    return draft


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
