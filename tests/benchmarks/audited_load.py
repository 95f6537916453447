"""Prints what the auditor beside an engine costs it: `python -m tests.benchmarks.audited_load [SECONDS]`.

An engine of its own, durable, with stored orders and the auditor of `settle up` at work; a closed loop of so many
seconds, in stretches. Counted is CPU, which a machine that does other things as well does not spoil: the auditor's and
that of its sessions in PostgreSQL, beside all that the engine used (services, PostgreSQL, Kafka, the auditor). On a
machine that is full its part of that is its part of the throughput, which may be 5 % at most.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg

from settle.bench import loader
from settle.bench.load_process import Answer, LoadProcess
from settle.bench.processes import cost_of, costs_of
from settle.local.stack import AUDITOR, LocalStack

SECONDS, STRETCHES = 120, 4
"""So long that what the auditor does in bursts, and its pauses, are in it."""
WARM_UP_SECONDS = 10
SETTLED_PER_SECOND_MAX = 500
"""So many orders are stored for each second of load."""
LOOK_SECONDS = 0.5
"""The auditor's sessions come and go: what one used after it was last looked at is not counted."""
_SESSIONS = "select pid from pg_stat_activity where application_name = 'settle/auditor'"


class Used(NamedTuple):
    """CPU seconds of everything, and of the auditor with its sessions; and how much was settled by that."""

    whole: float
    auditor: float
    settled: int

    def __str__(self) -> str:
        each = 1e6 / max(self.settled, 1)
        return (
            f"{self.settled:6} settled for {self.whole * each:,.0f} us of CPU each, {self.auditor * each:,.0f} of them"
            f" the auditor's: {self.auditor / self.whole:.1%}"
        )


def main() -> None:
    """Print a line for each stretch, and what they come to."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="settle-audited-", ignore_cleanup_errors=True) as folder:
        data, file = Path(folder), Path(folder) / "targets"
        data.chmod(0o755)
        _fill(data, file, SETTLED_PER_SECOND_MAX * (WARM_UP_SECONDS + seconds))
        with LocalStack(data, "auto", "system", audited=True) as stack:
            used = asyncio.run(_measure(stack, file, seconds))
    print("in all", Used(
        sum(each.whole for each in used), sum(each.auditor for each in used), sum(each.settled for each in used)
    ))


def _fill(data: Path, file: Path, orders: int) -> None:
    with LocalStack(data, "auto", "manual") as stack:
        targets = asyncio.run(loader.fill(
            stack.endpoints, mix="mixed", orders=orders, now=datetime.now(UTC),
            say=print,
        ))
    loader.shuffled(targets, file, seed=1)


async def _measure(stack: LocalStack, file: Path, seconds: int) -> list[Used]:
    said, found = stack.endpoints, list[Used]()
    pids = {each["name"]: each["pid"] for each in said["processes"]}
    pids |= {"postgres": said["postgres"]["pid"], "kafka": said["broker"]["pid"]}
    admin = await asyncpg.connect(said["postgres"]["dsn"])
    with ExitStack() as cleanup:
        load = LoadProcess(said, file)
        cleanup.callback(load.stop)
        await load.ask(f"closed {WARM_UP_SECONDS}")
        for _ in range(STRETCHES):
            before = costs_of(pids)
            answer, of_sessions = await _watched(admin, load.ask(f"closed {seconds // STRETCHES}"))
            used = {name: cost.cpu_seconds - before[name].cpu_seconds for name, cost in costs_of(pids).items()}
            found.append(Used(sum(used.values()), used[AUDITOR] + of_sessions, int(answer["settled"])))
            print(found[-1], flush=True)
    await admin.close()
    return found


async def _watched(
    admin: "asyncpg.Connection[asyncpg.Record]", load: Awaitable[Answer]
) -> tuple[Answer, float]:
    """The answer of the load, and what the auditor's sessions used meanwhile; one that comes later began at nothing."""
    loading = asyncio.ensure_future(load)
    first = await _sessions(admin)
    last = dict(first)
    while not loading.done():
        await asyncio.wait({loading}, timeout=LOOK_SECONDS)
        last |= await _sessions(admin)
    return loading.result(), sum(used - first.get(pid, 0.0) for pid, used in last.items())


async def _sessions(admin: "asyncpg.Connection[asyncpg.Record]") -> dict[int, float]:
    """CPU seconds of the auditor's sessions, by process."""
    return {row["pid"]: cost_of(row["pid"]).cpu_seconds for row in await admin.fetch(_SESSIONS)}


if __name__ == "__main__":
    main()
