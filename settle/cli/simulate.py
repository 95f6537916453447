"""`settle simulate`: the real decisions in a hostile world, one seed after the other."""

import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from settle.cli.options import Json, duration

if TYPE_CHECKING:
    from settle.simulation.many import Tally


def simulate(
    sagas: Annotated[int, typer.Option(min=1, help="So many settlements at least, unless there is a budget.")] = 10_000,
    seed: Annotated[int | None, typer.Option(min=0, help="Only the world of this seed, and its story.")] = None,
    start: Annotated[int, typer.Option("--from", min=0, help="The first seed of a run.")] = 0,
    budget: Annotated[str, typer.Option(help="Go on for so long: 90s, 20m, 1h.", callback=duration)] = "",
    processes: Annotated[int, typer.Option(min=0, help="How many at a time; 0: one for each core.")] = 0,
    explain: Annotated[bool, typer.Option("--explain", help="List every rare thing, and how often it came.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Keep a failure, shrunk, under tests/histories.")] = False,
    json: Json = False,
) -> None:
    """Run the real decisions of all services through every fault, and check that all comes to its end and is true.

    Exit status 0 if everything held, 1 if not, or if a run that is long enough met too little to say so.
    """
    from settle.simulation import telling
    from settle.simulation.many import run_many

    if seed is not None:
        raise typer.Exit(_replayed(seed, save=save, json=json))
    seconds = float(budget or 0)
    with _progress(0 if seconds else sagas, seconds, shown=not json) as told:
        tally = run_many(sagas, start, budget_seconds=seconds, processes=processes, told=told)
    if json:
        typer.echo(jsonlib.dumps(telling.as_json(tally)))
    else:
        typer.echo(telling.explained(tally) + "\n" if explain else "", nl=False)
        typer.echo(telling.as_text(tally))
    if tally.failures and (save or not json):
        _replayed(tally.failures[0].seed, save=save, shown=not json)
    raise typer.Exit(0 if telling.held(tally) else 1)


def _replayed(seed: int, *, save: bool, json: bool = False, shown: bool = True) -> int:
    """The world of one seed once more, with its story where it fails, if it is to be `shown`; the exit status."""
    from settle.simulation import failures

    failure = failures.of(seed)
    if json:
        typer.echo(jsonlib.dumps(failures.as_json(seed, failure)))
    elif shown:
        typer.echo(failures.as_text(seed, failure), err=failure is not None)
    if failure is not None and save:
        typer.echo(f"kept as {failures.save(seed, failure)}", err=True)
    return 0 if failure is None else 1


@contextmanager
def _progress(sagas: int, seconds: float, shown: bool) -> Iterator[Callable[["Tally"], None]]:
    """Who hears how far it is: a bar, if a person watches."""
    from rich.console import Console
    from rich.progress import Progress

    if not shown or not sys.stderr.isatty():
        yield lambda tally: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("settlements", total=sagas or seconds)

        def told(tally: "Tally") -> None:
            rate = tally.sagas / tally.seconds
            bar.update(task, completed=tally.sagas if sagas else tally.seconds,
                       description=f"{tally.sagas:,} settlements, {rate:,.0f} a second")

        yield told
