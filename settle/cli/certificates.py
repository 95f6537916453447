"""`settle certificates`: a certificate authority for development, and certificates of it."""

from pathlib import Path
from typing import Annotated

import typer


def certificates(
    folder: Annotated[Path, typer.Argument(help="Where they go.")] = Path(".run/certificates"),
    host: Annotated[list[str] | None, typer.Option(help="One more name or address in each; may be repeated.")] = None,
    name: Annotated[list[str] | None, typer.Option(help="Only of these, or of others; may be repeated.")] = None,
    group: Annotated[bool, typer.Option("--group", help="The files' group may read the keys, too.")] = False,
    days: Annotated[int, typer.Option(min=1, max=825, help="For how long they hold.")] = 30,
) -> None:
    """Make certificates for every process, signed by an authority that is made where there is none.

    Made again in the same folder they are replaced, and whoever runs with them takes the new ones; for development.
    """
    from settle.local.certificates import NAMES, make

    made = make(folder, name or NAMES, host or (), days, shared=group)
    typer.echo(f"{len(made)} files in {folder}, for {days} days; SETTLE_TLS_CA={made[0]}", err=True)
