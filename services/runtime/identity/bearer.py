"""The header that brings a token, over gRPC and HTTP alike: exactly one, of one form, of bounded length."""

import re
from collections.abc import Iterable, Sequence

from services.kernel.errors import Unauthenticated

HEADER = "authorization"
"""The caller's token."""
SECOND_HEADER = "second-authorization"
"""The token of the other person, where a method takes two."""
TOKEN_CHARACTERS_MAX = 3_000
"""Two of them fit into what headers may have."""

_FORM = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+) *", re.ASCII | re.IGNORECASE)


def refuse(told: str) -> Unauthenticated:
    """The one refusal of whoever is not known. It never holds a part of what was sent."""
    return Unauthenticated("UNAUTHENTICATED", told)


def values_of(metadata: Iterable[tuple[str, str | bytes]], header: str) -> list[str | bytes]:
    """Every value of a header."""
    return [value for name, value in metadata if name == header]


def token_in(values: Sequence[str | bytes], header: str = HEADER) -> str:
    """The token; UNAUTHENTICATED where there is none, more than one, or something else."""
    if not values:
        raise refuse(f"there is no token; send `{header}: Bearer TOKEN`. Locally `settle token --role ROLE` prints one")
    if len(values) > 1:
        raise refuse(f"{header} is given more than once")
    value = values[0]
    if len(value) > TOKEN_CHARACTERS_MAX:
        raise refuse(f"{header} has more than {TOKEN_CHARACTERS_MAX} characters")
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise refuse(f"{header} must be `Bearer TOKEN`, a signed JWT")
    return found[1]
