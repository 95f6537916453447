"""`settle up`: the engine on one machine."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Annotated

import typer

from settle.cli.options import DATA, Broker, BrokerChoice, Clock, ClockChoice, Data

DETACH_SECONDS_MAX = 180.0


def up(
    broker: Broker = BrokerChoice.auto,
    clock: Clock = ClockChoice.system,
    data: Data = DATA,
    detach: Annotated[bool, typer.Option(help="Return as soon as it is ready; `settle down` stops it.")] = False,
) -> None:
    """Start PostgreSQL, a broker and the services; Ctrl-C stops all of it."""
    if detach:
        _detach(broker, clock, data)
        return
    from settle.local.postgres import NoPostgres
    from settle.local.stack import AlreadyRunning, LocalStack
    from settle.local.topics import NoBroker

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    began = time.monotonic()
    try:
        with LocalStack(data, broker.value, clock.value, echo=True) as stack:
            _ready(stack.endpoints, time.monotonic() - began)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()
            typer.echo("stopping", err=True)
    except KeyboardInterrupt:
        typer.echo("stopped before it was ready", err=True)
        raise typer.Exit(130) from None
    except (AlreadyRunning, NoBroker, NoPostgres, RuntimeError, TimeoutError) as error:
        typer.echo(f"settle: {error}", err=True)
        raise typer.Exit(1) from error


def _interrupt(*_: object) -> None:
    """The first signal ends the waiting, also that for a start; more of them must not end the orderly stop."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _ready(endpoints: dict[str, dict[str, dict[str, str]]], seconds: float) -> None:
    where = ", ".join(f"{name} {service['target']}" for name, service in endpoints["services"].items())
    typer.echo(f"ready in {seconds:.1f} s: {where}", err=True)


def _detach(broker: BrokerChoice, clock: ClockChoice, data: Data) -> None:
    from settle.local.endpoints import read_endpoints, serving

    data.mkdir(parents=True, exist_ok=True)
    options = ["--broker", broker.value, "--clock", clock.value, "--data", str(data)]
    command = [sys.executable, "-P", "-m", "settle.cli", "up", *options]
    with open(data / "up.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + DETACH_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        said = read_endpoints(data)
        if said and said["pid"] == process.pid and all(serving(s["target"]) for s in said["services"].values()):
            typer.echo(f"ready; endpoints in {data / 'endpoints.json'}; `settle down` stops it", err=True)
            return
        time.sleep(0.2)
    typer.echo(f"settle: it did not become ready; see {data / 'up.log'}", err=True)
    raise typer.Exit(1)
