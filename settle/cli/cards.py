"""`settle cards`: what an operator does to all cards."""

from typing import Any
from uuid import uuid4

import typer

from settle.cli.operators import Operator, Why
from settle.cli.options import DATA, Data

app = typer.Typer(no_args_is_help=True, help="Gift cards: rotate the keys of their codes.")
ROTATION_SECONDS_MAX = 3_600.0
CARDS = "card_redemption"


@app.callback()
def _cards() -> None:
    """A verb of its own, although it has one part only."""


@app.command("rotate-keys")
def rotate_keys(operator: Operator, reason: Why, data: Data = DATA) -> None:
    """Put all codes under the newest key of SETTLE_CARD_KEYS; then the older ones can be left out."""
    import asyncio

    import grpc.aio

    from settle.client.tokens import Tokens
    from settle.local.endpoints import running_engine, targets_of
    from settle.local.refusals import NoEngine

    said = running_engine(data)
    try:
        done = asyncio.run(_rotated(targets_of(said)[CARDS], Tokens.of(said), operator, reason))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise NoEngine(f"the engine in {data} does not answer: {error.details()}") from error
        typer.echo(f"settle: {error.code().name}: {error.details()}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{done.rewrapped} codes are newly under key version {done.key_version}, as all others are")


async def _rotated(target: str, tokens: Any, operator: str, reason: str) -> Any:  # Any: an answer of generated code
    from settle.client.channels import open_channel
    from settlement.card_redemption.v1.card_service_pb2 import RotateKeysRequest
    from settlement.card_redemption.v1.card_service_pb2_grpc import CardServiceStub

    request = RotateKeysRequest(request_id=str(uuid4()), operator_id=operator, reason=reason)
    async with open_channel(target, tokens=tokens) as channel:
        return await CardServiceStub(channel).RotateKeys(request, timeout=ROTATION_SECONDS_MAX)
