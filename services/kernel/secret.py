"""A secret: text that is handed on and compared, and never shown by accident.

    str(Secret("1234")) == repr(Secret("1234")) == f"{Secret('1234')}" == "***"

It cannot be pickled, copied into JSON or iterated over; only `reveal` gives it, so a search for that word finds every
place where a secret is in the clear.
"""

import hmac
from typing import NoReturn

SHOWN = "***"


class Secret:
    """Holds a text. Equal to a secret with the same text, compared in constant time; not hashable, for a hash tells."""

    __slots__ = ("_text",)
    _text: str
    __hash__ = None  # type: ignore[assignment]  # what has no hash is in no key

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __repr__(self) -> str:
        return SHOWN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return SHOWN

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret never changes")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled, nor copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret has no state to show")
