"""The code of a card (卡密) as it is kept: an envelope that only the keys open, and a blind index to find it by (RD-1).

Of one card only the code with its `code_number` is good; those before it are dead.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

LENGTH = 16
"""Characters of a code."""
VERIFICATION_DIGITS = 6
"""Digits of the verification code (动态验证码) beside it."""


class CodeFormat(NamedTuple):
    """How codes of an issuer look: so many printable signs of ASCII, and so many digits of the verification code that
    comes with one."""

    least: int
    most: int
    digits: int

    def fits(self, plain: str, verification: str) -> bool:
        """Whether both codes look so, the first without what groups its signs."""
        shown = plain.isascii() and plain.isprintable() and self.least <= len(plain) <= self.most
        return shown and (not self.digits or self._are_digits(verification))

    def _are_digits(self, text: str) -> bool:
        return len(text) == self.digits and text.isascii() and text.isdigit()


FORMATS: Mapping[str, CodeFormat] = {"": CodeFormat(LENGTH, LENGTH, 0)}
"""By the issuer; ours need no verification code, for our own book says what they are worth (RD-1)."""
OF_OTHERS = CodeFormat(6, 64, VERIFICATION_DIGITS)
"""Of an issuer that has no row."""


def format_of(issuer: str) -> CodeFormat:
    """How the codes of this issuer look; "" is ours."""
    return FORMATS.get(issuer, OF_OTHERS)


WRONG_CODES_MAX = 5
"""So many wrong codes one caller may give within an hour; then none is looked at for a while."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A code, sealed under a key of its own, which is wrapped under the key of this version."""

    key_version: int
    wrapped_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CardCode:
    """One code; `blind_index` is a keyed hash of it, so no two cards have the same, and nobody can guess it back."""

    blind_index: str
    card_id: str
    number: int
    last4: str
    envelope: Envelope
    version: int = 1

    @property
    def key(self) -> str:
        return self.blind_index

    @property
    def root(self) -> str:
        return self.card_id


@dataclass(frozen=True, slots=True)
class SealedCode:
    """A code on its way to a card: sealed at the edge, before anything else sees it."""

    blind_index: str
    last4: str
    envelope: Envelope

    def of(self, card_id: str, number: int) -> CardCode:
        """The code as that of this card."""
        return CardCode(self.blind_index, card_id, number, self.last4, self.envelope)
