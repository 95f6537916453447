"""`settle down`: stop what `settle up` started."""

import contextlib
import os
import signal
import time

import typer

from settle.cli.options import DATA, Data

SECONDS_MAX = 60.0


def down(data: Data = DATA) -> None:
    """Stop the engine on this data in good order; what a killed run left behind is ended by process id."""
    from settle.local import children
    from settle.local.endpoints import read_endpoints

    said = read_endpoints(data)
    if said is None:
        typer.echo("nothing runs here", err=True)
        return
    supervisor, began = said["pid"], said.get("began", "")
    if children.alive(supervisor, began):
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_MAX
        while children.alive(supervisor, began) and time.monotonic() < deadline:
            time.sleep(0.1)
    left = [p["name"] for p in said.get("processes", []) if children.end_stale(p["pid"], p["began"], p["interrupt"])]
    typer.echo("stopped" + (f"; ended by id: {', '.join(left)}" if left else ""), err=True)
