"""What wakes the rows that wait, held against the timers that are there: none is missing, late, lost or of nothing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from services.kernel.ids import partition_of
from services.kernel.lifecycle import Wait
from settle.audit.findings import Finding
from settle.audit.present import PRESENT
from settle.audit.snapshots import World

Row: TypeAlias = "asyncpg.Record | Mapping[str, Any]"
"""A row of `timers`, by the names of its columns."""
Key = tuple[str, str]
"""Kind and key of a timer."""
MISSING = "the timer was deleted, or moved, past the engine: nothing will wake what waits for it"
IDLE = "the timer was written past the engine, or what it woke was"
_TIMERS = """
select t.kind, t.key, t.root, t.partition, t.due_at
from unnest($1::text[], $2::text[]) w (kind, key) join timers t on t.kind = w.kind and t.key = w.key
"""
PRESENT_OF_SERVICE = f"""
select {PRESENT} present,
       coalesce((select value::integer from runtime_facts where name = 'partitions'), 0) partitions
"""


class Present(NamedTuple):
    """The instant of a service's snapshot by the clock of its decisions, and how many partitions it has (0: it never
    ran)."""

    at: datetime
    partitions: int


async def present(world: World, service: str) -> Present:
    """The present of a service."""
    row = await world[service].fetchrow(PRESENT_OF_SERVICE)
    assert row is not None
    return Present(row["present"], row["partitions"])


async def found(world: World, service: str, keys: Iterable[Key]) -> dict[Key, Row]:
    """Those of these timers that are there."""
    wanted = sorted(set(keys))
    rows = await world[service].fetch(_TIMERS, [kind for kind, _ in wanted], [key for _, key in wanted])
    return {(row["kind"], row["key"]): row for row in rows}


def compared(
    check: str, service: str, waits: Sequence[Wait], timers: Mapping[Key, Row], now: Present
) -> list[Finding]:
    """What is wrong with the timers of some rows: `waits` is what these wait for, `timers` what there is of them."""
    missing = [
        Finding(check, service, f"timer {wait.kind} of {wait.key}", _said(wait, now), "none", cause=MISSING)
        for wait in waits if (wait.kind, wait.key) not in timers
    ]
    by_key = {(wait.kind, wait.key): wait for wait in waits}
    wrong = [
        Finding(check, service, f"timer {key[0]} of {key[1]}", expected, _told(timer), cause=MISSING if wait else IDLE)
        for key, timer in timers.items() for wait in (by_key.get(key),) if (expected := _expected(wait, timer, now))
    ]
    return missing + wrong


def _told(timer: Row) -> str:
    return f"due at {timer['due_at'].isoformat()} for {timer['root']} in {timer['partition']}"


def _expected(wait: Wait | None, timer: Row, now: Present) -> str:
    """What should be in place of a timer, "" if it is right."""
    if wait is None:
        return "none: what it would wake does not wait"
    if timer["due_at"].tzinfo is None:  # PostgreSQL's infinity, which nobody wrote through the engine
        return _said(wait, now)
    early = wait.earliest is not None and timer["due_at"] < wait.earliest
    elsewhere = now.partitions and timer["partition"] != partition_of(wait.root, now.partitions)
    if early or elsewhere or timer["root"] != wait.root or timer["due_at"] > wait.until(now.at):
        return _said(wait, now)
    return ""


def _said(wait: Wait, now: Present) -> str:
    earliest = f"from {wait.earliest.isoformat()} " if wait.earliest is not None else ""
    where = f" in {partition_of(wait.root, now.partitions)}" if now.partitions else ""
    return f"due {earliest}until {wait.until(now.at).isoformat()} for {wait.root}{where}"
