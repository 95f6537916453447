"""What a process checks about itself: at the start, once; and while it runs, that its loop turns."""

import asyncio
import multiprocessing
import os
from importlib.metadata import version
from pathlib import Path

import structlog
from google.protobuf.internal import api_implementation

from services.kernel.errors import Defect
from services.runtime.ground import metrics

LAG_SECONDS_MAX = 0.05
"""A loop held longer than this by one piece of work is reported (A8)."""

_loops: list[asyncio.AbstractEventLoop] = []
log = structlog.get_logger(__name__)


def check_process(protobuf: str = "", client: str = "") -> None:
    """Refuse to start where a known trap is open: slow protobuf (P1), old aiokafka (A12), fork (G9), two loops (G7).

    `protobuf` and `client` stand for what is installed, for tests.
    """
    implementation = protobuf or api_implementation.Type()
    if implementation != "upb":
        raise Defect(f"protobuf runs on {implementation}, not upb: its recursion limits can be bypassed")
    installed = client or version("aiokafka")
    if tuple(map(int, installed.split(".")[:2])) < (0, 14):
        raise Defect(f"aiokafka {installed} is older than 0.14")
    if multiprocessing.get_start_method(allow_none=True) == "fork":
        raise Defect("processes are started by spawn or exec: fork after gRPC has begun deadlocks")
    loop = asyncio.get_running_loop()
    if any(other is not loop and not other.is_closed() for other in _loops):
        raise Defect("one event loop per process: gRPC has one poller")
    _loops[:] = [loop]


async def watch_loop(interval_seconds: float = 0.25) -> None:
    """Measure how late the loop wakes, and the memory of the process, until cancelled."""
    loop = asyncio.get_running_loop()
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    longest = 0.0
    while True:
        began = loop.time()
        await asyncio.sleep(interval_seconds)
        lag = loop.time() - began - interval_seconds
        longest = max(lag, longest * 0.95)
        metrics.LOOP_LAG_SECONDS.set(longest)
        metrics.RESIDENT_BYTES.set(resident_pages() * page_bytes)
        if lag > LAG_SECONDS_MAX:
            log.info("loop_lag", seconds=round(lag, 3))


def resident_pages() -> int:
    """Memory pages of this process that are in RAM; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
