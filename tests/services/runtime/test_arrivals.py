"""What no method ever sees is answered with a reason too: bytes that are too many or no request,
methods that are none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from services.kernel.errors import SettlementError
from services.runtime.rpc.arrivals import TRANSPORT_BYTES_MAX
from services.runtime.rpc.errors import from_rpc_error
from settlement.operations.v1 import operations_service_pb2 as pb
from tests.services.runtime.test_rpc import SETTINGS, Behaviour, full_status, nothing, served, type_name

SERVICE = "/settlement.operations.v1.OperationsService"
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
METHOD = "settlement.operations.v1.OperationsService.GetSaga"
NAMES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


@asynccontextmanager
async def opened(behaviour: Behaviour = nothing) -> AsyncIterator[Any]:  # Any: a channel, whose stubs take no bytes
    """A channel that sends whatever it is given, to a server with reflection."""
    async with served(behaviour, replace(SETTINGS, reflection=True)) as (server, _):
        unlimited = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=unlimited) as bare:
            yield bare


async def error_of(call: Any) -> grpc.aio.AioRpcError:
    """The error that a call ends with; it has exactly one reason."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    names = [type_name(detail) for detail in full_status(caught.value).details]
    assert names.count("google.rpc.ErrorInfo") == 1
    return caught.value


async def refusal(call: Any) -> SettlementError:
    """The same as one of ours."""
    return from_rpc_error(await error_of(call))


@pytest.mark.parametrize("method", [f"{SERVICE}/GetSaga", HEALTH])
@pytest.mark.parametrize("sent", [b"\xff\xff", b"\x0a\x02\xff\xff", b"\x0a\x7f", b"\x0a\x03\xed\xa0\x80"], ids=repr)
async def test_bytes_that_are_no_request(method: str, sent: bytes) -> None:
    """Half a field, text that is no UTF-8, a surrogate: before, gRPC answered UNKNOWN without a reason (F5)."""
    async with opened() as bare:
        error = await refusal(bare.unary_unary(method)(sent, timeout=5))

    assert (error.status, error.reason) == ("INVALID_ARGUMENT", "UNDECODABLE")


async def test_the_health_of_what_is_not_served() -> None:
    """NOT_FOUND, as its protocol wants it, and with a reason like everything else."""
    async with opened() as bare:
        error = await refusal(bare.unary_unary(HEALTH)(b"\x0a\x04nope", timeout=5))
        served_here = await bare.unary_unary(HEALTH)(b"", timeout=5)

    assert (error.status, error.reason) == ("NOT_FOUND", "UNKNOWN_METHOD")
    assert served_here == b"\x08\x01"


@pytest.mark.parametrize("size", [SETTINGS.rpc_message_bytes_max + 1, 30_000_000])
@pytest.mark.parametrize("method", [f"{SERVICE}/GetSaga", HEALTH])
async def test_more_bytes_than_are_taken(method: str, size: int) -> None:
    """MESSAGE_TOO_LARGE, and not to be tried again (N7); the transport takes far more, so that it can be said."""
    async with opened() as bare:
        error = await error_of(bare.unary_unary(method)(b"\0" * size, timeout=30))

    assert size < TRANSPORT_BYTES_MAX
    assert from_rpc_error(error).reason == "MESSAGE_TOO_LARGE"
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [type_name(detail) for detail in full_status(error).details] == ["google.rpc.ErrorInfo"]


async def test_as_many_bytes_as_are_taken_are_read() -> None:
    """The limit itself is inside."""
    padding = pb.RetrySagaRequest(reason="x" * (SETTINGS.rpc_message_bytes_max - 4)).SerializeToString()

    async with opened() as bare:
        error = await refusal(bare.unary_unary(f"{SERVICE}/RetrySaga")(padding, timeout=5))

    assert (len(padding), error.reason) == (SETTINGS.rpc_message_bytes_max, "INVALID_ARGUMENT")


async def test_a_longer_answer_than_can_be_received() -> None:
    """The caller hears why, where before gRPC refused the sending without a reason (N8)."""

    async def behaviour(request: pb.GetSagaRequest, _context: Any) -> None:
        request.saga_id = "x" * (4 * 1024 * 1024)  # the answer shows it

    async with opened(behaviour) as bare:
        asked = pb.GetSagaRequest(saga_id="saga_1").SerializeToString()
        error = await refusal(bare.unary_unary(f"{SERVICE}/GetSaga")(asked, timeout=5))

    assert (error.status, error.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")


@pytest.mark.parametrize("method", [f"{SERVICE}/NoSuchVerb", "/settlement.nowhere.v1.Nobody/Nothing", "/"])
async def test_a_method_that_nobody_serves(method: str) -> None:
    """UNKNOWN_METHOD with the name that was called, whatever was sent."""
    async with opened() as bare:
        error = await refusal(bare.unary_unary(method)(b"\xff", timeout=5))

    assert (error.status, error.reason) == ("UNAVAILABLE", "UNKNOWN_METHOD")
    assert method in error.detail


async def test_reflection_is_asked_in_bytes_that_are_no_request() -> None:
    """A stream of requests is read as carefully."""
    async with opened() as bare:
        call = bare.stream_stream(REFLECTION)(iter([b"\xff"]), timeout=5)
        error = await refusal(anext(aiter(call)))

    assert error.reason == "UNDECODABLE"


async def reflected(bare: Any, name: str, **asked: str) -> ServerReflectionResponse:
    """The answer of reflection under one of its names; the messages of both are the same bytes."""
    method = bare.stream_stream(
        f"/{name}.ServerReflection/ServerReflectionInfo", request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    request: Any = ServerReflectionRequest
    call = method(iter([request(**asked)]), timeout=5)
    answer: ServerReflectionResponse = await anext(aiter(call))
    return answer


@pytest.mark.parametrize("name", NAMES)
async def test_reflection_lists_itself_under_both_names(name: str) -> None:
    """Newer tools ask for v1 alone."""
    async with opened() as bare:
        answer = await reflected(bare, name, list_services="")

    assert {f"{each}.ServerReflection" for each in NAMES} < {s.name for s in answer.list_services_response.service}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("symbol", [
    METHOD, METHOD.rpartition(".")[0], "settlement.operations.v1.Saga", "settlement.operations.v1.Saga.saga_id",
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1.ServerReflection.ServerReflectionInfo",
])
async def test_reflection_describes_services_methods_and_messages(name: str, symbol: str) -> None:
    """`grpcurl describe` of a method asks for its file, which the library did not find;
    all that it needs comes along."""
    async with opened() as bare:
        answer = await reflected(bare, name, file_containing_symbol=symbol)

    assert not answer.error_response.error_code
    assert answer.file_descriptor_response.file_descriptor_proto


@pytest.mark.parametrize("symbol", ["", ".", "nothing", f"{METHOD}Nothing", "settlement.operations.v1.Nothing.GetSaga"])
async def test_reflection_knows_no_other_symbol(symbol: str) -> None:
    """NOT_FOUND, as an answer of its protocol."""
    async with opened() as bare:
        answer = await reflected(bare, NAMES[0], file_containing_symbol=symbol)

    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
