"""Who calls over HTTP: what a token may look like, and that the gateway lets nobody in by itself."""

from pathlib import Path

import httpx2
import pytest

from tests.gateway.conftest import before
from tests.services.runtime.identity.attacks import attacks
from tests.services.runtime.identity.guarded import House, house

PATH = "/v1/order/operations/sagas/saga_1"
OPEN = ("/openapi.json", "/asyncapi.json", "/docs", "/livez", "/readyz")


async def _told(http: httpx2.AsyncClient, *values: str | bytes) -> tuple[int, str]:
    headers = [(b"authorization", value.encode("latin-1") if isinstance(value, str) else value) for value in values]
    answer = await http.get(PATH, headers=headers)
    return answer.status_code, answer.text


async def test_no_attack_comes_through_the_gateway(tmp_path: Path) -> None:
    """As over gRPC; and nothing of what was sent comes back."""
    async with house(tmp_path) as there, before(there.port) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            tried = {name: value for name, value in attacks(there.issuer).items() if 0 < len(value) < 8_000}
            told = {name: await _told(http, f"Bearer {value}") for name, value in tried.items()}
            good = await _told(http, f"Bearer {there.issuer.token(roles=['writer'])}")

    assert {name: said for name, said in told.items() if said[0] != 401} == {}
    pieces = {name: [piece for piece in value.split(".") if len(piece) > 8] for name, value in tried.items()}
    assert [name for name, said in told.items() if any(piece in said[1] for piece in pieces[name])] == []
    assert good[0] == 200
    assert len(there.servicer.seen) == 1


@pytest.mark.parametrize("values", [
    (), ("",), ("Bearer",), ("Basic YTpi",), ("Bearer a.b.c", "Bearer a.b.c"), ("Bearer " + "a" * 5_000,),
    (b"Bearer \xff.\xfe.\xfd",), ("Bearer a.b",),
], ids=repr)
async def test_what_is_no_token_is_refused(tmp_path: Path, values: tuple[str | bytes, ...]) -> None:
    """By its reason, and with the word of HTTP for it."""
    async with house(tmp_path) as there, before(there.port) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            status, text = await _told(http, *values)

    assert (status, '"UNAUTHENTICATED"' in text) == (401, True)
    assert there.servicer.seen == []


async def test_two_people_come_through(tmp_path: Path) -> None:
    """The second token goes on as well."""
    async with house(tmp_path) as there, before(there.port) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            alone = await http.post(f"{PATH}:abort", json=_abort(), headers=_of(there, "ann", "writer"))
            both = _of(there, "ann", "writer") + _of(there, "bob", "reader", "second-authorization")
            done = await http.post(f"{PATH}:abort", json=_abort(), headers=both)

    assert (alone.status_code, done.status_code) == (401, 200)
    assert [request.reason for request in there.servicer.seen] == ["bob"]


def _abort() -> dict[str, str]:
    return {"request_id": "00000000-0000-4000-8000-000000000001", "operator_id": "ann"}


def _of(there: House, subject: str, role: str, header: str = "authorization") -> list[tuple[str, str]]:
    return [there.by(subject, role, header=header)]


async def test_the_gateway_s_own_pages_are_open(tmp_path: Path) -> None:
    """They show the contract, and that the gateway lives."""
    async with house(tmp_path) as there, before(there.port) as url:
        async with httpx2.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            assert {path: (await http.get(path)).status_code for path in OPEN} == dict.fromkeys(OPEN, 200)
            schemes = (await http.get("/openapi.json")).json()["components"]["securitySchemes"]

    assert schemes["bearer"]["scheme"] == "bearer"
