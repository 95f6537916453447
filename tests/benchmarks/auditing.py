"""Prints what auditing an order costs: `python -m tests.benchmarks.auditing [ORDERS] [--profile]`.

A throw-away PostgreSQL, a family of eight orders (`audited_family`), its clones; then what each question takes, in
one process: CPU of Python and of PostgreSQL for an order with its share of an account and of a card. At last a whole
`settle verify --full` by as many processes as there are cores: its time, rate, memory. Clones have no chains: a row
that is in one costs 5 us more (`chaining`). `--profile` prints instead where Python spends its time.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from services.runtime.ground.values import settle_in
from settle.audit import asking, auditor, walks
from settle.audit.auditor import Asked
from settle.audit.findings import Report
from settle.audit.snapshots import World, open_snapshots, put_beside
from settle.audit.walks import KINDS, Range
from settle.bench import loader
from tests.benchmarks.audited_family import ORDERS, family
from tests.settle.audit.house import house
from tests.settle.audit.scratch import made

BEGIN = datetime(2026, 1, 2, 2, 0, tzinfo=UTC)
PROFILED_LINES = 45


class Costs:
    """CPU by question: Python's, and PostgreSQL's at these sessions."""

    def __init__(self, backends: list[int], orders: int) -> None:
        self._backends, self._orders = backends, orders
        self.by_name: dict[str, tuple[float, float]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Add what is done inside."""
        python, postgres = time.process_time(), _seconds_of(self._backends)
        yield
        known = self.by_name.get(name, (0.0, 0.0))
        self.by_name[name] = (
            known[0] + time.process_time() - python, known[1] + _seconds_of(self._backends) - postgres
        )

    def show(self) -> None:
        """A line for each, the dearest first, and their sum; microseconds for an order."""
        each = sorted(self.by_name.items(), key=lambda cost: -sum(cost[1]))
        total = [sum(cost[place] for _, cost in each) for place in (0, 1)]
        print(f"{'':<34} {'python':>8} {'postgres':>9}  us an order")
        for name, (python, postgres) in (*each, ("all", (total[0], total[1]))):
            print(f"{name:<34} {python / self._orders * 1e6:8.1f} {postgres / self._orders * 1e6:9.1f}")


def _seconds_of(processes: list[int]) -> float:
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in processes) / 1e9


async def _fill(dsn: str, orders: int) -> Mapping[str, str]:
    async with house(dsn, "audited", BEGIN) as world:
        await family(world)
        began = time.monotonic()
        await loader._clone(world.dsns, -(-orders // ORDERS))
        print(f"{orders:,} orders stored in {time.monotonic() - began:.0f} s", flush=True)
        return world.dsns


async def _by_question(dsns: Mapping[str, str], orders: int) -> None:
    async with open_snapshots(dsns) as connections:
        backends = [connection.get_server_pid() for connection in connections.values()]
        world, report, costs = World(connections, quiet=True), Report(), Costs(backends, orders)
        with costs.of("put beside"):
            await put_beside(world)
        for check in (*auditor.CHECKS, *auditor.QUIET_CHECKS):
            for service in check.where:
                with costs.of(f"query {check.id}"):
                    await asking.ask(world, check, service, report)
        for name, cross in auditor.CROSS_CHECKS.items():
            with costs.of(f"cross {name}"):
                await asking.ask_across(world, name, cross, report)
        await _walk(world, costs, report)
        assert report.clean, report.findings
        costs.show()


async def _walk(world: World, costs: Costs, report: Report) -> None:
    for service, of in KINDS:
        last = ""
        most = walks.WHOLE_AT_A_TIME.get(of, walks.AT_A_TIME)
        while ids := await walks.ids_after(world, Range(service, of), last, most):
            slice_ = replace(world, shared={})  # what several walks read counts for the first of them
            for walk in walks.walks_of(service, of):
                with costs.of(f"walk {walk.id}"):
                    await walks.walk_some(slice_, walk, ids, report)
            last = ids[-1]


async def _whole(dsns: Mapping[str, str], orders: int) -> None:
    cores = os.cpu_count() or 1
    report, _ = await auditor.audit_since(dsns, Asked(wait_seconds=0, strict=True, processes=cores))
    assert report.clean, report.findings
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(
        f"{orders:,} orders in full: {report.seconds:.1f} s by {cores} processes, {orders / report.seconds:,.0f}/s, a"
        f" million in {report.seconds / orders * 1e6 / 60:.1f} min, at most {peak / 1024:.0f} MB in one process,"
        f" load {os.getloadavg()[0]:.1f}"
    )


def _profiled(dsns: Mapping[str, str]) -> None:
    with cProfile.Profile() as profile:
        asyncio.run(auditor.audit(dsns, wait_seconds=0, strict=True))
    for order in ("tottime", "cumtime"):
        pstats.Stats(profile).sort_stats(order).print_stats(PROFILED_LINES)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("orders", type=int, nargs="?", default=20_000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--guarded", action="store_true")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="settle-auditing-"))
    server = made(folder)
    server.start()
    try:
        dsns = asyncio.run(_fill(server.dsn.rpartition("/")[0], asked.orders))
        if not asked.guarded:
            settle_in()
        if asked.profile:
            _profiled(dsns)
        else:
            asyncio.run(_by_question(dsns, asked.orders))
            asyncio.run(_whole(dsns, asked.orders))
    finally:
        server.stop(immediate=True)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
