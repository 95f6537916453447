"""`settle logs`: what the processes printed."""

import time
from pathlib import Path
from typing import Annotated

import typer

from settle.cli.options import DATA, Data


def logs(
    service: Annotated[str, typer.Argument(help="One process; all of them if left out.")] = "",
    lines: Annotated[int, typer.Option(help="So many last lines of each.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines arrive.")] = False,
    data: Data = DATA,
) -> None:
    """Show the logs, each line with its process's name before it."""
    files = sorted((data / "logs").glob(f"{service or '*'}.log"))
    if not files:
        typer.echo(f"settle: no logs of {service or 'the engine'} in {data / 'logs'}", err=True)
        raise typer.Exit(1)
    reached = {file: _show(file, lines) for file in files}
    while follow:
        time.sleep(0.3)
        reached = {file: _show_from(file, at) for file, at in reached.items()}


def _show(file: Path, lines: int) -> int:
    text = file.read_bytes()
    for line in text.splitlines()[-lines:]:
        typer.echo(f"{file.stem:>16} | {line.decode(errors='replace')}")
    return len(text)


def _show_from(file: Path, at: int) -> int:
    size = file.stat().st_size
    if size <= at:
        return size
    with open(file, "rb") as kept:
        kept.seek(at)
        for line in kept:
            typer.echo(f"{file.stem:>16} | {line.decode(errors='replace').rstrip()}")
        return kept.tell()
