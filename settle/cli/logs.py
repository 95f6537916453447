"""`settle logs`: what the processes printed."""

import time
from pathlib import Path
from typing import Annotated

import typer

from settle.cli.options import DATA, Data


def logs(
    service: Annotated[str, typer.Argument(help="One process; all of them if left out.")] = "",
    lines: Annotated[int, typer.Option(min=0, help="How many of the last lines of each.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines arrive.")] = False,
    data: Data = DATA,
) -> None:
    """Show the logs, each line with its process's name before it."""
    reached = {file: _show(file, lines) for file in _files(data, service)}
    while follow:
        time.sleep(0.3)
        reached = {file: _show_from(file, at) for file, at in reached.items()}


def _files(data: Path, service: str) -> list[Path]:
    from settle.local import folder
    from settle.local.refusals import NoEngine

    folder.exists(data)
    files = {file.stem: file for file in sorted((data / "logs").glob("*.log"))}
    if not files:
        raise NoEngine(f"no engine has written logs in {data}; `settle up` starts one")
    if not service:
        return list(files.values())
    if service not in files:
        raise NoEngine(f"no process {service!r} has written logs in {data}; there are {', '.join(files)}")
    return [files[service]]


def _show(file: Path, lines: int) -> int:
    text = file.read_bytes()
    every = text.splitlines()
    for line in every[max(0, len(every) - lines):]:
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
