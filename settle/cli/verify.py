"""`settle verify`: the auditor over the databases of a running or stopped engine."""

import asyncio
import json as jsonlib
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from settle.cli.options import DATA, Data, Json, finite
from settle.cli.verbs import line_of

T = TypeVar("T")


def verify(
    data: Data = DATA,
    wait: Annotated[
        float, typer.Option(min=0, callback=finite, help="Seconds to wait until nothing is under way.")
    ] = 15.0,
    strict: Annotated[bool, typer.Option(help="What is still under way after that is a violation.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Look at everything, not only at what changed.")] = False,
    explain: Annotated[str, typer.Option(metavar="ID", help="Show one finding with what lies behind it.")] = "",
    json: Json = False,
) -> None:
    """Check conservation, atomicity, histories, projections, sequences, and that nothing is stuck.

    Of single orders, accounts and cards it looks at those that changed since the last clean run. Exit status 0 if all
    of it holds, 1 if not, 2 if it could not be checked.
    """
    from services.runtime.ground.values import settle_in
    from settle.audit import runs, telling
    from settle.audit.auditor import Asked
    from settle.client.channels import credentials_of
    from settle.local.endpoints import engine_of
    from settle.local.environs import chain_key, check

    check(os.environ)
    with databases(data) as (dsns, acquirer):
        settle_in()
        if explain:
            _explained(data, dsns, explain, json)
            return
        with _progress(shown=not json) as told:
            asked = Asked(
                wait if acquirer else 0.0, strict, acquirer, chain_key(os.environ), processes=os.cpu_count() or 1,
                told=told, credentials=credentials_of(engine_of(data)),
            )
            report = answered(runs.verify(data, dsns, asked, full))
    typer.echo(jsonlib.dumps(telling.as_json(report)) if json else telling.as_text(report))
    raise typer.Exit(0 if report.clean else 1)


def _explained(data: Path, dsns: Mapping[str, str], id_: str, json: bool) -> None:
    from settle.audit import explain, runs
    from settle.local.environs import chain_key
    from settle.local.refusals import CannotRun

    finding = runs.kept(data, id_)
    if finding is None:
        raise CannotRun(f"the last run found nothing under the id {id_}; `settle verify` tells the ids")
    explained = answered(explain.explain(dsns, finding, chain_key(os.environ), runs.held(data)))
    typer.echo(explain.as_json(explained) if json else explain.as_text(explained))
    raise typer.Exit(1 if explained.stands else 0)


def answered(asked: Coroutine[None, None, T]) -> T:
    """What an audit found; where it could not be made, one line and exit status 2."""
    import asyncpg

    try:
        return asyncio.run(asked)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ExceptionGroup, OSError) as error:
        typer.echo(f"settle: it could not be verified: {line_of(_first(error))}", err=True)
        raise typer.Exit(2) from error


@contextmanager
def _progress(shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Who hears how far it is: a bar, if a person watches."""
    from rich.console import Console
    from rich.progress import Progress

    if not shown or not sys.stderr.isatty():
        yield lambda done, of: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking at orders, accounts, cards", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


@contextmanager
def databases(data: Path) -> Iterator[tuple[Mapping[str, str], str]]:
    """The DSN of each service, and where the acquirer of a running engine is, else nothing; PostgreSQL is started
    for the audit if nobody runs it."""
    from settle.local import folder, postgres
    from settle.local.endpoints import acquirer_of, dsns_of, engine_of, supervised

    said = engine_of(data)
    if supervised(said):
        yield dsns_of(said), acquirer_of(said)
        return
    claim = folder.claim(data, "`settle verify`")  # an engine that starts now would take our server for a left one
    try:
        postgres.check()
        server = postgres.make(folder.resolved(data), durable=True)
        server.start()
        try:
            yield {service: server.database(service) for service in postgres.DATABASES}, ""
        finally:
            server.stop()
    finally:
        claim.release()


def _first(error: Exception) -> Exception:
    """What several at once complain of is the same: the first of them."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
