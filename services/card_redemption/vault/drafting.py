"""Drafts as callers hold them: sealed, so that a token tells nobody what is in it, not even by its length.

What a draft names of a card says whether the code is one of ours; a stranger hears nothing of that (RD-20). The same
draft is always the same token, for who repeats a request gets the same answer.
"""

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from services.card_redemption.domain.redemption import drafts
from services.card_redemption.domain.redemption.drafts import Draft
from services.kernel.errors import InvalidArgument

CARD_ID_MAX = 64
"""No id of a card is longer."""


class DraftSeal:
    """Seals what was signed under a key, by AES-SIV under another one that is made of it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESSIV(hmac.digest(key, b"sealed drafts", "sha512"))

    def sealed(self, token: bytes) -> bytes:
        """The token for its caller: as long as if the card had the longest id."""
        spare = CARD_ID_MAX - len(drafts.read(token, self._key).card_id)
        return self._cipher.encrypt(token + bytes(spare) + bytes([spare]), None)

    def opened(self, sealed: bytes) -> Draft:
        """The draft in a token of ours; DRAFT_INVALID for anything else."""
        try:
            padded = self._cipher.decrypt(sealed, None)
        except InvalidTag:
            raise InvalidArgument("DRAFT_INVALID", "the draft is not ours") from None
        return drafts.read(padded[: -1 - padded[-1]], self._key)
