"""Where keys come from: a file or a URL, bounded, looked at again, and never worse than what was there."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from services.runtime.ground.settings import SettingsError
from services.runtime.identity import keys as module
from services.runtime.identity.keys import DEVELOPMENT, Keys, keys_in
from tests.services.runtime.identity.issuer import Issuer, rsa


def _set(*entries: Any, **members: Any) -> bytes:  # Any: the values of JSON
    return json.dumps({"keys": list(entries), **members}).encode()


def _good(kid: str = "ed") -> dict[str, Any]:
    return Issuer.public(OKPKey.generate_key("Ed25519"), kid)


@pytest.mark.parametrize("content", [
    b"", b"{", b"[]", b"7", b'{"keys": 7}', b'{"keys": []}', b'{"keys": [7, null]}', b"\xff",
])
def test_what_is_no_set_is_refused(content: bytes) -> None:
    """And so is one without a key that verifies."""
    with pytest.raises(ValueError):
        keys_in(content)


UNSAFE: dict[str, Callable[[], dict[str, Any]]] = {
    "no kid": lambda: {**_good(), "kid": ""}, "kid is a number": lambda: {**_good(), "kid": 7},
    "a long kid": lambda: {**_good(), "kid": "x" * 129}, "for encryption": lambda: {**_good(), "use": "enc"},
    "for another algorithm": lambda: {**_good(), "alg": "RS256"}, "short": lambda: {**_good(), "x": "short"},
    "roles as text": lambda: {**_good(), "settle_roles": "reader"},
    "private": lambda: {**OKPKey.generate_key("Ed25519").as_dict(private=True), "kid": "private"},
    "another curve": lambda: {**OKPKey.generate_key("Ed448").as_dict(private=False), "kid": "curve"},
    "elliptic": lambda: {**ECKey.generate_key("P-256").as_dict(private=False), "kid": "elliptic"},
    "a secret": lambda: {**OctKey.generate_key(256).as_dict(private=True), "kid": "secret"},
    "weak RSA": lambda: {**rsa().as_dict(private=False), "n": rsa().as_dict(private=False)["n"][:171], "kid": "weak"},
    "RSA without a modulus": lambda: {"kty": "RSA", "e": "AQAB", "kid": "without"},
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_key_that_cannot_verify_safely_is_left_out(name: str) -> None:
    """The others still count."""
    assert sorted(keys_in(_set(UNSAFE[name](), _good("good")))) == ["good"]


def test_of_two_keys_with_one_id_the_first_counts() -> None:
    """A second one cannot push it aside."""
    first = _good()

    found = keys_in(_set(first, _good()))["ed"]

    assert found.public.as_dict(private=False)["x"] == first["x"]
    assert found.algorithms == {"EdDSA", "Ed25519"}


async def test_production_takes_no_keys_for_development(tmp_path: Path) -> None:
    """A folder of `settle up` is mounted by mistake: the process does not start."""
    file = tmp_path / "keys.json"
    file.write_bytes(_set(_good(), **{DEVELOPMENT: True}))

    await Keys(str(file)).open()
    with pytest.raises(SettingsError, match="development"):
        await Keys(str(file), production=True).open()


@pytest.mark.parametrize("source", ["http://issuer.test/keys", "ftp://127.0.0.1/keys", "file:///etc/passwd"])
def test_a_url_is_https_or_on_this_machine(source: str) -> None:
    """Whoever is on the way could bring keys of their own."""
    with pytest.raises(SettingsError, match="https"):
        Keys(source)


@pytest.mark.parametrize("source", ["/nowhere/keys.json", "http://127.0.0.1:9/keys", "https://127.0.0.1:9/keys"])
async def test_without_keys_nothing_starts(source: str) -> None:
    """The setting is named."""
    with pytest.raises(SettingsError, match="SETTLE_IDENTITY_JWKS"):
        await Keys(source).open()


async def test_what_cannot_be_read_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    """Half a file, none, one that is too long."""
    issuer = Issuer(tmp_path / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()

    for content in (b"{", b"", b" " * (module.BYTES_MAX + 1)):
        issuer.file.write_bytes(content)
        await keys.look_again()
        assert await keys.find("ed")
    issuer.file.unlink()
    await keys.look_again()

    assert await keys.find("ed")


async def test_a_key_that_nobody_knows_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, for it may be new; but whoever makes up ids does not make us look again and again."""
    issuer = Issuer(tmp_path / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()
    issuer.publish(_good("new"))
    monkeypatch.setattr(module, "UNKNOWN_LOOK_SECONDS", 3_600.0)

    assert await keys.find("new") is None
    monkeypatch.setattr(module, "UNKNOWN_LOOK_SECONDS", 0.0)

    assert await keys.find("new")


async def test_keys_come_over_http_from_this_machine_and_from_nowhere_else() -> None:
    """A redirect is not followed, an answer without end not read."""
    content = _set(_good())

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        heads = {b"/keys": b"200 OK", b"/moved": b"302 Found\r\nLocation: /keys", b"/endless": b"200 OK"}
        body = b" " * (module.BYTES_MAX + 10) if path == b"/endless" else content
        writer.write(b"HTTP/1.1 " + heads[path] + b"\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        keys = Keys(f"{url}/keys")
        await keys.open()
        assert await keys.find("ed")
        for path in ("moved", "endless"):
            with pytest.raises(SettingsError):
                await Keys(f"{url}/{path}").open()
