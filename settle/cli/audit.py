"""`settle audit`: the permanent record, followed from its first attempt to its last."""

import json as jsonlib
import os

import typer

from settle.cli.options import DATA, Data, Json
from settle.cli.verify import answered, databases

app = typer.Typer(no_args_is_help=True, help="The permanent record of every attempt: verify.")


@app.callback()
def _audit() -> None:
    """A verb of its own, although it has one part only."""


@app.command("verify")
def verify_record(data: Data = DATA, json: Json = False) -> None:
    """Follow the chain of the permanent record, and name the first attempt that was altered, taken out or swapped.

    Exit status 0 if it holds, 1 if not, 2 if it could not be checked. `settle verify` does this too, among all else.
    """
    from settle.audit import only_record, telling
    from settle.local.environs import chain_key, check

    check(os.environ)
    with databases(data) as (dsns, _):
        report = answered(only_record.verify_record(dsns, chain_key(os.environ)))
    typer.echo(jsonlib.dumps(telling.as_json(report)) if json else telling.as_text(report))
    raise typer.Exit(0 if report.clean else 1)
