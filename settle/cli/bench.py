"""`settle bench`: load on a stack of its own, with the ceiling of the same SQL and the auditor's verdict."""

import json as jsonlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from settle.cli.options import Broker, BrokerChoice, Json, Processes, finite

if TYPE_CHECKING:
    from settle.bench.figures import Figures
    from settle.bench.options import Options

STREAMS, BATCH = 8, 50
"""With the baseline: over so many streams, and so many orders a call."""


class Mix(StrEnum):
    """What is settled: orders paid by credit and wallet, or with a gift card among the tenders; or recycled cards, half
    of them taken back for a fee, half paid out."""

    credit = "credit"
    mixed = "mixed"
    redemption = "redemption"


class Sampled(StrEnum):
    """Which service is sampled."""

    order = "order"
    credit_ledger = "credit_ledger"
    card_redemption = "card_redemption"


Streams = Annotated[
    int | None, typer.Option(
        min=0, max=64, help="Add a phase over this many streams; with --baseline 8 if not said.", show_default=False
    )
]
Batch = Annotated[
    int | None, typer.Option(
        min=0, max=500, show_default=False,
        help="Add a phase of BatchCancelOrders with this many orders a call; with --baseline 50 if not said.",
    )
]
Report = Annotated[
    Path | None, typer.Option(help="Write the figures as one page of HTML to this file too.", dir_okay=False)
]
Compare = Annotated[
    tuple[Path, Path] | None, typer.Option(
        metavar="A B", help="Run nothing: set two reports (or files of --json) side by side.", show_default=False
    )
]
Seconds = Annotated[float, typer.Option(min=1, max=86_400, callback=finite, help="Length of each phase of load.")]
Stored = Annotated[int, typer.Option(min=0, help="Orders stored before the load begins; at least what it needs.")]
Rate = Annotated[
    float, typer.Option(min=0, callback=finite, help="Rate of the open loop; 0: half of the closed one.")
]
Idle = Annotated[
    bool, typer.Option("--idle", help="Add a phase of settlements one by one: the latency of an idle engine.")
]
Overload = Annotated[
    bool, typer.Option("--overload", help="Add a phase in which ten times as much is offered as was settled.")
]
Statements = Annotated[
    int, typer.Option(min=0, help="Measure a night instead: this many accounts fall due at one midnight.")
]
Baseline = Annotated[
    bool, typer.Option(help="Measure the same saga written by hand too, on the same PostgreSQL.")
]
Profile = Annotated[
    list[Sampled] | None, typer.Option(help="Sample this service; its report goes to SETTLE_PROFILE_DIR.")
]


def bench(
    mix: Annotated[
        Mix, typer.Option(help="`mixed` adds a gift card: two remote participants; `redemption` recycles some.")
    ] = Mix.credit,
    seconds: Seconds = 15.0,
    stored: Stored = 0,
    rate: Rate = 0.0,
    idle: Idle = False,
    overload: Overload = False,
    streams: Streams = None,
    batch: Batch = None,
    statements: Statements = 0,
    baseline: Baseline = False,
    report: Report = None,
    compare: Compare = None,
    profile: Profile = None,
    broker: Broker = BrokerChoice.kafka,
    processes: Processes = 1,
    json: Json = False,
) -> None:
    """Measure settled settlements per second, latencies, CPU, the ceiling and the ratio.

    Exit status 1 if the figure is void.
    """
    if compare is not None:
        _compare(*compare)
        return
    if mix is Mix.redemption and (batch or statements or streams):
        raise typer.BadParameter("orders come in batches and streams, and accounts are billed: not --mix redemption")
    from settle.bench.options import Options

    streams, batch = _ways(streams, batch, baseline, mix)
    folder = Path(os.environ.get("SETTLE_PROFILE_DIR", "profile"))
    figures = _run(Options(
        mix=mix.value, seconds=seconds, stored=stored, rate=rate, idle=idle, overload=overload, streams=streams,
        batch=batch, statements=statements, baseline=baseline, broker=broker.value, processes=processes,
        profile=tuple(service.value for service in profile or ()), profile_folder=folder if profile else None,
    ), shown=not json)
    if report is not None:
        from settle.bench import report as page

        page.write(figures, report)
    typer.echo(jsonlib.dumps(figures.as_json()) if json else figures.as_text())
    raise typer.Exit(1 if figures.void else 0)


def _run(options: "Options", shown: bool) -> "Figures":
    from settle.bench.run import Told
    from settle.bench.run import bench as run
    from settle.local import kafka
    from settle.local.refusals import NoBroker

    if lacking := kafka.extra_missing():
        raise NoBroker(lacking)
    if options.profile_folder is not None:
        options.profile_folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds: nothing that was started stays behind
    with _progress(options.steps, shown) as (say, begin):
        return run(options, Told(say, begin))


def _ways(streams: int | None, batch: int | None, baseline: bool, mix: Mix) -> tuple[int, int]:
    """Streams and orders a call: who compares with the baseline compares every way to send commands."""
    if streams is None:
        streams = STREAMS if baseline and mix is not Mix.redemption else 0
    if batch is None:
        batch = BATCH if baseline and mix is Mix.credit else 0
    return streams, batch


def _compare(before: Path, after: Path) -> None:
    from settle.bench import report as page

    try:
        typer.echo(page.compare(page.read(before), page.read(after)))
    except (OSError, UnicodeDecodeError, page.Unreadable) as error:
        raise typer.BadParameter(str(error), param_hint="--compare") from error


@contextmanager
def _progress(steps: int, shown: bool) -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Who hears what was measured, and what begins: a bar over the steps, if a person watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    if not shown or not sys.stderr.isatty():
        yield lambda line: typer.echo(line, err=True), lambda step: None
        return
    columns = TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, begun = bar.add_task("", total=steps), count()
        yield (
            lambda line: bar.console.print(line, highlight=False, markup=False),
            lambda step: bar.update(task, description=step, completed=next(begun)),
        )
