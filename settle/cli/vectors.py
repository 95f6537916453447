"""`settle vectors`: scenario files through the public API."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from settle.cli.options import DATA, Broker, BrokerChoice, Data, Json, Processes
from settle.cli.verbs import CANNOT_RUN

app = typer.Typer(no_args_is_help=True, help="Scenario files, played through the public API and compared to the fen.")
Files = Annotated[list[Path], typer.Argument(help="Scenario files.")]


@app.callback()
def group() -> None:
    """Keep `run` a verb of its own, even while it is the only one."""


@app.command()
def run(
    files: Files, broker: Broker = BrokerChoice.auto, processes: Processes = 1, data: Data = DATA, json: Json = False
) -> None:
    """Play every case of every file; one line for each that fails, then `N passed, N failed`.

    Exit status 0 if all passed, 1 if not, 2 if there was no file to play.
    """
    import json as jsonlib

    from settle.vectors.scenario import Scenario, Unreadable, load
    from settle.vectors.session import play

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: nothing that was started stays behind
    scenarios: list[Scenario] = []
    unreadable = []
    for file in files:
        try:
            scenarios += load(file)
        except Unreadable as error:
            unreadable.append(str(error))
            typer.echo(f"settle: {error}", err=True)
    if unreadable and not scenarios and not json:
        raise typer.Exit(CANNOT_RUN)
    verdicts = play(scenarios, data, broker.value, processes) if scenarios else []
    failed = [verdict for verdict in verdicts if verdict.failure]
    passed = len(verdicts) - len(failed)
    if json:
        failures = [{"id": verdict.id, "failure": verdict.failure} for verdict in failed]
        said = {"passed": passed, "failed": len(failed), "failures": failures, "unreadable": unreadable}
        typer.echo(jsonlib.dumps(said, ensure_ascii=False))
    else:
        for verdict in failed:
            typer.echo(verdict.line)
        typer.echo(f"{passed} passed, {len(failed)} failed")
    raise typer.Exit(CANNOT_RUN if unreadable and not scenarios else 1 if failed or unreadable else 0)
