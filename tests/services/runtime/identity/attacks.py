"""Tokens that are no good, one for each way in which a token was ever made to look good; `attacks` has them by name."""

import json
import time
from typing import Any

from joserfc.jwk import OKPKey

from tests.services.runtime.identity.issuer import Issuer, part, rsa

LONG = "x" * 4_000


def attacks(issuer: Issuer) -> dict[str, str]:
    """All of them, as the header's value after `Bearer `."""
    return {
        **_of_the_algorithm(issuer), **_of_the_key(issuer), **_of_the_header(issuer), **_of_the_time(issuer),
        **_of_the_claims(issuer), **_of_the_form(issuer),
    }


def _of_the_algorithm(issuer: Issuer) -> dict[str, str]:
    claims = issuer.claims()
    none = {
        f"alg {name}": f"{part({'alg': name, 'kid': 'ed'})}.{part(claims)}.{signature}"
        for name in ("none", "None", "NONE", "nOnE") for signature in ("", part(b"x"))
    }
    secrets = {
        "public PEM": rsa().as_pem(private=False), "public DER": rsa().as_der(private=False),
        "published x": issuer.public(issuer.ed, "ed")["x"].encode(),
        "published set": issuer.file.read_bytes(), "nothing": b"",
    }
    confused = {
        f"{algorithm} with the {name} under {kid}": issuer.by_mac(secret, {"alg": algorithm, "kid": kid}, digest)
        for name, secret in secrets.items() for kid in ("ed", "rsa")
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512"))
    }
    others = {f"alg {name}": issuer.token({"alg": name}) for name in ("ES256", "RS256", "PS256", "Ed448", "", "eddsa")}
    return {
        **none, **confused, **others,
        "no alg": issuer.token({"alg": None}), "alg as a list": issuer.token({"alg": ["EdDSA"]}),
        "alg as a number": issuer.token({"alg": 1}),
        "RSA token that says EdDSA": issuer.by_rsa({"alg": "EdDSA"}),
        "RSA token under the other key": issuer.by_rsa({"kid": "ed"}),
        "PS256 on an RSA key": issuer.by_rsa({"alg": "PS256"}), "RS512 on an RSA key": issuer.by_rsa({"alg": "RS512"}),
    }


def _of_the_key(issuer: Issuer) -> dict[str, str]:
    names: dict[str, Any] = {
        "unknown": "other", "missing": None, "empty": "", "a path": "../../../../dev/null", "a URL": "http://127.0.0.1/k",
        "SQL": "ed' or '1'='1", "a command": "ed; id", "NUL": "ed\0", "with a space": "ed ", "in capitals": "ED",
        "a list": ["ed"], "an object": {"kid": "ed"}, "a number": 0, "null-like": "null", "long": "ed" * 200,
    }
    stranger = Issuer(issuer.file.with_name("stranger.json"))
    return {
        **{f"kid is {name}": issuer.token({"kid": kid}) for name, kid in names.items()},
        "kid twice": issuer.signed(b'{"alg": "EdDSA", "kid": "other", "kid": "ed"}', issuer.claims()),
        "signed by a stranger": stranger.token(),
        "payload changed": _with_payload(issuer.token(), issuer.claims(sub="bob")),
        "signature cut": issuer.token()[:-4], "signature empty": issuer.token().rpartition(".")[0] + ".",
        "signature of another token": f"{issuer.token().rpartition('.')[0]}.{issuer.token(sub='b').rpartition('.')[2]}",
    }


def _with_payload(token: str, claims: object) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(claims)}.{signature}"


def _of_the_header(issuer: Issuer) -> dict[str, str]:
    stranger = OKPKey.generate_key("Ed25519")
    own = Issuer(issuer.file.with_name("own.json"), stranger)
    brought: dict[str, dict[str, Any]] = {
        "jwk": {"jwk": stranger.as_dict(private=False)}, "jku": {"jku": own.file.as_uri()},
        "jku over HTTP": {"jku": "http://127.0.0.1:1/keys"}, "x5u": {"x5u": "https://127.0.0.1:1/chain"},
        "x5c": {"x5c": [part(b"certificate")]}, "x5t": {"x5t": part(b"thumbprint")},
    }
    return {
        **{f"brings its key by {name}": own.token(header) for name, header in brought.items()},
        "crit": issuer.token({"crit": ["exp"], "exp": 1}), "crit empty": issuer.token({"crit": []}),
        "b64 off": issuer.token({"b64": False, "crit": ["b64"]}), "b64 off alone": issuer.token({"b64": False}),
        "typ of another kind": issuer.token({"typ": "secevent"}),
        "typ as a list": issuer.token({"typ": ["JWT"]}), "encrypted": issuer.token({"alg": "dir", "enc": "A256GCM"}),
        "header as a list": issuer.signed(["EdDSA"], issuer.claims()), "header no JSON": issuer.signed(b"{", {}),
        "header not UTF-8": issuer.signed(b'{"alg": "EdDSA", "kid": "ed\xff"}', issuer.claims()),
        "header deep": issuer.signed(b"[" * 1_000, issuer.claims()),
    }


def _of_the_time(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    return {
        "expired": issuer.token(iat=now - 400, exp=now - 31), "expires before it begins": issuer.token(exp=now - 1),
        "no exp": issuer.token(exp=None), "no iat": issuer.token(iat=None),
        "not yet": issuer.token(nbf=now + 60), "issued in the future": issuer.token(iat=now + 60, exp=now + 120),
        "too long": issuer.token(exp=now + 901), "for ever": issuer.token(exp=10**18),
        "iat long ago": issuer.token(iat=now - 10_000), "exp as text": issuer.token(exp=str(now + 300)),
        "exp as true": issuer.token(exp=True), "exp as a list": issuer.token(exp=[now + 300]),
        "exp negative": issuer.token(exp=-1), "nbf as text": issuer.token(nbf="0"),
        "exp infinite": _raw(issuer, "exp", "Infinity"), "exp no number": _raw(issuer, "exp", "NaN"),
        "exp 1e400": _raw(issuer, "exp", "1e400"),
    }


def _raw(issuer: Issuer, name: str, text: str) -> str:
    """A token one of whose claims is this text of JSON."""
    claims = json.dumps(issuer.claims(**{name: "HERE"})).replace('"HERE"', text)
    return issuer.signed({"alg": "EdDSA", "kid": "ed"}, claims.encode())


def _of_the_claims(issuer: Issuer) -> dict[str, str]:
    wrong: dict[str, tuple[Any, ...]] = {
        "iss": ("https://other.test", "", None, ["https://issuer.test"], "https://issuer.test/"),
        "aud": ("other", "", None, [], ["other"], {"settlement": 1}, "settlement2"),
        "sub": ("", None, 7, ["ann"], {"id": "ann"}, "x" * 129, "ann\n", "ann\0"),
        "roles": (
            None, "reader", [], {"reader": True}, ["admin"], ["reader", "admin"], [["reader"]], [1], [None],
            ["reader "], ["READER"], ["reader"] * 17, True,
        ),
    }
    said = {
        f"{name} is {value!r:.40}": issuer.token(**{name: value}) for name, values in wrong.items() for value in values
    }
    twice = b'{"roles": ["reader"], ' + json.dumps(issuer.claims(roles=["writer"])).encode()[1:]
    return {
        **said, "roles twice": issuer.signed({"alg": "EdDSA", "kid": "ed"}, twice),
        "claims as a list": issuer.token(claims=[issuer.claims()]), "claims as text": issuer.token(claims="ann"),
        "claims not UTF-8": issuer.token(claims=json.dumps(issuer.claims()).encode().replace(b"ann", b"an\xff")),
        "claims deep": issuer.token(claims=b'{"sub": ' * 500), "claims empty": issuer.token(claims=b""),
    }


def _of_the_form(issuer: Issuer) -> dict[str, str]:
    good = issuer.token()
    return {
        "empty": "", "a word": "token", "one dot": "a.b", "three dots": f"{good}.x", "dots alone": "..",
        "a space within": good.replace(".", ". "), "a comma and another": f"{good}, Bearer {good}",
        "base64 with padding": good + "==", "plus and slash": good.replace("-", "+").replace("_", "/") + "+",
        "too long": issuer.token(note=LONG), "far too long": "a." * 20_000 + "c",
        "percent": good.replace(".", "%2e"), "quotes": f'"{good}"',
    }
