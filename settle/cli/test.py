"""`settle test`: the whole check, or a part of it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from settle.local import checkout

CHECKED = {
    "SETTLE_HISTORIES": "5000", "SETTLE_EDITS": "500", "SETTLE_MUTANTS": "20", "SETTLE_SIMULATED": "100000",
    "SETTLE_HTTP_FUZZED": "11000",
}
FULL = {
    "SETTLE_HISTORIES": "20000", "SETTLE_VECTOR_CASES": "300", "SETTLE_EDITS": "10000", "SETTLE_MUTANTS": "1000",
    "SETTLE_SIMULATED": "300000", "SETTLE_HTTP_FUZZED": "1000000",
}
"""How many random histories of the money core, settlements and scenarios, the check plays, how many bugs it plants, and
how many the full run (all bugs), unless the environment says otherwise; the fast tests play a few hundred."""


class Part(StrEnum):
    """How much of the check: what reads the code, the fast tests, or also those that take many minutes."""

    check = "check"
    unit = "unit"
    all = "all"


_WORKERS = min(os.cpu_count() or 1, 4)
"""One a core, each with servers of its own; the tests of a file stay together, for they share what is dear to make."""
_PYTEST = [sys.executable, "-m", "pytest", "--numprocesses", str(_WORKERS), "--dist", "loadfile"]
TOOLS = Path(sys.executable).parent
_CHECKS = {
    "lint": [str(TOOLS / "ruff"), "check", "."],
    "types": [str(TOOLS / "mypy")],
    "imports": [str(TOOLS / "lint-imports")],
    "protos": [sys.executable, "protos/generate.py", "check"],
}


def test(
    part: Annotated[Part | None, typer.Argument(help="Without it, all that does not take many minutes.")] = None
) -> None:
    """Lint, types, import rules, protos current, tests; exit status 0 only if all of it held."""
    root = checkout.find()
    if root is None:
        typer.echo("settle: the check needs a checkout: `./bin/settle test` there", err=True)
        raise typer.Exit(2)
    checks = _CHECKS if part is not Part.unit else {}
    failed = [name for name, command in checks.items() if not _held(root, name, command)]
    if part is not Part.check:
        chosen = [] if part is Part.all else ["-m", "not end_to_end and not long" if part is Part.unit else "not long"]
        environ = {} if part is Part.unit else FULL if part is Part.all else CHECKED
        if not _held(root, "tests", [*_PYTEST, *chosen], environ):
            failed.append("tests")
    if failed:
        typer.echo(f"FAILED: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def _held(root: Path, name: str, command: list[str], environ: Mapping[str, str] | None = None) -> bool:
    began = time.monotonic()
    status = subprocess.run(command, cwd=root, check=False, env={**(environ or {}), **os.environ}).returncode
    typer.echo(f"{name}: {'ok' if status == 0 else f'failed ({status})'} in {time.monotonic() - began:.0f} s", err=True)
    return status == 0
