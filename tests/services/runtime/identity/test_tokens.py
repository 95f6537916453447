"""Tokens: good ones are taken, and each way to make one look good is refused."""

import asyncio
import time
from pathlib import Path

import pytest

from services.kernel.access import Caller
from services.kernel.errors import Unauthenticated
from services.runtime.identity.bearer import token_in
from services.runtime.identity.keys import Keys
from services.runtime.identity.tokens import Verifier
from tests.services.runtime.identity.attacks import attacks
from tests.services.runtime.identity.issuer import DEMANDS, Issuer


async def verifier(issuer: Issuer) -> Verifier:
    """One that trusts the issuer's keys."""
    keys = Keys(str(issuer.file))
    await keys.open()
    return Verifier(keys, DEMANDS)


async def refusal(verifier: Verifier, value: str) -> str:
    """What the bringer of a header's value hears."""
    with pytest.raises(Unauthenticated) as caught:
        await verifier.caller(token_in([value]))
    assert caught.value.reason == "UNAUTHENTICATED"
    return caught.value.detail


async def test_a_good_token_says_who_calls(tmp_path: Path) -> None:
    """Under both algorithms, both names of the one, and with what a library may add."""
    issuer = Issuer(tmp_path / "keys.json")
    known = await verifier(issuer)
    now = time.time()

    good = [
        issuer.token(), issuer.token({"alg": "Ed25519"}), issuer.by_rsa(), issuer.token({"typ": None}),
        issuer.token({"typ": "at+jwt"}), issuer.token({"cty": "x", "vendor": 1}), issuer.token(aud=["x", "settlement"]),
        issuer.token(nbf=int(now)), issuer.token(iat=now, exp=now + 299.5), issuer.token(jti="x", scope="y"),
    ]

    assert {await known.caller(token) for token in good} == {Caller("ann", frozenset({"reader"}))}
    both = await known.caller(issuer.token(roles=["reader", "writer"]))
    assert both.roles == {"reader", "writer"}


async def test_every_attack_is_refused_and_tells_nothing(tmp_path: Path) -> None:
    """With one reason, and with no part of the token in the answer."""
    issuer = Issuer(tmp_path / "keys.json")
    known = await verifier(issuer)
    tried = attacks(issuer)

    told = {name: await refusal(known, f"Bearer {value}") for name, value in tried.items()}

    assert len(tried) > 110
    pieces = {name: [piece for piece in value.split(".") if len(piece) > 8] for name, value in tried.items()}
    assert {name for name, text in told.items() if any(piece in text for piece in pieces[name])} == set()
    assert await known.caller(issuer.token())


@pytest.mark.parametrize("value", ["Basic YTpi", "bearer", "Bearer", "Token x.y.z", b"\xff\xfe", "Béarer a.b.c"])
async def test_what_is_no_bearer_is_refused(tmp_path: Path, value: str | bytes) -> None:
    """Neither guessed at nor passed on."""
    with pytest.raises(Unauthenticated):
        token_in([value])


def test_one_token_and_no_more() -> None:
    """Two readers of two headers might take different ones; none at all hears how to get one."""
    with pytest.raises(Unauthenticated, match="more than once"):
        token_in(["Bearer a.b.c", "Bearer a.b.c"])
    with pytest.raises(Unauthenticated, match="settle token"):
        token_in([])
    assert token_in(["bearer   a.b.c "]) == "a.b.c"


async def test_a_known_token_is_known_until_it_ends(tmp_path: Path) -> None:
    """It is verified once; at its end, with the leeway, it is not known any more."""
    issuer = Issuer(tmp_path / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()
    now = [time.time()]
    known = Verifier(keys, DEMANDS, lambda: now[0])
    token = issuer.token()
    first = await known.caller(token)

    now[0] += 329
    assert await known.caller(token) is first
    now[0] += 2
    assert "expired" in await refusal(known, f"Bearer {token}")


async def test_a_key_speaks_for_its_roles_alone(tmp_path: Path) -> None:
    """A service's own key makes no writer."""
    issuer = Issuer(tmp_path / "keys.json")
    issuer.publish(issuer.public(issuer.ed, "ed", roles=["reader"]))
    known = await verifier(issuer)

    assert (await known.caller(issuer.token())).roles == {"reader"}
    assert "does not speak" in await refusal(known, f"Bearer {issuer.token(roles=['writer'])}")
    assert "does not speak" in await refusal(known, f"Bearer {issuer.token(roles=['reader', 'writer'])}")


async def test_no_more_tokens_are_remembered_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was used longest ago goes, and is verified again."""
    monkeypatch.setattr("services.runtime.identity.tokens.REMEMBERED_MAX", 2)
    issuer = Issuer(tmp_path / "keys.json")
    known = await verifier(issuer)
    first, second, third = (issuer.token(sub=name) for name in ("a", "b", "c"))
    told = {name: await known.caller(token) for name, token in (("a", first), ("b", second))}

    assert await known.caller(first) is told["a"]
    await known.caller(third)

    assert await known.caller(first) is told["a"]
    assert await known.caller(second) is not told["b"]


async def test_keys_change_without_a_refused_call(tmp_path: Path) -> None:
    """Twenty times while tokens are verified without pause: the new key is published before it signs, the old one goes
    when the next comes."""
    issuer = Issuer(tmp_path / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()
    known, over, served = Verifier(keys, DEMANDS), asyncio.Event(), 0

    async def call() -> None:
        nonlocal served
        while not over.is_set():
            served += bool(await known.caller(issuer.token(jti=str(served))))
            await asyncio.sleep(0)

    callers = [asyncio.create_task(call()) for _ in range(4)]
    before = issuer.public(issuer.ed, issuer.kid)
    for number in range(20):
        after = Issuer(tmp_path / f"{number}.json", kid=f"key-{number}")
        issuer.publish(before, new := issuer.public(after.ed, after.kid))
        await keys.look_again()
        issuer.ed, issuer.kid, before = after.ed, after.kid, new
    over.set()
    await asyncio.gather(*callers)

    assert served > 20


async def test_a_key_that_was_taken_away_verifies_nothing_any_more(tmp_path: Path) -> None:
    """Neither new tokens nor those that are remembered."""
    issuer = Issuer(tmp_path / "keys.json")
    keys = Keys(str(issuer.file))
    await keys.open()
    known, token = Verifier(keys, DEMANDS), issuer.token()
    await known.caller(token)

    issuer.publish(issuer.public(Issuer(tmp_path / "new.json").ed, "ed"))
    await keys.look_again()

    assert "signature" in await refusal(known, f"Bearer {token}")
