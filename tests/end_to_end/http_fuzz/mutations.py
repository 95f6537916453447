"""What is wrong with a request that was valid: one change each, anywhere in it."""

import json
import random
import string
import uuid
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any
from urllib.parse import quote

from gateway.contract import methods
from tests.end_to_end.http_fuzz.drafts import Draft
from tests.end_to_end.http_fuzz.made_up import BODIES, TEXTS, TOKENS
from tests.protos.hostile import TEXTS as HOSTILE

Mutation = Callable[[random.Random, Draft], None]
Holder = Any  # an object or a list of JSON, by whose names or numbers its values are changed
ODD: Sequence[Any] = (  # Any: as above
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**400, 0.5, 1e308, -0.0, "", "0", "-1",
    "1e3", "9" * 30, "NaN", "Infinity", [], {}, [[]], [None], {"": 0}, {"a": {}}, ["x"] * 501, "\ud800", "x" * 5_000,
    "2026-02-30T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0s", "-1s", "1e9s", "315576000001s", 10**12,
    *TEXTS, *HOSTILE[:12], *HOSTILE[15:],
)
CHANGES = ("{", "}", "[", "]", ",", ":", '"', "\\", "\\u", "\x00", "NaN", "-", "1e999", "//", " ", "\ufeff", "é", "'")


def _odd(draw: random.Random) -> Any:  # Any: as above
    return deepcopy(draw.choice(ODD))


def mutate(draw: random.Random, draft: Draft) -> None:
    """Change it in one to three ways, which do not know of each other."""
    for mutation in draw.choices(MUTATIONS, k=draw.choice((1, 1, 1, 2, 3))):
        mutation(draw, draft)


def _places(value: Any) -> list[tuple[Holder, Any]]:  # Any: as above, and a name or a number
    """Where something stands within a value of JSON: what holds it, and under what."""
    held = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, inner in held for place in ((value, name), *_places(inner))]


def value_changed(draw: random.Random, draft: Draft) -> None:
    """Another type, bound, enum, date or length."""
    if places := _places(draft.body):
        holder, name = draw.choice(places)
        holder[name] = _odd(draw)
    elif draft.query:
        at = draw.randrange(len(draft.query))
        draft.query[at] = (draft.query[at][0], quote(str(_odd(draw)), errors="replace"))


def field_added(draw: random.Random, draft: Draft) -> None:
    """One of its own that was left out (another of a oneof, too), or one that nobody knows."""
    fields = [*draft.method.descriptor.input_type.fields_by_name, "unknown", "", "__proto__", "\u202e"]
    name = draw.choice(fields)
    if draft.method.has_body:
        draft.body[name] = _odd(draw)
    else:
        draft.query.append((quote(name), quote(str(_odd(draw)), errors="replace")))


def field_removed(draw: random.Random, draft: Draft) -> None:
    """Whether it was needed or not."""
    if places := _places(draft.body):
        holder, name = draw.choice(places)
        del holder[name]
    elif draft.query:
        draft.query.pop(draw.randrange(len(draft.query)))


def item_repeated(draw: random.Random, draft: Draft) -> None:
    """A list that is too long, or has the same twice."""
    lists = [holder for holder, _ in _places(draft.body) if isinstance(holder, list)]
    if lists:
        held = draw.choice(lists)
        held.extend(held[:1] * draw.choice((1, 2, 100, 600)))
    elif draft.query:
        draft.query.append(draw.choice(draft.query))


def nested(draw: random.Random, draft: Draft) -> None:
    """Too deep for anybody."""
    if places := _places(draft.body):
        holder, name = draw.choice(places)
        for _ in range(draw.choice((3, 31, 33, 90))):
            holder[name] = {name: holder[name]} if isinstance(name, str) else [holder[name]]


def body_damaged(draw: random.Random, draft: Draft) -> None:
    """JSON that ends early, has something twice or something between, or is in another encoding."""
    text = json.dumps(draft.body, ensure_ascii=draw.random() < 0.5)
    at = draw.randrange(len(text))
    draft.raw = draw.choice((
        lambda: text[:at].encode("utf-8", "surrogatepass"),
        lambda: (text[:at] + draw.choice(CHANGES) + text[at:]).encode("utf-8", "surrogatepass"),
        lambda: f"{text[:-1]},{text[1:]}".encode("utf-8", "surrogatepass"),
        lambda: text.encode(draw.choice(("utf-16", "utf-32", "utf-7", "utf-8-sig")), "replace"),
        lambda: text.encode("utf-8", "surrogatepass") + draw.choice((b"\x00", b"{}", b"\n\n", b"]")),
        lambda: bytes(draw.getrandbits(8) for _ in range(draw.randrange(200))),
        lambda: b" " * draw.choice((10, 300_000)) + b"{}",
        lambda: draw.choice(BODIES),
    ))()


def path_damaged(draw: random.Random, draft: Draft) -> None:
    """A character, a segment or a verb that does not belong there."""
    at = draw.randrange(1, len(draft.path) + 1)
    inserted = draw.choice((
        "/", "//", "%", "%zz", "%ff", "%00", "%2f", "%2e%2e", "..", ":", ";x=1", "?", "~", "%C0%AF", "%F0%9F%98%80",
        draw.choice(string.printable[:62]), "a" * 5_000, "%ED%A0%80",
    ))
    cut = at + draw.choice((0, 0, 1, 5))
    draft.path = draft.path[:at] + inserted + draft.path[cut:]


def verb_changed(draw: random.Random, draft: Draft) -> None:
    """Another verb, or the path of another method."""
    if draw.random() < 0.5:
        draft.verb = draw.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"))
    else:
        draft.path = draw.choice(methods()).template.replace("{", "").replace("}", "")


def token_changed(draw: random.Random, draft: Draft) -> None:
    """None, another, half of one, two of them, or one with a bit that is not its own."""
    [known, *_] = [text for name, text in draft.headers if name == "Authorization"] or [""]
    at = draw.randrange(len(known) or 1)
    other = draw.choice(string.ascii_letters + string.digits + "-_.")
    draft.replace("Authorization", draw.choice((
        "", known[:at], known[:at] + other + known[at + 1 :], known + "=", known.lower(), known.replace(".", "..", 1),
        known.rpartition(".")[0] + ".", f"{known}, {known}", draw.choice(TOKENS), known + "é",
    )))
    if draw.random() < 0.2:
        draft.headers.append(("authorization", known))
    if draw.random() < 0.2:
        draft.headers.append(("Second-Authorization", draw.choice((known, *TOKENS))))


def header_changed(draw: random.Random, draft: Draft) -> None:
    """One that means something here, with what it may not say, or should."""
    kinds: dict[str, Callable[[], str]] = {
        "Idempotency-Key": lambda: draw.choice((str(uuid.UUID(int=draw.getrandbits(128), version=4)), *HEADS)),
        "Content-Type": lambda: draw.choice((
            "text/plain", "application/json; charset=utf-7", "application/json;charset=UTF-8", "multipart/form-data",
            "application/json, text/html", "APPLICATION/JSON", ";", *HEADS,
        )),
        "Request-Timeout": lambda: draw.choice(("5", "2.5", "0", "-1", "1e9", "99999", "inf", "nan", "１", *HEADS)),
        "If-Match": lambda: draw.choice(('"1"', '"2"', "*", 'W/"1"', '"1", "2"', '"9999999999999999999"', *HEADS)),
        "If-None-Match": lambda: draw.choice(('"1"', "*", 'W/"2"', '"x', *HEADS)),
        "traceparent": lambda: draw.choice((f"00-{'a' * 32}-{'b' * 16}-01", f"ff-{'0' * 32}-{'0' * 16}-00", *HEADS)),
        "tracestate": lambda: draw.choice(("a=1", "a=1," * 60, "=", *HEADS)),
        "grpc-timeout": lambda: draw.choice(("1n", "0S", *HEADS)),
        "seen": lambda: draw.choice(("ord_1 7", *HEADS)),
        "Content-Encoding": lambda: draw.choice(("gzip", "identity", "br", *HEADS)),
        "Accept": lambda: draw.choice(("text/event-stream", "text/html", *HEADS)),
        "Connection": lambda: draw.choice(("keep-alive", "TE, x", *HEADS)),
        "X-Forwarded-For": lambda: draw.choice(HEADS),
    }
    name = draw.choice(list(kinds))
    if draw.random() < 0.3:
        draft.headers.append((name, kinds[name]()))
    else:
        draft.replace(name, kinds[name]())


HEADS = ("", " ", "x", "é", "订单", "0" * 36, "x" * 3_000, "\t", "%00", "a,b", '"', "0" * 8_000)
"""What any header may be given."""
MUTATIONS: tuple[Mutation, ...] = (
    value_changed, value_changed, value_changed, field_added, field_added, field_removed, item_repeated, nested,
    body_damaged, path_damaged, verb_changed, token_changed, header_changed, header_changed,
)
"""The oftener one stands here, the oftener it is done."""
