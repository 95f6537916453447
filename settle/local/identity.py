"""The keys by which callers of a local engine are known: made once for each data folder, and never used elsewhere.

`identity/callers.jwk` (its owner alone reads it) makes the tokens of people and tools, `identity/order.jwk` those of
the order service, `identity/jwks.json` has the public halves, by which the services verify.
"""

import json
import os
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from joserfc.jwk import OKPKey

FOLDER = "identity"
ISSUER, AUDIENCE = "settle-local", "settlement"
SECONDS_MAX = 43_200
"""A token may be valid for half a day here: `settle token --for 12h`."""
CALLING_SERVICE, ITS_ROLE = "order", "platform"
"""The one service that calls another, and all that its key speaks for."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`environ` is for every process, `of_service` for the one of that name; `said` goes to the endpoints file."""

    environ: Mapping[str, str]
    of_service: Mapping[str, Mapping[str, str]]
    said: Mapping[str, Any]  # Any: values of a JSON file


def identity_of(data: Path) -> Identity:
    """The identity of a data folder, made if it has none."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    callers, service = _key(folder / "callers.jwk"), _key(folder / f"{CALLING_SERVICE}.jwk")
    public = [
        _public(callers, "callers"), _public(service, CALLING_SERVICE) | {"settle_roles": [ITS_ROLE]},
    ]
    _write(folder / "jwks.json", {"settle_development": True, "keys": public})
    environ = {
        "SETTLE_IDENTITY_JWKS": str(folder / "jwks.json"), "SETTLE_IDENTITY_ISSUER": ISSUER,
        "SETTLE_IDENTITY_AUDIENCE": AUDIENCE, "SETTLE_TOKEN_SECONDS_MAX": str(SECONDS_MAX),
    }
    said = {
        "key": str(folder / "callers.jwk"), "issuer": ISSUER, "audience": AUDIENCE, "seconds_max": SECONDS_MAX,
    }
    return Identity(environ, {CALLING_SERVICE: {"SETTLE_IDENTITY_KEY": _seed(service)}}, said)


def _key(file: Path) -> dict[str, Any]:
    """The private key in a file, made if there is none that can be read."""
    try:
        said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        OKPKey.import_key(said)
    except FileNotFoundError:
        said = dict(OKPKey.generate_key("Ed25519").as_dict(private=True))
        _write(file, said)
    return said


def _public(private: Mapping[str, Any], name: str) -> dict[str, Any]:
    key = OKPKey.import_key({"kty": private["kty"], "crv": private["crv"], "x": private["x"]})
    return dict(key.as_dict(private=False)) | {"kid": key.thumbprint(), "use": "sig", "name": name}


def _seed(private: Mapping[str, Any]) -> str:
    text = private["d"]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4)).hex()


def _write(file: Path, said: Mapping[str, Any]) -> None:
    """Replace a file as a whole; its owner alone reads it."""
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=f"{file.name}.", delete=False) as part:
        os.fchmod(part.fileno(), 0o600)
        part.write(json.dumps(said, indent=2))
    Path(part.name).replace(file)
