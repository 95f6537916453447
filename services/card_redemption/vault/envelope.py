"""Envelopes (信封加密): a text under a key of its own by AES-256-GCM, and that key under the newest of ours.

Both are bound to whose text it is, and the wrapped key to the version of ours, so that no envelope can be put in the
place of another. A new key of ours wraps the keys anew; the texts stay closed meanwhile.
"""

import os
from collections.abc import Mapping
from dataclasses import replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.card_redemption.domain.codes import Envelope
from services.kernel.errors import Defect
from services.kernel.secret import Secret

KEY_BYTES = 32
NONCE_BYTES = 12

Keys = Mapping[int, bytes]
"""Our keys by version; the highest is the newest."""


def seal(secret: Secret, owner_id: str, keys: Keys) -> Envelope:
    """The text of this owner, sealed under a new key of its own."""
    own_key, version = os.urandom(KEY_BYTES), max(keys)
    sealed = _encrypted(own_key, secret.reveal().encode(), _bound(owner_id))
    return Envelope(version, _encrypted(keys[version], own_key, _bound(owner_id, version)), sealed)


def unseal(envelope: Envelope, owner_id: str, keys: Keys) -> Secret:
    """The text; a defect if the envelope is another owner's, was changed, or if its key is gone."""
    own_key = _own_key(envelope, owner_id, keys)
    return Secret(_decrypted(own_key, envelope.sealed, _bound(owner_id), owner_id).decode())


def rewrapped(envelope: Envelope, owner_id: str, keys: Keys) -> Envelope:
    """The envelope with its key under the newest of ours; the text is not opened."""
    own_key, version = _own_key(envelope, owner_id, keys), max(keys)
    wrapped = _encrypted(keys[version], own_key, _bound(owner_id, version))
    return replace(envelope, key_version=version, wrapped_key=wrapped)


def _own_key(envelope: Envelope, owner_id: str, keys: Keys) -> bytes:
    key = keys.get(envelope.key_version)
    if key is None:
        raise Defect(f"the code of {owner_id} is under key version {envelope.key_version}, which is not given")
    return _decrypted(key, envelope.wrapped_key, _bound(owner_id, envelope.key_version), owner_id)


def _bound(owner_id: str, version: int | None = None) -> bytes:
    return owner_id.encode() if version is None else f"{owner_id}\0{version}".encode()


def _encrypted(key: bytes, text: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, bound)


def _decrypted(key: bytes, encrypted: bytes, bound: bytes, owner_id: str) -> bytes:
    try:
        return AESGCM(key).decrypt(encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        raise Defect(f"the envelope of {owner_id} does not open: it is another's, or was changed") from None
