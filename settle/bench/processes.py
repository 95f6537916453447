"""What processes cost, read from /proc: CPU seconds with those of their children, and resident memory."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds used so far, and resident memory, in MiB."""

    cpu_seconds: float
    rss_mib: float


def cost_of(pid: int) -> Cost:
    """A process and all that descend from it; ended children count as far as their parent has waited for them."""
    family = _family(pid)
    ticks = sum(_ticks(member, ended=True) for member in family)
    return Cost(ticks / _TICKS, sum(_resident_mib(member) for member in family))


def costs_of(pids: Mapping[str, int]) -> dict[str, Cost]:
    """The costs of several processes, by name."""
    return {name: cost_of(pid) for name, pid in pids.items()}


class Busy(NamedTuple):
    """CPU seconds of the whole machine: in use, and stolen by other machines on the same host."""

    used: float
    stolen: float


def busy_seconds() -> Busy:
    """What the whole machine has used since it started."""
    fields = [int(word) for word in (_PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, soft, steal = fields
    return Busy((user + nice + system + irq + soft) / _TICKS, steal / _TICKS)


def _family(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
    members = [pid]
    for member in members:
        members.extend(child for child, parent in parents.items() if parent == member)
    return members


def _stat(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(pid: int, ended: bool) -> int:
    fields = _stat(pid)
    return sum(int(word) for word in fields[11 : 15 if ended else 13])


def _resident_mib(pid: int) -> float:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))
