"""Opaque page tokens: where the next page goes on."""

import base64
import binascii

import msgspec

from services.kernel.errors import InvalidArgument

_DECODER = msgspec.json.Decoder(tuple[str, ...])


def page_token(*place: object) -> str:
    """The token of a place, given as its key's parts."""
    return base64.urlsafe_b64encode(msgspec.json.encode([str(part) for part in place])).decode()


def place_of(token: str, *start: str) -> tuple[str, ...]:
    """The place a token stands for; `start` for the first page. A token that is not ours is refused."""
    if not token:
        return start
    try:
        place = _DECODER.decode(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidArgument("INVALID_PAGE_TOKEN", "the page token is not one of ours") from error
    if len(place) != len(start):
        raise InvalidArgument("INVALID_PAGE_TOKEN", "the page token belongs to another query")
    return place


def number_of(part: str) -> int:
    """A number in a place."""
    try:
        return int(part)
    except ValueError as error:
        raise InvalidArgument("INVALID_PAGE_TOKEN", "the page token belongs to another query") from error
