"""Tokens: what makes a JWT valid, and the valid ones remembered until they end, so that a call costs a look.

The signature is checked by a library; which key, which algorithms and which claims, is decided here. Nothing in the
token's header but `kid` and `alg` is looked at, and both only choose among what the operators configured.
"""

import json
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from services.kernel.access import Caller
from services.runtime.identity.bearer import refuse
from services.runtime.identity.keys import Key, Keys

REMEMBERED_MAX = 10_000
SUBJECT_CHARACTERS_MAX = 128
ROLES_MAX = 16
YEARS_3000 = 32_503_680_000
_TYPES = frozenset({"JWT", "AT+JWT", "APPLICATION/AT+JWT"})


@dataclass(frozen=True, slots=True)
class Demands:
    """What a token has to say: from whom, for whom, for how long at most, and how far clocks may differ."""

    issuer: str
    audience: str
    seconds_max: float
    leeway_seconds: float
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float


class Verifier:
    """Tells whose token it is."""

    def __init__(self, keys: Keys, demands: Demands, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._demands = demands
        self._now = now
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        keys.changed = self._known.clear  # a key that was taken away verifies nothing any more

    async def caller(self, token: str) -> Caller:
        """Who calls; UNAUTHENTICATED unless the token is valid now."""
        digest = sha256(token.encode("ascii")).digest()
        known = self._known.get(digest)
        if known is not None and known.until > self._now():
            self._known.move_to_end(digest)
            return known.caller
        self._known.pop(digest, None)
        known = await self._verified(token)
        self._known[digest] = known
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return known.caller

    async def _verified(self, token: str) -> _Known:
        kid, algorithm = _chosen(_members(token.partition(".")[0], "header"))
        key = await self._keys.find(kid)
        if key is None or algorithm not in key.algorithms:
            raise refuse("the token is signed by no key that is trusted here, or with another algorithm than its own")
        try:
            payload = jws.deserialize_compact(token, key.public, registry=_REGISTRY).payload
        except (JoseError, ValueError):
            raise refuse("the signature of the token is not that of its key") from None
        assert payload is not None
        claims = _object(payload, "claims")
        until = self._until(claims)
        return _Known(Caller(_subject(claims), self._roles(claims, key)), until)

    def _until(self, claims: Mapping[str, Any]) -> float:
        """The instant at which the token ends; refused unless it is valid now and was made for us."""
        demands, now = self._demands, self._now()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != demands.issuer or demands.audience not in audiences:
            raise refuse("the token is from another issuer, or for another audience")
        issued, ends = _instant(claims, "iat"), _instant(claims, "exp")
        begins = _instant(claims, "nbf") if "nbf" in claims else issued
        if ends + demands.leeway_seconds <= now:
            raise refuse("the token has expired")
        if max(issued, begins) - demands.leeway_seconds > now:
            raise refuse("the token is not valid yet")
        if not 0 < ends - issued <= demands.seconds_max:
            raise refuse(f"the token is valid for longer than {demands.seconds_max:.0f} s")
        return ends + demands.leeway_seconds

    def _roles(self, claims: Mapping[str, Any], key: Key) -> frozenset[str]:
        roles = claims.get("roles")
        if not isinstance(roles, list) or not 0 < len(roles) <= ROLES_MAX:
            raise refuse("the token has no list of roles")
        if not all(isinstance(role, str) and role in self._demands.roles for role in roles):
            raise refuse("the token has a role that is not known here")
        if key.roles is not None and not key.roles.issuperset(roles):
            raise refuse("the token has a role for which its key does not speak")
        return frozenset(roles)


def _chosen(header: Mapping[str, Any]) -> tuple[str, str]:
    """The id of the key and the algorithm."""
    kid, algorithm, kind = header.get("kid"), header.get("alg"), header.get("typ", "JWT")
    if "crit" in header:
        raise refuse("the token demands an extension that is not known here")
    if not isinstance(kid, str) or not isinstance(algorithm, str):
        raise refuse("the token names no key, or no algorithm")
    if not isinstance(kind, str) or kind.upper() not in _TYPES:
        raise refuse("the token is of another type")
    return kid, algorithm


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or not subject.isprintable():
        raise refuse("the token names nobody as its subject")
    return subject


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < YEARS_3000:
        raise refuse(f"the token's {name} is missing, or no instant")
    return float(value)


def _members(part: str, what: str) -> dict[str, Any]:
    try:
        return _object(urlsafe_b64decode(part + "=" * (-len(part) % 4)), what)
    except ValueError:
        raise refuse(f"the token's {what} cannot be read") from None


def _object(text: bytes, what: str) -> dict[str, Any]:
    """A JSON object in which no name is given twice: readers differ in which of two they take."""
    try:
        said = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise refuse(f"the token's {what} cannot be read") from None
    if not isinstance(said, dict):
        raise refuse(f"the token's {what} are no object")
    return said


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is given twice")
    return members


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


class _Registry(JWSRegistry):
    """The library's, with one more name: EdDSA is what most issuers still call Ed25519 (RFC 9864)."""

    def get_alg(self, name: str) -> Any:  # Any: the library's models are private
        """The algorithm of a name."""
        return super().get_alg("Ed25519" if name == "EdDSA" else name)


_REGISTRY = _Registry(algorithms=["Ed25519", "RS256"], strict_check_header=False)
