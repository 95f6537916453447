"""Somebody who issues tokens: whatever a test wants them to say, signed as it wants, and the set of the public keys."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from joserfc.jwk import OKPKey, RSAKey

from services.runtime.identity.keys import ROLES
from services.runtime.identity.tokens import Demands

ISSUER, AUDIENCE = "https://issuer.test", "settlement"
DEMANDS = Demands(
    ISSUER, AUDIENCE, seconds_max=900.0, leeway_seconds=30.0, roles=frozenset({"reader", "writer", "clerk"})
)
Members = dict[str, Any]  # Any: the values of JSON


@cache
def rsa() -> RSAKey:
    """One RSA key for all tests: making them is slow."""
    return RSAKey.generate_key(2048)


def part(said: object) -> str:
    """One part of a token: JSON, or the very bytes."""
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return urlsafe_b64encode(content).decode().rstrip("=")


@dataclass
class Issuer:
    """Has one Ed25519 key and one RSA key; `file` holds what is published of them."""

    file: Path
    ed: OKPKey = field(default_factory=lambda: OKPKey.generate_key("Ed25519"))
    kid: str = "ed"

    def __post_init__(self) -> None:
        self.publish()

    def publish(self, *entries: Members, **members: Any) -> None:  # Any: the values of JSON
        """Write the set of keys: these, or both of ours."""
        keys = list(entries) or [self.public(self.ed, self.kid), self.public(rsa(), "rsa")]
        self.file.write_text(json.dumps({"keys": keys, **members}))

    @staticmethod
    def public(key: OKPKey | RSAKey, kid: str, roles: list[str] | None = None) -> Members:
        """How a key is published."""
        return {**key.as_dict(private=False), "kid": kid, **({} if roles is None else {ROLES: roles})}

    @staticmethod
    def claims(**changed: Any) -> Members:  # Any: the values of JSON
        """What a good token says, but for what is changed; None leaves a claim out."""
        now = int(time.time())
        said = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "roles": ["reader"], "iat": now, "exp": now + 300, **changed
        }
        return {name: value for name, value in said.items() if value is not None}

    def token(self, header: Members | None = None, claims: object = None, **changed: Any) -> str:  # Any: as above
        """A token signed with the Ed25519 key, whatever its header says."""
        made = {"alg": "EdDSA", "kid": self.kid, "typ": "JWT", **(header or {})}
        made = {name: value for name, value in made.items() if value is not None}
        return self.signed(made, self.claims(**changed) if claims is None else claims)

    def signed(self, header: object, claims: object) -> str:
        """The parts as they are given, under a true signature of the Ed25519 key."""
        text = f"{part(header)}.{part(claims)}"
        return f"{text}.{part(self.ed.private_key.sign(text.encode()))}"  # type: ignore[union-attr]

    def by_rsa(self, header: Members | None = None, **changed: Any) -> str:  # Any: as above
        """The same with the RSA key."""
        text = f"{part({'alg': 'RS256', 'kid': 'rsa', **(header or {})})}.{part(self.claims(**changed))}"
        signature = rsa().private_key.sign(text.encode(), PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr]
        return f"{text}.{part(signature)}"

    def by_mac(self, secret: bytes, header: Members, digest: str = "sha256") -> str:
        """The same with a MAC under this secret."""
        text = f"{part(header)}.{part(self.claims())}"
        return f"{text}.{part(hmac.new(secret, text.encode(), getattr(hashlib, digest)).digest())}"
