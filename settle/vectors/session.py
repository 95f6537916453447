"""A run from files to verdicts: on the engine that runs here under a manual clock, or on one started for it."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from settle.client.engine import Engine
from settle.local.endpoints import running_engine, serving, targets_of
from settle.local.refusals import NoEngine
from settle.local.stack import LocalStack
from settle.vectors.runner import Verdict, needs_engine, run
from settle.vectors.scenario import Scenario


def play(scenarios: Sequence[Scenario], data: Path, broker: str, processes: int = 1) -> list[Verdict]:
    """The verdict on every case, in their order."""
    if not needs_engine(scenarios):
        return asyncio.run(run(scenarios, None))
    with engine_targets(data, broker, processes) as targets:
        return asyncio.run(_played(scenarios, targets))


async def _played(scenarios: Sequence[Scenario], targets: Mapping[str, str]) -> list[Verdict]:
    engine = Engine(targets)
    try:
        return await run(scenarios, engine)
    finally:
        await engine.close()


@contextmanager
def engine_targets(data: Path, broker: str, processes: int = 1) -> Iterator[Mapping[str, str]]:
    """Addresses of the services: of the engine on `data` if it runs under a manual clock, else of one of our own."""
    running = running_targets(data)
    if running:
        yield running
        return
    folder = Path(tempfile.mkdtemp(prefix="settle-vectors-"))
    try:
        with LocalStack(folder, broker, "manual", durable=False, processes=processes) as stack:
            yield targets_of(stack.endpoints)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def running_targets(data: Path) -> Mapping[str, str]:
    """Addresses of the engine that runs on `data`; empty if none does, or if its clock cannot be moved."""
    try:
        said = running_engine(data)
    except NoEngine:
        return {}
    if said.get("clock") != "manual":
        return {}
    targets = targets_of(said)
    return targets if all(serving(target) for target in targets.values()) else {}
