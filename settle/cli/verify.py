"""`settle verify`: the auditor over the databases of a running or stopped engine."""

import asyncio
import json as jsonlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from settle.cli.options import DATA, Data, Json


def verify(
    data: Data = DATA,
    wait: Annotated[float, typer.Option(help="Seconds to wait until nothing is under way.")] = 15.0,
    strict: Annotated[bool, typer.Option(help="What is still under way after that is a violation.")] = False,
    json: Json = False,
) -> None:
    """Check conservation, atomicity, projections, sequences, and that nothing is stuck; exit status 0 if all of it
    holds, 1 if not, 2 if it could not be checked."""
    import asyncpg

    from settle.audit import auditor, telling

    with _databases(data) as (dsns, running):
        try:
            report = asyncio.run(auditor.audit(dsns, wait if running else 0.0, strict))
        except (asyncpg.PostgresError, asyncpg.InterfaceError, ExceptionGroup, OSError) as error:
            typer.echo(f"could not be verified: {error!r}", err=True)
            raise typer.Exit(2) from error
    typer.echo(jsonlib.dumps(telling.as_json(report)) if json else telling.as_text(report))
    raise typer.Exit(0 if report.clean else 1)


@contextmanager
def _databases(data: Path) -> Iterator[tuple[Mapping[str, str], bool]]:
    """The DSN of each service, and whether the engine runs; PostgreSQL is started for the audit if nobody runs it."""
    from settle.local import children, postgres
    from settle.local.endpoints import dsns_of, read_endpoints

    said = read_endpoints(data)
    if said is None:
        typer.echo(f"there is no engine in {data}; `settle up` starts one", err=True)
        raise typer.Exit(2)
    if children.alive(said["pid"], said.get("began", "")):
        yield dsns_of(said), True
        return
    server = postgres.make(data.resolve(), durable=True)
    server.start()
    try:
        yield {service: server.database(service) for service in postgres.DATABASES}, False
    finally:
        server.stop()
