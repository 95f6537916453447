"""`settle up`: the engine on one machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from settle.cli.options import DATA, Broker, BrokerChoice, Clock, ClockChoice, Data, Processes, Tls

DETACH_SECONDS_MAX = 180.0
LOG = "up.log"


def up(
    broker: Broker = BrokerChoice.auto,
    clock: Clock = ClockChoice.system,
    data: Data = DATA,
    processes: Processes = 1,
    tls: Tls = False,
    detach: Annotated[bool, typer.Option(help="Return as soon as it is ready; `settle down` stops it.")] = False,
    detached: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Start PostgreSQL, a broker and the services; Ctrl-C stops all of it.

    Exit status 2 if it cannot run here, 1 if it ran and had to stop.
    """
    from settle.local import folder

    folder.exists(data)
    if held := folder.holder(data):  # said at once; the lock itself is taken by the stack
        raise held.refusal(data)
    if detach:
        _detach(broker, clock, data, processes, tls)
    else:
        _run(broker, clock, data, processes, detached=detached, tls=tls)


def _run(
    broker: BrokerChoice, clock: ClockChoice, data: Path, processes: int, *, detached: bool, tls: bool
) -> None:
    from settle.local.stack import LocalStack

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    began = time.monotonic()
    try:
        stack = LocalStack(
            data, broker.value, clock.value, processes=processes, echo=True, audited=True, gateway=True,
            tls=tls,
        )
        stack.prepare()
        if detached:
            _write_to(data / LOG)  # not sooner: until the folder is ours, the log belongs to the engine that runs
        with stack:
            _ready(stack.endpoints, time.monotonic() - began)
            failure = _waited(stack.wait_failed)
            typer.echo("stopping", err=True)
    except KeyboardInterrupt:
        typer.echo("stopped before it was ready", err=True)
        raise typer.Exit(130) from None
    if failure:
        typer.echo(f"settle: {failure}", err=True)
        raise typer.Exit(1)


def _interrupt(*_: object) -> None:
    """The first signal ends the waiting, also that for a start; more of them must not end the orderly stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _waited(wait_failed: Callable[[], str]) -> str:
    """Until somebody stops it, or a process of it is given up; answers why, if it is that."""
    try:
        return wait_failed()
    except KeyboardInterrupt:
        return ""


def _write_to(log: Path) -> None:
    with open(log, "wb") as kept:
        kept.write(f"{_head(os.getpid())}\n".encode())
        kept.flush()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(kept.fileno(), stream.fileno())


def _ready(endpoints: dict[str, Any], seconds: float) -> None:  # Any: the values of a JSON file
    where = ", ".join(f"{name} {service['target']}" for name, service in endpoints["services"].items())
    typer.echo(f"ready in {seconds:.1f} s: {where}", err=True)
    typer.echo(f"HTTP and a page to try it: {endpoints['gateway']['url']}", err=True)


def _detach(broker: BrokerChoice, clock: ClockChoice, data: Path, processes: int, tls: bool) -> None:
    """The child says on our stderr why it cannot run; once it has the folder, it writes to the log."""
    from settle.local.endpoints import read_endpoints, serving, tls_of
    from settle.local.prefixed import last_line

    options = ["--broker", broker.value, "--clock", clock.value, "--data", str(data), "--detached"]
    options += ["--processes", str(processes), *(["--tls"] if tls else [])]
    command = [sys.executable, "-P", "-m", "settle.cli", "up", *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + DETACH_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        said = read_endpoints(data)
        if said and said["pid"] == process.pid and all(
            serving(service["target"], tls=tls_of(said)) for service in said["services"].values()
        ):
            typer.echo(f"ready; endpoints in {data / 'endpoints.json'}; `settle down` stops it", err=True)
            return
        time.sleep(0.2)
    if process.poll() is None or _is_of(data / LOG, process.pid):  # else it has said on our stderr why it cannot run
        typer.echo(f"settle: it did not become ready; see {data / LOG}{last_line(data / LOG, 'settle: ')}", err=True)
    raise typer.Exit(process.returncode or 1)


def _head(pid: int) -> str:
    """The first line of the log: whose it is."""
    return f"process {pid}"


def _is_of(log: Path, pid: int) -> bool:
    try:
        return log.read_text(encoding="utf-8", errors="replace").startswith(_head(pid) + "\n")
    except OSError:
        return False
