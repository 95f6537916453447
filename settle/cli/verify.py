"""`settle verify`: the auditor over the databases of a running or stopped engine."""

import asyncio
import json as jsonlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from settle.cli.options import DATA, Data, Json, finite
from settle.cli.verbs import line_of


def verify(
    data: Data = DATA,
    wait: Annotated[
        float, typer.Option(min=0, callback=finite, help="Seconds to wait until nothing is under way.")
    ] = 15.0,
    strict: Annotated[bool, typer.Option(help="What is still under way after that is a violation.")] = False,
    json: Json = False,
) -> None:
    """Check conservation, atomicity, projections, sequences, and that nothing is stuck.

    Exit status 0 if all of it holds, 1 if not, 2 if it could not be checked.
    """
    import asyncpg

    from settle.audit import auditor, telling

    with _databases(data) as (dsns, acquirer):
        try:
            report = asyncio.run(auditor.audit(dsns, wait if acquirer else 0.0, strict, acquirer))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ExceptionGroup, OSError) as error:
            typer.echo(f"settle: it could not be verified: {line_of(_first(error))}", err=True)
            raise typer.Exit(2) from error
    typer.echo(jsonlib.dumps(telling.as_json(report)) if json else telling.as_text(report))
    raise typer.Exit(0 if report.clean else 1)


@contextmanager
def _databases(data: Path) -> Iterator[tuple[Mapping[str, str], str]]:
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
