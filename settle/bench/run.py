"""One run of the bench: fill, start, warm up, closed loop, open loop at half of it, ceiling, auditor."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import asyncpg

from settle.audit import auditor
from settle.bench import baseline, ceiling, loader, night, processes
from settle.bench.figures import Figures, Moment, Percentiles, Phase
from settle.bench.goals import BATCHED, CLOSED, IDLE, OPEN, OVERLOAD, OVERLOAD_TIMES, STREAMED
from settle.bench.load_process import LoadProcess
from settle.bench.options import WARM_UP_SECONDS, Options
from settle.bench.profiled import ProfiledStack
from settle.local import machine
from settle.local.endpoints import dsns_of
from settle.local.environs import chain_key
from settle.local.stack import LocalStack

TOO_LATE = "VERIFICATION_STARTED"
"""Why a card is not taken back that was verified by itself, as all cards that are left are at that time."""
VERSIONS = ("grpcio", "protobuf", "aiokafka", "asyncpg", "msgspec", "uvloop")


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of a run: `say` what was measured, `begin` the name of each of the `options.steps` when it begins."""

    say: Callable[[str], None]
    begin: Callable[[str], None]


def bench(options: Options, told: Told) -> Figures:
    """Run it on a stack of its own, durable, in a folder that is deleted afterwards."""
    told.begin("orders stored")
    say = told.say
    now = night.eve() if options.statements else datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="settle-bench-", ignore_cleanup_errors=True) as folder:
        data, file = Path(folder), Path(folder) / "targets"
        data.chmod(0o755)
        with LocalStack(data, options.broker, "manual", processes=options.processes, say=say) as stack:
            targets = asyncio.run(loader.fill(
                stack.endpoints, mix=options.mix, orders=options.orders, now=now, say=say,
            ))
            loader.shuffled(targets, file, options.seed)
        with ProfiledStack(data, options, say) as stack:
            told.begin("stored data read")
            _warm(data, say)
            return asyncio.run(_measure(stack, options, file, len(targets), told))


def _warm(data: Path, say: Callable[[str], None]) -> None:
    """Read all that is stored once, so that the first load does not measure the disk."""
    began, size = time.monotonic(), 0
    for file in data.rglob("base/*/*"):
        with suppress(FileNotFoundError), file.open("rb", buffering=0) as source:  # a server at work drops files
            while chunk := source.read(1 << 20):
                size += len(chunk)
    say(f"read {size / 1e9:.1f} GB of stored data in {time.monotonic() - began:.0f} s")


async def _measure(
    stack: LocalStack, options: Options, file: Path, stored: int, told: Told
) -> Figures:
    say, begin = told.say, told.begin
    dsns = dsns_of(stack.endpoints)
    admin = await asyncpg.connect(dsns["order"])
    server: str = await admin.fetchval("show server_version")
    versions = {name: version(name) for name in VERSIONS}
    versions |= {"python": sys.version.split()[0], "PostgreSQL": server.split()[0]}
    figures = Figures(
        options.mix, f"{stack.broker.kind} {stack.broker.version}", versions, stored, machine=machine.describe()
    )
    began = await admin.fetchval("select now()")
    with ExitStack() as cleanup:
        load = LoadProcess(stack.endpoints, file, options.service)
        cleanup.callback(load.stop)
        pids = _pids(stack) | {"load": load.pid}

        async def phase(name: str, command: str) -> Phase:
            begin(name)
            return await _phase(load, admin, pids, name, command)

        await phase("warm-up", f"closed {WARM_UP_SECONDS}")
        if options.statements:
            figures.phases, figures.night = await night.night(
                stack.endpoints, lambda name: phase(name, f"closed {options.seconds}"), say
            )
            figures.void += figures.night.flaws()
        else:
            figures.phases += await _day(options, phase, say)
        rss = processes.costs_of(pids)
    say("\n".join(str(phase) for phase in figures.phases[1:]))
    figures.rss_mib = {name: round(cost.rss_mib, 1) for name, cost in rss.items() if name not in ("postgres", "load")}
    begin("auditor")
    report = await auditor.audit(dsns, wait_seconds=30.0, strict=True, chain_key=chain_key(os.environ))
    figures.violations = report.counts
    say(f"auditor: {len(report.findings)} findings in {report.seconds:.0f} s")
    if not options.statements and options.service == "order":
        begin("ceiling")
        figures.ceiling_per_second = await ceiling.measure(dsns, began, say)
    if options.baseline:
        begin("baseline")
        figures.baseline_per_second = await asyncio.to_thread(baseline.measure, dsns, options.seconds)
        say(f"baseline: {figures.baseline_per_second:.0f}/s by hand")
    await admin.close()
    _judge(figures, [
        f"{f.check} in {f.where}: {f.what}: expected {f.expected}, found {f.actual}" for f in report.findings
    ])
    return figures


async def _day(
    options: Options, phase: Callable[[str, str], Awaitable[Phase]], say: Callable[[str], None]
) -> list[Phase]:
    closed = await phase(CLOSED, f"closed {options.seconds}")
    rate = options.rate or closed.settled_per_second / 2
    say(f"{closed}\nopen loop at {rate:.0f}/s")
    phases = [closed, await phase(OPEN, f"open {options.seconds} {rate}")]
    if options.idle:
        phases.append(await phase(IDLE, f"idle {options.seconds / 2}"))
    if options.overload:
        phases.append(await phase(OVERLOAD, f"overload {options.seconds} {closed.settled_per_second * OVERLOAD_TIMES}"))
    if options.streams:
        phases.append(await phase(STREAMED, f"streamed {options.seconds} {options.streams}"))
    if options.batch:
        phases.append(await phase(BATCHED, f"batch {options.seconds / 2} {options.batch}"))
    return phases


def _judge(figures: Figures, findings: list[str]) -> None:
    """Why the figures are void, if they are."""
    figures.void += findings[:20]
    for phase in figures.phases:
        if late := sum(count for why, count in phase.errors.items() if why.endswith(TOO_LATE)):
            figures.void.append(f"{phase.name}: {late} cards, and all that were left, were verified beside the load")
        if phase.settled < phase.sent - sum(phase.errors.values()):
            figures.void.append(f"{phase.name}: {phase.sent - phase.settled} of {phase.sent} were not settled")


def _pids(stack: LocalStack) -> dict[str, int]:
    said = stack.endpoints
    pids = {name: service["pid"] for name, service in said["services"].items()}
    servers = {"postgres": said["postgres"]["pid"], "kafka": said["broker"]["pid"]}
    return pids | {name: pid for name, pid in servers.items() if pid}


async def _phase(
    load: LoadProcess, admin: "asyncpg.Connection[asyncpg.Record]", pids: Mapping[str, int], name: str, command: str
) -> Phase:
    """Run one phase of load and count what it cost until everything of it was settled."""
    lsn = await admin.fetchval("select pg_current_wal_insert_lsn()")
    before, busy, began = processes.costs_of(pids), processes.busy_seconds(), time.monotonic()
    answer = await load.ask(command)
    after, busy_after, wall = processes.costs_of(pids), processes.busy_seconds(), time.monotonic() - began
    wal = int(await admin.fetchval("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1)", lsn))
    settled, cores = max(answer["settled"], 1), processes.cores()
    return Phase(
        name=name, seconds=round(answer["seconds"], 2), sent=answer["sent"], settled=answer["settled"],
        settled_per_second=round(answer["settled_per_second"], 1),
        accepted=Percentiles.of(answer["accepted"]), to_settled=Percentiles.of(answer["to_settled"]),
        errors=answer["errors"], refused=Percentiles.of(answer["refused"]),
        held_back=answer["held_back"],
        cpu_per_1000={n: round((after[n].cpu_seconds - before[n].cpu_seconds) * 1000 / settled, 3) for n in pids},
        wal_bytes_per_settlement=wal // settled, machine_busy=round((busy_after.used - busy.used) / wall / cores, 3),
        stolen=round((busy_after.stolen - busy.stolen) / wall / cores, 3),
        moments=[Moment(second, len(took), Percentiles.of(took)) for second, took in answer["moments"]],
    )
