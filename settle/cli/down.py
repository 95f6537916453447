"""`settle down`: stop what `settle up` started."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from settle.cli.options import DATA, Data

SECONDS_MAX = 60.0


def down(data: Data = DATA) -> None:
    """Stop the engine on this data in good order; what a killed run left behind is ended by process id.

    To find nothing that runs is success: it says so, with exit status 0.
    """
    from settle.local import folder
    from settle.local.endpoints import read_endpoints, supervised

    said, held = read_endpoints(data), folder.holder(data)
    if said is None and held is None:
        typer.echo(f"nothing runs here: {data} holds no engine", err=True)
        return
    if held is None and said and supervised(said):  # started before there was a lock
        held = folder.Holder(folder.ENGINE, said["pid"], said["began"])
    if held is not None:
        _end(held, data)
    left = _end_left(data)
    if held is None and not left:
        typer.echo(f"nothing runs here: the engine in {data} is stopped", err=True)
    else:
        typer.echo("stopped" + (f"; ended by id: {', '.join(left)}" if left else ""), err=True)


def _end(held: Any, data: Path) -> None:  # Any: a Holder, whose module is imported when the verb runs
    from settle.local import folder
    from settle.local.refusals import CannotRun

    if held.what != folder.ENGINE or not held.alive:
        raise held.refusal(data)
    try:
        os.kill(held.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise CannotRun(f"the engine in {data} (process {held.pid}) belongs to another user") from error
    if not _within(SECONDS_MAX, lambda: not held.alive):
        typer.echo(f"settle: the engine (process {held.pid}) has not stopped in {SECONDS_MAX:.0f} s", err=True)
        raise typer.Exit(1)


def _end_left(data: Path) -> list[str]:
    """End what a killed run left. The folder is held meanwhile: whoever starts now would have new processes there."""
    from settle.local import children, folder
    from settle.local.endpoints import read_endpoints

    def processes() -> list[dict[str, Any]]:  # Any: the values of a JSON file
        said = read_endpoints(data) or {}
        return [p for p in said.get("processes", []) if children.alive(p["pid"], p["began"])]

    if not processes():
        return []
    claim = folder.claim(data, "`settle down`")
    try:
        return [
            p["name"] for p in processes()
            if children.end_stale(p["pid"], p["began"], p.get("interrupt", signal.SIGTERM))
        ]
    finally:
        claim.release()


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
