"""A service that cannot start says in one line what an operator has to mend, with exit status 2 (F12)."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.runtime.ground.starting import CANNOT_START

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "postgresql://somebody:secret@127.0.0.1:1/order"
SECONDS_MAX = 60.0
"""Long enough for a crowded machine; nothing is tried again and again, which would take for ever."""


def started(module: str, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """The service as a process of its own, until it ends."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SETTLE_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "protos" / "gen")])
    command = [sys.executable, "-m", module]
    return subprocess.run(
        command, env=plain | {"PYTHONPATH": path} | dict(environ), cwd=ROOT, timeout=SECONDS_MAX, capture_output=True,
        text=True, check=False,
    )


@pytest.mark.parametrize(("environ", "line"), [
    ({"SETTLE_LANES": "many"}, "SETTLE_LANES='many' is not a whole number"),
    ({"SETTLE_LISTEN": "here"}, "SETTLE_LISTEN='here' is not host:port"),
    ({"SETTLE_METRICS_LISTEN": "127.0.0.1:99999"}, "SETTLE_METRICS_LISTEN='127.0.0.1:99999' is not host:port"),
    ({"SETTLE_DSN": NOWHERE}, "no database at 127.0.0.1:1/order: [Errno 111] "),
    ({"SETTLE_DSN": "nonsense"}, "no database at SETTLE_DSN: invalid DSN: scheme is expected to be either"),
], ids=lambda given: str(given)[:40])
def test_one_line_and_status_2(environ: dict[str, str], line: str) -> None:
    """No traceback, no password, and no waiting for what will not come."""
    done = started("services.order", environ)

    assert (done.returncode, done.stdout) == (CANNOT_START, "")
    assert done.stderr.startswith(f"order cannot start: {line}")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr
