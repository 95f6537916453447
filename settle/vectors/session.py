"""A run from files to verdicts: on the engine that runs here under a manual clock, or on one started for it."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from settle.client.engine import Engine
from settle.client.tokens import Tokens
from settle.local.endpoints import running_engine, sandboxes_of, serving, targets_of, tls_of
from settle.local.refusals import NoEngine
from settle.local.stack import LocalStack
from settle.vectors.runner import Verdict, needs_engine, run
from settle.vectors.scenario import Scenario


def play(scenarios: Sequence[Scenario], data: Path, broker: str, processes: int = 1) -> list[Verdict]:
    """The verdict on every case, in their order."""
    if not needs_engine(scenarios):
        return asyncio.run(run(scenarios, None))
    with engine_said(data, broker, processes) as said:
        return asyncio.run(_played(scenarios, said))


async def _played(scenarios: Sequence[Scenario], said: Mapping[str, Any]) -> list[Verdict]:  # Any: values of JSON
    engine = Engine(targets_of(said), sandboxes_of(said), Tokens.of(said))
    try:
        return await run(scenarios, engine)
    finally:
        await engine.close()


@contextmanager
def engine_said(data: Path, broker: str, processes: int = 1) -> Iterator[Mapping[str, Any]]:  # Any: values of JSON
    """What an engine says of itself: the one on `data` if it runs under a manual clock, else one of our own."""
    running = running_said(data)
    if running:
        yield running
        return
    folder = Path(tempfile.mkdtemp(prefix="settle-vectors-"))
    try:
        with LocalStack(folder, broker, "manual", durable=False, processes=processes) as stack:
            yield stack.endpoints
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def running_said(data: Path) -> Mapping[str, Any]:  # Any: values of JSON
    """What the engine that runs on `data` says of itself; empty if none does, or if its clock cannot be moved."""
    try:
        said = running_engine(data)
    except NoEngine:
        return {}
    if said.get("clock") != "manual":
        return {}
    return said if all(serving(target, tls=tls_of(said)) for target in targets_of(said).values()) else {}
