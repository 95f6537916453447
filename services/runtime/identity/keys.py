"""The public keys of whoever issues tokens, by their ids: a JWKS from a file or a URL, looked at again and again.

A key verifies only with the algorithms of its own kind, so no token chooses how it is checked. A set may say of a key
which roles it can speak for (`settle_roles`): a service's own key must not make a supervisor.
"""

import asyncio
import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey, RSAKey

from services.runtime.ground.settings import SettingsError

BYTES_MAX = 262_144
KEYS_MAX = 100
KID_CHARACTERS_MAX = 128
RSA_CHARACTERS_MIN, RSA_CHARACTERS_MAX = 342, 1_366
"""How long the modulus of an RSA key is in base64: 2,048 to 8,192 bits."""
FETCH_SECONDS_MAX = 5.0
FILE_LOOK_SECONDS, URL_LOOK_SECONDS = 1.0, 60.0
"""How often the keys are looked at."""
UNKNOWN_LOOK_SECONDS = 1.0
"""A key that nobody knows is looked for at once, but not more often than this."""
ROLES = "settle_roles"
DEVELOPMENT = "settle_development"
"""What a set says of itself that `settle up` made; production does not take it."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One public key; it speaks for `roles`, or for all where that is None."""

    kid: str
    public: OKPKey | RSAKey
    algorithms: frozenset[str]
    roles: frozenset[str] | None


class Keys:
    """The keys at `source`, a path or a URL (https, or http on this machine)."""

    def __init__(self, source: str, production: bool = False) -> None:
        self._read = _reader(source)
        self._look_seconds = URL_LOOK_SECONDS if "://" in source else FILE_LOOK_SECONDS
        self._production = production
        self._content = b""
        self._keys: Mapping[str, Key] = {}
        self._looked_at = 0.0
        self._looking = asyncio.Lock()
        self.changed: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Read them for the first time; raises `SettingsError`."""
        try:
            await self._look()
        except (OSError, ValueError) as error:
            raise SettingsError(f"SETTLE_IDENTITY_JWKS cannot be used: {error}") from error

    async def find(self, kid: str) -> Key | None:
        """The key of an id; one that is not known may be new."""
        found = self._keys.get(kid)
        if found is None and time.monotonic() - self._looked_at >= UNKNOWN_LOOK_SECONDS:
            await self.look_again()
            found = self._keys.get(kid)
        return found

    async def run(self) -> None:
        """Look again and again. What cannot be read leaves the keys as they were."""
        while True:
            await asyncio.sleep(self._look_seconds)
            await self.look_again()

    async def look_again(self) -> None:
        """Read them now, unless somebody just did; what cannot be read leaves the keys as they were."""
        asked_at = time.monotonic()
        async with self._looking:
            if self._looked_at > asked_at:
                return  # somebody else looked meanwhile
            try:
                await self._look()
            except (OSError, ValueError) as error:
                log.warning("keys_not_read", error=repr(error))

    async def _look(self) -> None:
        try:
            content = await asyncio.to_thread(self._read)
        finally:
            self._looked_at = time.monotonic()
        if content == self._content:
            return
        self._keys, self._content = keys_in(content, self._production), content
        self.changed()
        log.info("keys_read", keys=sorted(self._keys))


def keys_in(content: bytes, production: bool = False) -> dict[str, Key]:
    """The keys of a set that can verify; ValueError if it is no set, or has none. Others are left out and logged."""
    try:
        said = json.loads(content)
        entries = [entry for entry in said["keys"] if isinstance(entry, dict)]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("it is no JSON Web Key Set") from error
    if production and said.get(DEVELOPMENT):
        raise ValueError("its keys were made for development")
    found: dict[str, Key] = {}
    for entry in entries[:KEYS_MAX]:
        key, flaw = _key(entry)
        if key is not None and key.kid not in found:
            found[key.kid] = key
        else:
            log.warning("key_left_out", why=flaw or "its kid is there twice")
    if not found:
        raise ValueError("it holds no key that can verify a token")
    return found


def _key(entry: Mapping[str, Any]) -> tuple[Key | None, str]:
    """The key, or why it is none."""
    kid, roles = entry.get("kid"), entry.get(ROLES)
    if not isinstance(kid, str) or not 0 < len(kid) <= KID_CHARACTERS_MAX:
        return None, "it has no kid"
    if entry.get("use", "sig") != "sig" or "d" in entry:
        return None, "it is not for verifying signatures"
    if roles is not None and not (isinstance(roles, list) and all(isinstance(role, str) for role in roles)):
        return None, f"{ROLES} is no list"
    public, algorithms = _public(entry)
    if public is None or entry.get("alg", next(iter(algorithms))) not in algorithms:
        return None, "it is neither Ed25519 nor RSA of a safe size, or for another algorithm"
    return Key(kid, public, algorithms, None if roles is None else frozenset(roles)), ""


def _public(entry: Mapping[str, Any]) -> tuple[OKPKey | RSAKey | None, frozenset[str]]:
    try:
        if entry.get("kty") == "OKP" and entry.get("crv") == "Ed25519":
            return OKPKey.import_key(_only(entry, "kty", "crv", "x")), frozenset({"EdDSA", "Ed25519"})
        if entry.get("kty") == "RSA" and RSA_CHARACTERS_MIN <= len(entry["n"]) <= RSA_CHARACTERS_MAX:
            return RSAKey.import_key(_only(entry, "kty", "n", "e")), frozenset({"RS256"})
    except (JoseError, KeyError, ValueError, TypeError):
        return None, frozenset({""})
    return None, frozenset({""})


def _only(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: entry[name] for name in names if name in entry}


def _reader(source: str) -> Callable[[], bytes]:
    if "://" not in source:
        return lambda: _bounded(Path(source).open("rb"))
    place = urlsplit(source)
    if place.scheme != "https" and not (place.scheme == "http" and place.hostname in _LOOPBACK):
        raise SettingsError("SETTLE_IDENTITY_JWKS must be a file, or a URL with https (http only on this machine)")
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _NoRedirects(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
    )
    return lambda: _bounded(opener.open(source, timeout=FETCH_SECONDS_MAX))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keys come from where the setting says, or not at all."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the answer is an error."""


def _bounded(source: Any) -> bytes:  # Any: a file, or the answer of a server
    with source:
        content: bytes = source.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise ValueError(f"it has more than {BYTES_MAX} bytes")
    return content
