"""The door before a server's methods, over a real channel: who is let in, whom the request then names, what is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.kernel.access import Access
from services.kernel.errors import Defect, SettlementError
from services.runtime.ground.settings import Settings
from services.runtime.identity.signing import Signer, published
from services.runtime.rpc.errors import from_rpc_error
from services.runtime.rpc.server import RpcServer
from settlement.operations.v1 import operations_service_pb2 as pb
from tests.services.runtime.identity import guarded
from tests.services.runtime.identity.attacks import attacks
from tests.services.runtime.identity.guarded import ACCESS, OWNERS, House, Sagas, Servicer, door
from tests.services.runtime.identity.issuer import AUDIENCE, ISSUER, Issuer

UUID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """One for each test."""
    async with guarded.house(tmp_path) as opened:
        yield opened


async def refused(call: Any) -> SettlementError:
    """What a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def _retry(**said: str) -> pb.RetrySagaRequest:
    return pb.RetrySagaRequest(request_id=UUID, saga_id="saga_1", reason="why", **said)


async def test_nobody_without_a_token(house: House) -> None:
    """Not even with a request that cannot be; who is not known is told how to get a token."""
    for request in (pb.GetSagaRequest(saga_id="saga_1"), pb.GetSagaRequest()):
        error = await refused(house.ask("GetSaga", request))
        assert (error.status, error.reason) == ("UNAUTHENTICATED", "UNAUTHENTICATED")
        assert "settle token" in error.detail
    assert house.servicer.seen == []


async def test_two_tokens_are_none(house: House) -> None:
    """Of two headers nobody can say which counts."""
    token = house.by("ann", "writer")

    error = await refused(house.ask("GetSaga", pb.GetSagaRequest(saga_id="saga_1"), token, token))

    assert (error.status, house.servicer.seen) == ("UNAUTHENTICATED", [])


async def test_no_attack_comes_through_the_wire(house: House) -> None:
    """What gRPC itself does not send is sent by nobody."""
    for name, value in attacks(house.issuer).items():
        with pytest.raises((grpc.aio.AioRpcError, ValueError, TypeError)) as caught:
            await house.ask("GetSaga", pb.GetSagaRequest(saga_id="saga_1"), ("authorization", f"Bearer {value}"))
        if isinstance(caught.value, grpc.aio.AioRpcError) and len(value) < 8_000:
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED, name
    assert house.servicer.seen == []


async def test_a_method_is_for_its_roles(house: House) -> None:
    """Before anything of the request is looked at."""
    error = await refused(house.ask_as("AbortSaga", pb.AbortSagaRequest(), "ann", "reader"))

    assert (error.status, error.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    await house.ask_as("GetSaga", pb.GetSagaRequest(saga_id="saga_9"), "cat", "writer")
    await house.ask("GetClock", pb.GetClockRequest())
    assert len(house.servicer.seen) == 2


async def test_who_acts_is_the_token_s_to_say(house: House) -> None:
    """An empty field is filled in, the caller's own name passes, another's does not."""
    await house.ask_as("RetrySaga", _retry(), "ann", "reader")
    await house.ask_as("RetrySaga", _retry(operator_id="ann"), "ann", "reader")
    error = await refused(house.ask_as("RetrySaga", _retry(operator_id="bob"), "ann", "reader"))

    assert [request.operator_id for request in house.servicer.seen] == ["ann", "ann"]
    assert (error.status, error.reason) == ("PERMISSION_DENIED", "ACTOR_MISMATCH")


async def test_who_need_not_be_named_is_not_filled_in(house: House) -> None:
    """But names nobody else either."""
    error = await refused(house.ask_as("RetrySaga", _retry(operator_id="bob"), "ann", "writer"))
    unnamed = await refused(house.ask_as("RetrySaga", _retry(), "ann", "writer"))
    await house.ask_as("RetrySaga", _retry(operator_id="ann"), "ann", "writer")

    assert error.reason == "ACTOR_MISMATCH"
    assert unnamed.reason == "INVALID_ARGUMENT"
    assert [request.operator_id for request in house.servicer.seen] == ["ann"]


async def test_not_theirs_and_not_there_are_one_answer(house: House) -> None:
    """Status, reason, text and headers, and the look behind it."""
    answers = []
    for saga_id in ("saga_2", "saga_9"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await house.ask_as("GetSaga", pb.GetSagaRequest(saga_id=saga_id), "ann", "reader")
        error = caught.value
        headers = [(key, value) for key, value in error.trailing_metadata() or ()]
        said = (error.code(), error.details(), error.initial_metadata(), headers)
        answers.append(repr(said).replace(saga_id, "saga"))
    await house.ask_as("GetSaga", pb.GetSagaRequest(saga_id="saga_1"), "ann", "reader")

    assert answers[0] == answers[1]
    assert "SAGA_NOT_FOUND" in answers[0]
    assert house.sagas.asked == ["saga_2", "saga_9", "saga_1"]
    assert [request.saga_id for request in house.servicer.seen] == ["saga_1"]


async def test_all_who_call_at_the_same_time_share_a_look() -> None:
    """Each hears whose its own is."""
    sagas = Sagas()
    finder = OWNERS["saga"].finder(sagas.look)

    found = await asyncio.gather(*(finder.find(each) for each in ("saga_1", "saga_9", "saga_2")))

    assert found == [{"reader": "ann"}, None, {"reader": "bob"}]
    assert sagas.asked == ["saga_1, saga_2, saga_9"]


async def test_who_sees_only_their_own_leaves_reserved_fields_alone(house: House) -> None:
    """They are not theirs to say."""
    error = await refused(house.ask_as("ListSagas", pb.ListSagasRequest(root_id="x"), "ann", "reader"))

    assert error.reason == "ACTOR_MISMATCH"
    await house.ask_as("ListSagas", pb.ListSagasRequest(), "ann", "reader")


async def test_two_people_come_with_two_tokens(house: House) -> None:
    """The second is named by its own token, of its own role, and by nothing else."""
    request = pb.AbortSagaRequest(request_id=UUID, saga_id="saga_1", operator_id="ann")
    ann, second = house.by("ann", "writer"), house.by("bob", "reader", header="second-authorization")

    for others in ((), (house.by("bob", "writer", header="second-authorization"),), (second, second)):
        assert (await refused(house.ask("AbortSaga", request, ann, *others))).status == "UNAUTHENTICATED"
    request.reason = "cat"
    assert (await refused(house.ask("AbortSaga", request, ann, second))).reason == "ACTOR_MISMATCH"
    request.reason = ""
    await house.ask("AbortSaga", request, ann, second)

    assert [seen.reason for seen in house.servicer.seen] == ["bob"]


@pytest.mark.parametrize("roles", [("clerk",), ("clerk", "writer")])
@pytest.mark.parametrize("name", ["ann", " ＡＮＮ"])
async def test_nobody_decides_about_himself(house: House, name: str, roles: tuple[str, ...]) -> None:
    """However his name is written and in whatever role he calls, he may look; what is another's he decides, and what is
    not there is for the method to say."""
    house.sagas.of = {"saga_1": name, "saga_2": "bob"}

    error = await refused(house.ask_as("RetrySaga", _retry(operator_id="ann"), "ann", *roles))
    await house.ask_as("GetSaga", pb.GetSagaRequest(saga_id="saga_1"), "ann", *roles)
    for saga_id in ("saga_2", "saga_9"):
        retry = pb.RetrySagaRequest(request_id=UUID, saga_id=saga_id, reason="why", operator_id="ann")
        await house.ask_as("RetrySaga", retry, "ann", *roles)

    assert (error.status, error.reason) == ("PERMISSION_DENIED", "FOUR_EYES")
    assert [request.saga_id for request in house.servicer.seen] == ["saga_1", "saga_2", "saga_9"]


async def test_what_is_ones_own_is_commanded_as_ones_own(house: House) -> None:
    """A token that has the role of the owner alone, or another in which nobody has to be impartial."""
    for role in ("reader", "writer"):
        await house.ask_as("RetrySaga", _retry(operator_id="ann"), "ann", role)

    assert len(house.servicer.seen) == 2


async def test_the_second_of_two_is_another_too(house: House) -> None:
    """Who made what a checker confirms is not whom it is about either."""
    request = pb.AbortSagaRequest(request_id=UUID, saga_id="saga_1", operator_id="cat")

    error = await refused(house.ask(
        "AbortSaga", request, house.by("cat", "clerk"), house.by("ann", "reader", header="second-authorization")
    ))
    await house.ask(
        "AbortSaga", request, house.by("cat", "clerk"), house.by("bob", "reader", header="second-authorization")
    )

    assert error.reason == "FOUR_EYES"
    assert [seen.reason for seen in house.servicer.seen] == ["bob"]


async def test_a_method_without_a_row_does_not_start(tmp_path: Path) -> None:
    """Neither one of ours, nor one of a library, nor one about a thing whose owner nobody can find."""
    issuer, sagas = Issuer(tmp_path / "keys.json"), Sagas()

    def without(name: str) -> Access:
        rows = {method: row for method, row in ACCESS.rows.items() if not method.endswith(name)}
        return Access(rows, ACCESS.roles, ACCESS.bound, ACCESS.actors)

    for access, owners in ((without("/GetSaga"), OWNERS), (without("/Check"), OWNERS), (ACCESS, {})):
        server = RpcServer(Settings("test", reflection=False))
        made = await door(issuer, sagas, access)
        made.owners = owners
        server.guard(made)
        with pytest.raises(Defect):
            await _begin(server)
        await server.stop()


async def _begin(server: RpcServer) -> None:
    server.add(Servicer())  # type: ignore[abstract]  # it is not called
    await server.start()


async def test_a_service_is_known_by_its_own_key(house: House) -> None:
    """Whose token is made anew before it ends."""
    seed, now = b"\7" * 32, [0.0]
    settings = Settings(
        "order", identity_issuer=ISSUER, identity_audience=AUDIENCE, environ={"SETTLE_IDENTITY_KEY": seed.hex()}
    )
    house.issuer.publish(published(seed, "writer"))
    await house.keys.look_again()
    real = Signer(settings, "writer")
    timed = Signer(settings, "writer", lambda: now[0])

    await house.ask("GetSaga", pb.GetSagaRequest(saga_id="saga_1"), *real.metadata())
    first = timed.metadata()
    now[0] = 59.0
    assert timed.metadata() == first
    now[0] = 61.0
    assert timed.metadata() != first

    assert len(house.servicer.seen) == 1
