"""`settle token`: who calls, for programs that are not ours."""

from enum import StrEnum
from typing import Annotated

import typer

from services.access import ROLES
from settle.cli.options import DATA, Data, duration, text

Role = StrEnum("Role", {role: role for role in ROLES})  # type: ignore[misc]  # the roles are the policy's to say


def token(
    role: Annotated[list[Role], typer.Option(help="As whom the caller acts; several times for several roles.")],
    subject: Annotated[
        str, typer.Option(callback=text, help="Who it is: a customer's, a merchant's or an operator's id.")
    ] = "settle",
    valid_for: Annotated[
        str, typer.Option("--for", callback=duration, help="For how long, like 90s, 20m or 1h.")
    ] = "1h",
    data: Data = DATA,
) -> None:
    """Print a token for the engine of this folder: `curl -H "Authorization: Bearer $(settle token --role platform)"`.

    It is signed by the key that `settle up` made, which no other engine trusts.
    """
    from settle.client.tokens import Tokens
    from settle.local.endpoints import engine_of
    from settle.local.refusals import BadSetting, NoEngine

    tokens = Tokens.of(engine_of(data))
    if tokens is None:
        raise NoEngine(f"the engine of {data} was started by an older release; start it again with `settle up`")
    seconds = int(float(valid_for))
    if not 1 <= seconds <= tokens.seconds_max:
        raise BadSetting(f"--for must be within 1s and {tokens.seconds_max // 3600}h")
    typer.echo(tokens.token(*(str(each) for each in role), subject=subject, seconds=seconds))
