"""Pages of lists: how many rows a request asks for, behind which place, and the token of the page after it.

    page = page_of(request, start=("",))
    found = await list_things(connection, *page.after, page.limit)
    shown, following = page.cut(found, lambda thing: (thing.id,), thing_message)

A token is good for one list under its filters: it holds its place and a digest over the place, the request's type and
all of the request's fields that choose rows. So a token of another list, of other filters or of nobody is refused. It
keeps no secret, for it says no more than the last row that its caller was shown: the digest needs no key.

A page holds no more than what fits one answer, however many rows were asked for; its token goes on behind it.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec
from google.protobuf.message import Message

from services.kernel.errors import InvalidArgument

PAGE_SIZE = 50
FIRST = (datetime.min.replace(tzinfo=UTC), "")
LAST = (datetime.max.replace(tzinfo=UTC), "~")
"""Before the first, and behind the last place of a list by instant and id."""

FOREIGN_PAGE = "INVALID_PAGE_TOKEN"
NOT_FILTERS = frozenset({"page_size", "page_token", "min_version"})
"""Fields of a list's request that do not choose its rows; every other field does."""

ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""What callers can receive as one message, unless they say otherwise."""

_PAGE_BYTES_MAX = ANSWER_BYTES_MAX - 16 * 1024
"""The rows of a page; what is left is for its token and its other fields."""

_FRAME_BYTES = 8
"""What a row takes beside itself, at most."""

_SEAL_BYTES = 16
P = TypeVar("P", bound=tuple[Any, ...])  # Any: a place is the sort key of its list
T = TypeVar("T")
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Page(Generic[P]):
    """What one request asks of its list: at most `size` rows behind the place `after`."""

    after: P
    size: int
    scope: bytes

    @property
    def limit(self) -> int:
        """How many rows to look for: one more than is shown tells whether another page follows."""
        return self.size + 1

    def cut(
        self, found: Sequence[T], place: Callable[[T], P], message: Callable[[T], M]
    ) -> tuple[Sequence[M], str]:
        """The rows of this page as messages, and the token of the next one; "" on the last page."""
        shown: list[M] = []
        left = _PAGE_BYTES_MAX
        for row in found[: self.size]:
            told = message(row)
            left -= told.ByteSize() + _FRAME_BYTES
            if left < 0 and shown:
                break
            shown.append(told)
        if len(shown) == len(found):
            return shown, ""
        return shown, _token(self.scope, place(found[len(shown) - 1]))


def page_of(request: Any, start: P, size: int = PAGE_SIZE, of: str = "") -> Page[P]:  # Any: requests of lists
    """The page that a request asks for: from `start` on if it has no token, `size` rows if it names no number.

    `of` tells lists apart whose requests are of one type. INVALID_PAGE_TOKEN for a token that is not of this list.
    """
    scope = _scope(request, of)
    after = _place(request.page_token, scope, start) if request.page_token else start
    return Page(after, request.page_size or size, scope)


def _scope(request: Message, of: str) -> bytes:
    """One name for a list under its filters."""
    asked = type(request)()
    asked.CopyFrom(request)
    asked.DiscardUnknownFields()
    for field in asked.DESCRIPTOR.fields:
        if field.name in NOT_FILTERS:
            asked.ClearField(field.name)
    text = f"{of}\0{asked.DESCRIPTOR.full_name}\0".encode() + asked.SerializeToString(deterministic=True)
    return blake2b(text, digest_size=_SEAL_BYTES).digest()


def _token(scope: bytes, place: tuple[Any, ...]) -> str:  # Any: a place is the sort key of its list
    packed = msgspec.msgpack.encode(place)
    return _text(_seal(scope, packed) + packed)


def _place(token: str, scope: bytes, start: P) -> P:
    """The place in a token; its parts are of the same types as those of `start`."""
    try:
        sealed = base64.urlsafe_b64decode(token)
        seal, packed = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        if _text(sealed) == token and seal == _seal(scope, packed):
            place: P = _decoder(tuple(type(part) for part in start)).decode(packed)
            return place
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise _refusal() from error
    raise _refusal()


def _refusal() -> InvalidArgument:
    return InvalidArgument(
        FOREIGN_PAGE, "the page token is not ours, or belongs to another query", {"field": "page_token"}
    )


def _seal(scope: bytes, packed: bytes) -> bytes:
    return blake2b(scope + packed, digest_size=_SEAL_BYTES).digest()


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode()


@cache
def _decoder(types: tuple[type, ...]) -> "msgspec.msgpack.Decoder[Any]":  # Any: the tuple of these types
    return msgspec.msgpack.Decoder(tuple[types])  # type: ignore[valid-type]  # they are known at run time only
