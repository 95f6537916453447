"""The tokens by which a service calls another: made by itself, under a key of its own that speaks for one role."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.runtime.ground.settings import Settings
from services.runtime.identity.bearer import HEADER
from services.runtime.identity.keys import ROLES

SECONDS = 120
RENEWED_SECONDS = 60
"""A token is made anew while it is still good for so long."""


class Signer:
    """Makes and keeps one process's own token, in one role. The key is SETTLE_IDENTITY_KEY, an Ed25519 seed."""

    def __init__(self, settings: Settings, role: str, now: Callable[[], float] = time.time) -> None:
        seed = settings.key("identity")
        self._key = key_of(seed)
        self._claims = {
            "iss": settings.identity_issuer, "aud": settings.identity_audience, "sub": settings.service,
            "roles": [role],
        }
        self._now = now
        self._until = 0.0
        self._token = ""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What says who calls."""
        now = self._now()
        if now + RENEWED_SECONDS > self._until:
            self._until = now + SECONDS
            claims = self._claims | {"iat": int(now), "exp": int(self._until)}
            header = {"alg": "Ed25519", "kid": self._key.kid}
            self._token = jwt.encode(header, claims, self._key, algorithms=["Ed25519"])
        return ((HEADER, f"Bearer {self._token}"),)


def key_of(seed: bytes) -> OKPKey:
    """The private key of a seed, whose kid is its thumbprint (RFC 7638)."""
    pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = OKPKey.import_key(pem)
    key.ensure_kid()
    return key


def published(seed: bytes, role: str) -> dict[str, Any]:  # Any: the values of JSON
    """The public half as it stands in a set of keys, held to this one role."""
    return {**key_of(seed).as_dict(private=False), "use": "sig", ROLES: [role]}


if __name__ == "__main__":
    service, its_role = sys.argv[1:3]
    sys.stdout.write(json.dumps(published(Settings.from_environ(os.environ, service).key("identity"), its_role)) + "\n")
