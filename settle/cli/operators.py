"""`settle sagas` and `settle parked`: what an operator looks at and may do, every verb through the protocol."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from settle.cli.options import DATA, Data, Json, text

sagas = typer.Typer(no_args_is_help=True, help="Settlements as sagas: list, show, retry, abort.")
parked = typer.Typer(no_args_is_help=True, help="Messages set aside: list, retry, discard.")

Operator = Annotated[str, typer.Option("--operator", callback=text, help="Who does it; it is recorded.")]
Why = Annotated[str, typer.Option("--reason", callback=text, help="Why; it is recorded.")]
ServiceName = Annotated[str, typer.Argument(help="order, credit_ledger or card_redemption")]
SagaId = Annotated[str, typer.Argument(callback=text, help="The saga, as `list` shows it.")]
ParkedId = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The message, as `list` shows it.")]


def text_if_any(given: str) -> str:
    """A text that may be left out."""
    return given and text(given)


@sagas.command("list")
def list_sagas(
    phase: Annotated[str, typer.Option(help="A phase, or OPEN.")] = "OPEN", data: Data = DATA, json: Json = False
) -> None:
    """The sagas of every service, the open ones by default."""
    from services.kernel.saga import Phase
    from settlement.operations.v1 import operations_service_pb2 as pb

    known = ("OPEN", *(phase.value for phase in Phase))
    if phase not in known:
        raise typer.BadParameter(f"{phase!r} is none of {', '.join(known)}", param_hint="--phase")
    _each(data, json, "sagas", lambda stub: stub.ListSagas(pb.ListSagasRequest(phase=phase), timeout=10))


@sagas.command("show")
def show_saga(service: ServiceName, saga_id: SagaId, data: Data = DATA) -> None:
    """One saga with its branches and its next wake-up."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    typer.echo(asked_one(data, service, lambda stub: stub.GetSaga(pb.GetSagaRequest(saga_id=saga_id), timeout=10)).saga)


@sagas.command("retry")
def retry_saga(service: ServiceName, saga_id: SagaId, operator: Operator, reason: Why, data: Data = DATA) -> None:
    """Send again now what the saga waits for; a frozen one goes on where it stood."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    request = pb.RetrySagaRequest(request_id=str(uuid4()), saga_id=saga_id, operator_id=operator, reason=reason)
    typer.echo(asked_one(data, service, lambda stub: stub.RetrySaga(request, timeout=10)).saga)


@sagas.command("abort")
def abort_saga(service: ServiceName, saga_id: SagaId, operator: Operator, reason: Why, data: Data = DATA) -> None:
    """Give up a frozen saga that is not decided; what it reserved is let go."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    request = pb.AbortSagaRequest(request_id=str(uuid4()), saga_id=saga_id, operator_id=operator, reason=reason)
    typer.echo(asked_one(data, service, lambda stub: stub.AbortSaga(request, timeout=10)).saga)


@parked.command("list")
def list_parked(
    resolved: Annotated[bool, typer.Option(help="Also what was retried or discarded.")] = False,
    data: Data = DATA, json: Json = False,
) -> None:
    """The messages that could not be decided, with the reason of each."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    request = pb.ListParkedRequest(include_resolved=resolved)
    _each(data, json, "messages", lambda stub: stub.ListParked(request, timeout=10))


@parked.command("retry")
def retry_parked(service: ServiceName, parked_id: ParkedId, operator: Operator, reason: Why, data: Data = DATA) -> None:
    """Send a message again as it was."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    request = pb.RetryParkedRequest(request_id=str(uuid4()), parked_id=parked_id, operator_id=operator, reason=reason)
    typer.echo(asked_one(data, service, lambda stub: stub.RetryParked(request, timeout=10)).message)


@parked.command("discard")
def discard_parked(
    service: ServiceName, parked_id: ParkedId, operator: Operator, reason: Why, data: Data = DATA
) -> None:
    """Give a message up."""
    from settlement.operations.v1 import operations_service_pb2 as pb

    request = pb.DiscardParkedRequest(request_id=str(uuid4()), parked_id=parked_id, operator_id=operator, reason=reason)
    typer.echo(asked_one(data, service, lambda stub: stub.DiscardParked(request, timeout=10)).message)


Call = Callable[[Any], Awaitable[Any]]  # Any: a stub of generated code, and one of its answers


def _each(data: Path, json: bool, field: str, call: Call) -> None:
    """Ask every service and print what each answers."""
    import json as jsonlib

    from google.protobuf import json_format

    rows = []
    for service, answer in _asked(data, call).items():
        for row in getattr(answer, field):
            shown = json_format.MessageToDict(row, preserving_proto_field_name=True)
            rows.append({"service": service, **shown})
    if json:
        typer.echo(jsonlib.dumps({field: rows}))
    else:
        for row in rows:
            typer.echo("  ".join(f"{name}={value}" for name, value in row.items()))
        typer.echo(f"{len(rows)} in all")


def asked_one(data: Path, service: str, call: Call) -> Any:  # Any: an answer of generated code
    """What one service answers."""
    return _asked(data, call, service)[service]


def _asked(data: Path, call: Call, only: str = "") -> dict[str, Any]:
    import asyncio

    import grpc.aio

    from settle.client.channels import open_channel
    from settle.client.tokens import Tokens
    from settle.local.endpoints import running_engine, targets_of
    from settle.local.refusals import NoEngine
    from settlement.operations.v1.operations_service_pb2_grpc import OperationsServiceStub

    said = running_engine(data)
    services, tokens = targets_of(said), Tokens.of(said)
    if only and only not in services:
        raise NoEngine(f"no service {only!r} runs in {data}; there are {', '.join(services)}")

    async def ask() -> dict[str, Any]:
        answers = {}
        for name, target in services.items():
            if only in ("", name):
                async with open_channel(target, tokens=tokens) as channel:
                    answers[name] = await call(OperationsServiceStub(channel))
        return answers

    try:
        return asyncio.run(ask())
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise NoEngine(f"the engine in {data} does not answer: {error.details()}") from error
        typer.echo(f"settle: {error.code().name}: {error.details()}", err=True)
        raise typer.Exit(1) from error
