"""Tokens for the engine of a data folder, by the key that `settle up` made there.

A client need not think of them: `Tokens.metadata` looks up who may call the method, and whom the request names, and
makes the token of such a one. Only a local engine trusts that key.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from google.protobuf.message import Message
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.access import ACCESS, CHECKER, STAFF, SUPERVISOR
from services.kernel.access import Row
from services.runtime.ground.tls import Certificates

HEADER, SECOND_HEADER = "authorization", "second-authorization"
NOBODY_IN_PARTICULAR = "settle"
"""Who calls where the request names nobody."""
RENEWED_SECONDS = 60.0
SECONDS = 3_600
KEPT_MAX = 4_096

Metadata = tuple[tuple[str, str], ...]


class Tokens:
    """Makes tokens and keeps them while they are good; `certificates` are shown to an engine that speaks TLS."""

    def __init__(
        self, key: OKPKey, issuer: str, audience: str, seconds_max: int, certificates: Certificates | None = None
    ) -> None:
        self._key = key
        self._kid = key.thumbprint()
        self._issuer, self._audience = issuer, audience
        self.seconds_max = seconds_max
        self.certificates = certificates
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}

    @classmethod
    def of(cls, endpoints: Mapping[str, Any]) -> Self | None:  # Any: the values of a JSON file
        """Those of an engine, by what its endpoints file says; None where it says nothing of them."""
        said = endpoints.get("identity")
        if not said:
            return None
        key = OKPKey.import_key(json.loads(Path(said["key"]).read_text(encoding="utf-8")))
        return cls(
            key, said["issuer"], said["audience"], int(said["seconds_max"]), certificates_of(endpoints)
        )

    def token(self, *roles: str, subject: str = NOBODY_IN_PARTICULAR, seconds: int = SECONDS) -> str:
        """A new token of somebody who has these roles."""
        now = int(time.time())
        claims = {
            "iss": self._issuer, "aud": self._audience, "sub": subject, "roles": roles, "iat": now,
            "exp": now + min(seconds, self.seconds_max),
        }
        made: str = jwt.encode({"alg": "Ed25519", "kid": self._kid}, claims, self._key, algorithms=["Ed25519"])
        return made

    def metadata(self, method: str, request: object = None) -> Metadata:
        """What says who calls this method with this request; nothing for a method that is open, or unknown."""
        row = ACCESS.rows.get(method)
        if row is None or not row.roles:
            return ()
        role, subject = _caller(row, request)
        headers = [(HEADER, f"Bearer {self._fresh(role, subject)}")]
        if row.second is not None:
            name, wanted = row.second
            headers.append((SECOND_HEADER, f"Bearer {self._fresh(wanted, _named(request, name))}"))
        return tuple(headers)

    def _fresh(self, role: str, subject: str) -> str:
        until, token = self._kept.get((role, subject), (0.0, ""))
        now = time.monotonic()
        if until < now + RENEWED_SECONDS:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            until, token = now + min(SECONDS, self.seconds_max), self.token(role, subject=subject)
            self._kept[role, subject] = until, token
        return token


def certificates_of(endpoints: Mapping[str, Any]) -> Certificates | None:  # Any: the values of a JSON file
    """What a client shows to the engine of this endpoints file; None where it speaks no TLS."""
    said = endpoints.get("tls")
    return Certificates(*(Path(said[name]) for name in ("ca", "certificate", "key"))) if said else None


def _caller(row: Row, request: object) -> tuple[str, str]:
    """A role of the row and the person of the request that go together: whoever is named by it, else the widest."""
    for name, roles in (
        ("checker", frozenset({CHECKER})), ("supervisor_id", frozenset({SUPERVISOR})), ("operator_id", STAFF),
        ("reporter", STAFF),
    ):
        found = [role for role in row.roles if role in roles]
        if found and name not in row.plain and (subject := _text(request, name)):
            return found[0], subject
    return row.roles[0], NOBODY_IN_PARTICULAR


def _named(request: object, name: str) -> str:
    return _text(request, name) or NOBODY_IN_PARTICULAR


def _text(request: object, name: str) -> str:
    if not isinstance(request, Message) or name not in request.DESCRIPTOR.fields_by_name:
        return ""
    return str(getattr(request, name))
