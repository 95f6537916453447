"""The vault: it turns codes into envelopes and blind indexes at the edge, and opens them where they are needed.

A code that somebody presents is known from here on only by its blind index, whether it is anybody's or not.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from services.card_redemption.domain.cards.redeeming import foreign_id, index_of
from services.card_redemption.domain.codes import (
    LENGTH,
    VERIFICATION_DIGITS,
    CardCode,
    Envelope,
    SealedCode,
    format_of,
)
from services.card_redemption.store.codes import find_card_of, find_good_code
from services.card_redemption.vault.envelope import rewrapped, seal, unseal
from services.kernel.errors import NotFound
from services.kernel.secret import Secret
from services.runtime.ground.settings import Settings
from services.runtime.ground.tables import Connection

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of the codes that we make: no two of its signs look alike."""
LAST = 4
INDEX_BYTES = 20


@dataclass(frozen=True, slots=True)
class Presented:
    """A code that somebody presented: its blind index, and the card whose it is or would be."""

    card_id: str
    blind_index: str


class Vault:
    """Built from the settings SETTLE_CARD_KEYS, SETTLE_CARD_INDEX_KEY and SETTLE_CARD_VERIFICATION_KEY."""

    def __init__(self, keys: Mapping[int, bytes], index_key: bytes, verification_key: bytes) -> None:
        self._keys, self._index_key, self._verification_key = keys, index_key, verification_key

    @classmethod
    def of(cls, settings: Settings) -> "Vault":
        """The vault of a process."""
        return cls(settings.keys("card"), settings.key("card_index"), settings.key("card_verification"))

    @property
    def newest(self) -> int:
        """The version of the key under which it seals."""
        return max(self._keys)

    def new_code(self, card_id: str) -> SealedCode:
        """A code that nobody had before, sealed for this card."""
        return self.sealed_code(Secret("".join(secrets.choice(ALPHABET) for _ in range(LENGTH))), card_id)

    def sealed_code(self, code: Secret, card_id: str) -> SealedCode:
        """A code that was given, sealed for this card."""
        plain = _plain(code)
        return SealedCode(self.blind_index(code), plain.reveal()[-LAST:], self.sealed(plain, card_id))

    def sealed(self, secret: Secret, owner_id: str) -> Envelope:
        """Any secret of this owner."""
        return seal(secret, owner_id, self._keys)

    def opened(self, envelope: Envelope, owner_id: str) -> Secret:
        """What was sealed for this owner."""
        return unseal(envelope, owner_id, self._keys)

    def rewrapped(self, code: CardCode) -> CardCode:
        """The code under the newest key; it stays closed."""
        return replace(code, envelope=rewrapped(code.envelope, code.card_id, self._keys))

    def blind_index(self, code: Secret) -> str:
        """By what a code is found without being known; the same for all ways to write it."""
        digest = hmac.digest(self._index_key, _plain(code).reveal().encode(), "sha256")
        return digest[:INDEX_BYTES].hex()

    def verification_code(self, card_id: str, number: int) -> Secret:
        """The verification code beside a code of ours: it follows from the key and is stored nowhere."""
        digest = hmac.digest(self._verification_key, f"{card_id}\0{number}".encode(), "sha256")
        return Secret(f"{int.from_bytes(digest[:8]) % 10**VERIFICATION_DIGITS:0{VERIFICATION_DIGITS}d}")

    async def presented(self, connection: Connection, code: Secret) -> Presented:
        """Whose a code is; one that is nobody's, or no code at all, is as that of another issuer's card."""
        index = self.blind_index(code)
        return Presented(await find_card_of(connection, index) or foreign_id(index), index)

    async def code_of(self, connection: Connection, card_id: str) -> Secret:
        """The good code of a card, in the clear, for the adapter of a provider. Of one that was submitted as another
        issuer's with a code of ours it is one that nobody has: ours is no other provider's to see."""
        code = await find_good_code(connection, card_id)
        if code is None and await find_card_of(connection, index_of(card_id)) is not None:
            return self._nobodys(card_id)
        if code is None:
            raise NotFound("CARD_NOT_FOUND", f"{card_id} has no code")
        return self.code_in(code)

    def _nobodys(self, card_id: str) -> Secret:
        """A code that is nobody's, and the same each time."""
        digest = hmac.digest(self._index_key, f"nobody's\0{card_id}".encode(), "sha256")
        return Secret("".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:LENGTH]))

    def code_in(self, code: CardCode) -> Secret:
        """The code in a row."""
        return self.opened(code.envelope, code.card_id)


def well_formed(code: Secret) -> bool:
    """Whether it is a code: 16 letters and digits of ASCII, however they are grouped."""
    plain = _plain(code).reveal()
    return len(plain) == LENGTH and plain.isascii() and plain.isalnum()


def look_right(code: Secret, verification: Secret, issuer: str) -> bool:
    """Whether both codes could be those of a card of this issuer."""
    return format_of(issuer).fits(_plain(code).reveal(), verification.reveal())


def _plain(code: Secret) -> Secret:
    """The code without spaces and dashes, in capitals."""
    return Secret("".join(code.reveal().replace("-", "").split()).upper())
