"""The keys of a data folder, and the tokens that kits and `settle token` make of them, at a real verifier."""

import json
import stat
from pathlib import Path

import pytest

from services.access import ACCESS, ROLES
from services.kernel.access import Caller
from services.kernel.errors import Unauthenticated
from services.runtime.ground.settings import Settings, SettingsError
from services.runtime.identity.bearer import token_in
from services.runtime.identity.door import Door, open_door
from services.runtime.identity.signing import Signer
from settle.cli.app import app
from settle.client.tokens import Tokens
from settle.local.endpoints import write_endpoints
from settle.local.identity import identity_of
from settle.local.postgres import DATABASES
from settlement.card_redemption.v1 import card_service_pb2 as cards
from settlement.order.v1 import order_service_pb2 as orders
from tests.services.runtime.identity.guarded import OWNERS, Sagas

CANCEL, FORCE = (f"/settlement.order.v1.OrderService/{name}" for name in ("CancelOrder", "ForceCancelOrder"))
VOID = "/settlement.card_redemption.v1.CardService/VoidCard"


async def _door(data: Path, **environ: str) -> Door:
    settings = Settings.from_environ({**identity_of(data).environ, **environ}, "order")
    door = await open_door(settings, ACCESS, OWNERS, Sagas().look)
    assert door is not None
    return door


def _tokens(data: Path) -> Tokens:
    tokens = Tokens.of({"identity": identity_of(data).said})
    assert tokens is not None
    return tokens


def test_private_keys_are_their_owner_s_and_stay(tmp_path: Path) -> None:
    """Nobody else reads them, and a token of before a restart is good after it."""
    first = identity_of(tmp_path)
    kept = (tmp_path / "identity" / "callers.jwk").read_bytes()
    second = identity_of(tmp_path)

    assert (tmp_path / "identity" / "callers.jwk").read_bytes() == kept
    assert (first.environ, first.of_service) == (second.environ, second.of_service)
    files = list((tmp_path / "identity").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    published = json.loads(Path(first.environ["SETTLE_IDENTITY_JWKS"]).read_text())["keys"]
    assert [key for key in published if "d" in key] == []


async def test_every_role_is_known_and_production_knows_none_of_them(tmp_path: Path) -> None:
    """What a folder's keys make is good on this folder's engine alone."""
    door, tokens = await _door(tmp_path), _tokens(tmp_path)
    other = await _door(_made(tmp_path / "other"))

    for role in ROLES:
        token = tokens.token(role, subject="ann")
        assert await door.verifier.caller(token) == Caller("ann", frozenset({role}))
        with pytest.raises(Unauthenticated):
            await other.verifier.caller(token)
    with pytest.raises(SettingsError, match="development"):
        await _door(tmp_path, SETTLE_PROFILE="production", SETTLE_IDENTITY_ISSUER="https://issuer.test")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_the_order_service_is_a_platform_and_nothing_else(tmp_path: Path) -> None:
    """Its own key speaks for that role alone."""
    own = identity_of(tmp_path).of_service["order"]
    door, settings = await _door(tmp_path), Settings("order", environ=own)

    async def known(role: str) -> Caller:
        [(name, value)] = Signer(settings, role).metadata()
        return await door.verifier.caller(token_in([value], name))

    assert await known("platform") == Caller("order", frozenset({"platform"}))
    with pytest.raises(Unauthenticated, match="does not speak"):
        await known("supervisor")


async def test_a_call_gets_the_token_that_fits_it(tmp_path: Path) -> None:
    """By the policy and by whom the request names; the second person's too; what is open needs none."""
    door, tokens = await _door(tmp_path), _tokens(tmp_path)

    async def callers(method: str, request: object = None) -> list[Caller]:
        return [await door.verifier.caller(token_in([value])) for _, value in tokens.metadata(method, request)]

    assert await callers(CANCEL, orders.CancelOrderRequest()) == [Caller("settle", frozenset({"platform"}))]
    assert await callers(FORCE, orders.ForceCancelOrderRequest(operator_id="op-1")) == [
        Caller("op-1", frozenset({"agent"}))
    ]
    assert await callers(VOID, cards.VoidCardRequest(maker="ann", checker="bob")) == [
        Caller("bob", frozenset({"finance_checker"})), Caller("ann", frozenset({"finance_maker"}))
    ]
    assert await callers("/grpc.health.v1.Health/Check") == []
    assert tokens.metadata(CANCEL) == tokens.metadata(CANCEL)


async def test_settle_token_prints_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For whom and for how long it is asked; in no other folder, and for no longer than the engine takes."""
    door = await _door(tmp_path)
    services = {name: {"target": "127.0.0.1:1", "dsn": ""} for name in DATABASES}
    write_endpoints(tmp_path, {"pid": 0, "services": services, "identity": dict(identity_of(tmp_path).said)})

    def told(*options: str, data: Path = tmp_path) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            app(["token", "--data", str(data), *options])
        return ended.value.code, capsys.readouterr().out.strip()

    capsys.readouterr()
    status, token = told("--role", "customer", "--subject", "ann", "--for", "20m")
    assert (status, await door.verifier.caller(token)) == (0, Caller("ann", frozenset({"customer"})))
    both = await door.verifier.caller(told("--role", "finance_maker", "--role", "auditor")[1])
    assert both.roles == {"finance_maker", "auditor"}
    for wrong in (("--role", "king"), ("--role", "agent", "--for", "13h"), ("--role", "agent", "--subject", " ")):
        assert told(*wrong) == (2, "")
    assert told("--role", "agent", data=tmp_path / "nowhere") == (2, "")
