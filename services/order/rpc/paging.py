"""Opaque page tokens: where the next page goes on, and of which query it is a page."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from services.kernel.errors import InvalidArgument

PAGE_SIZE = 50
FIRST = (datetime.min.replace(tzinfo=UTC), "")
LAST = (datetime.max.replace(tzinfo=UTC), "~")
"""Before the first, and after the last place that there can be."""

Place = tuple[datetime, str]
_DECODER = msgspec.json.Decoder(tuple[str, datetime, str])
T = TypeVar("T")


def place_of(token: str, query: str, start: Place) -> Place:
    """The place that a token stands for; `start` for the first page. INVALID_PAGE_TOKEN for one of another query."""
    if not token:
        return start
    try:
        asked, at, key = _DECODER.decode(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidArgument("INVALID_PAGE_TOKEN", "the page token is not one of ours") from error
    if asked != query or at.tzinfo is None:
        raise InvalidArgument("INVALID_PAGE_TOKEN", "the page token belongs to another query")
    return at, key


def page(found: Sequence[T], size: int) -> tuple[Sequence[T], T | None]:
    """One more than `size` was asked for: what is shown, and the last shown if there is more."""
    return (found[:size], found[size - 1]) if len(found) > size else (found, None)


def token(query: str, at: datetime, key: str) -> str:
    """The token of the page after this place."""
    return base64.urlsafe_b64encode(msgspec.json.encode((query, at, key))).decode()
