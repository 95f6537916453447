"""Prints what the auditor beside an engine costs it: `python -m tests.benchmarks.audited_load [PAIRS] [SECONDS]`.

An engine of its own, durable, with stored orders and the auditor of `settle up`; closed loops of so many seconds, in
turns with the auditor at work and with it stopped (SIGSTOP), each first in every other pair, for the machine and the
orders that are left change with time. Beside each rate: how much of the time the auditor worked. At last the median of
what it took, which may be 5 % at most.
"""

import asyncio
import statistics
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

from settle.bench import loader
from settle.bench.load_process import LoadProcess
from settle.local.stack import AUDITOR, LocalStack

PAIRS, SECONDS = 4, 30
"""So long that what the auditor does in bursts, and its pauses, are in it."""
WARM_UP_SECONDS = 5
SETTLED_PER_SECOND_MAX = 1_000
"""So many orders are stored for each second of load."""


def main() -> None:
    """Print a line for each pair, and the median."""
    pairs, seconds = (int(sys.argv[n]) if len(sys.argv) > n else given for n, given in ((1, PAIRS), (2, SECONDS)))
    with tempfile.TemporaryDirectory(prefix="settle-audited-", ignore_cleanup_errors=True) as folder:
        data, file = Path(folder), Path(folder) / "targets"
        data.chmod(0o755)
        _fill(data, file, SETTLED_PER_SECOND_MAX * (WARM_UP_SECONDS + 2 * pairs * seconds))
        with LocalStack(data, "auto", "system", audited=True) as stack:
            taken = asyncio.run(_measure(stack, file, pairs, seconds))
    print(f"the auditor took {statistics.median(taken):.1%} of the throughput, median of {pairs} pairs")


def _fill(data: Path, file: Path, orders: int) -> None:
    with LocalStack(data, "auto", "manual") as stack:
        targets = asyncio.run(loader.fill(
            stack.endpoints, mix="mixed", orders=orders, now=datetime.now(UTC),
            say=print,
        ))
    loader.shuffled(targets, file, seed=1)


async def _measure(stack: LocalStack, file: Path, pairs: int, seconds: int) -> list[float]:
    """What the auditor took in each pair, as a part of the rate without it."""
    taken = []
    with ExitStack() as cleanup:
        load = LoadProcess(stack.endpoints, file)
        cleanup.callback(load.stop)
        await load.ask(f"closed {WARM_UP_SECONDS}")
        for pair in range(pairs):
            rates, worked = {}, 0.0
            for audited in (True, False) if pair % 2 else (False, True):
                before = _worked(stack) if audited else 0.0
                if not audited:
                    stack.pause(AUDITOR)
                rates[audited] = await _rate(load, seconds)
                if audited:
                    worked = _worked(stack) - before
                else:
                    stack.resume(AUDITOR)
            taken.append(1 - rates[True] / rates[False])
            print(
                f"{rates[False]:7.1f} settled/s without the auditor, {rates[True]:7.1f} with it at work for"
                f" {worked:.2f} s of {seconds}: {taken[-1]:+.1%}", flush=True,
            )
    return taken


async def _rate(load: LoadProcess, seconds: int) -> float:
    answer = await load.ask(f"closed {seconds}")
    return float(answer["settled_within"]) / float(answer["seconds"])


def _worked(stack: LocalStack) -> float:
    """For how long the auditor has worked since its start."""
    with urlopen(f"http://{stack.seats[AUDITOR].metrics}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("settle_audit_work_seconds "))


if __name__ == "__main__":
    main()
