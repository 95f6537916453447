"""`settle bench`: load on a stack of its own, with the ceiling of the same SQL and the auditor's verdict."""

import json as jsonlib
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from settle.cli.options import Broker, BrokerChoice, Json, Processes, finite


class Mix(StrEnum):
    """What is settled: orders paid by credit and wallet, or with a gift card among the tenders."""

    credit = "credit"
    mixed = "mixed"


class Sampled(StrEnum):
    """Which service is sampled."""

    order = "order"
    credit_ledger = "credit_ledger"
    card_redemption = "card_redemption"


def bench(
    mix: Annotated[Mix, typer.Option(help="`mixed` adds a gift card: two remote participants.")] = Mix.credit,
    seconds: Annotated[
        float, typer.Option(min=1, max=86_400, callback=finite, help="Length of each phase of load.")
    ] = 15.0,
    stored: Annotated[
        int, typer.Option(min=0, help="Orders stored before the load begins; at least what it needs.")
    ] = 0,
    rate: Annotated[
        float, typer.Option(min=0, callback=finite, help="Rate of the open loop; 0: half of the closed one.")
    ] = 0.0,
    batch: Annotated[
        int, typer.Option(min=0, help="Add a phase of BatchCancelOrders with this many orders a call.")
    ] = 0,
    statements: Annotated[
        int, typer.Option(min=0, help="Measure a night instead: this many accounts fall due at one midnight.")
    ] = 0,
    baseline: Annotated[
        bool, typer.Option(help="Measure the same saga written by hand too, on the same PostgreSQL.")
    ] = False,
    profile: Annotated[
        list[Sampled] | None, typer.Option(help="Sample this service; its report goes to SETTLE_PROFILE_DIR.")
    ] = None,
    broker: Broker = BrokerChoice.kafka,
    processes: Processes = 1,
    json: Json = False,
) -> None:
    """Measure settled settlements per second, latencies, CPU, the ceiling and the ratio.

    Exit status 1 if the figure is void.
    """
    from settle.bench.options import Options
    from settle.bench.run import bench as run
    from settle.local import kafka
    from settle.local.refusals import NoBroker

    if lacking := kafka.extra_missing():
        raise NoBroker(lacking)
    folder = Path(os.environ.get("SETTLE_PROFILE_DIR", "profile"))
    if profile:
        folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: nothing that was started stays behind
    options = Options(
        mix=mix.value, seconds=seconds, stored=stored, rate=rate, batch=batch, statements=statements, baseline=baseline,
        broker=broker.value, processes=processes, profile=tuple(service.value for service in profile or ()),
        profile_folder=folder if profile else None,
    )
    figures = run(options, lambda line: typer.echo(line, err=True))
    typer.echo(jsonlib.dumps(figures.as_json()) if json else figures.as_text())
    raise typer.Exit(1 if figures.void else 0)
