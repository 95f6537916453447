"""A sampler for a service under load: `python -m services.bench.profiling MODULE` runs it and writes where its time went.

The report goes to SETTLE_PROFILE_DIR when the service ends: self and total CPU time by function.
"""

import os
import runpy
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from services.local.stack import LocalStack

if TYPE_CHECKING:
    from services.bench.run import Options

INTERVAL_SECONDS = 0.003
FRAMES_MAX = 60
LINES_MAX = 70


class ProfiledStack(LocalStack):
    """A stack on the system clock whose chosen services run under the sampler."""

    def __init__(self, data: Path, options: "Options", say: Callable[[str], None]) -> None:
        environ = {"SETTLE_PROFILE_DIR": str(options.profile_folder.resolve())} if options.profile_folder else {}
        super().__init__(data, broker=options.broker, clock="system", say=say, environ=environ)
        self._profiled = options.profile

    def _seat_all(self) -> None:
        super()._seat_all()
        for name in self._profiled:
            seat = self.seats[name]
            seat.environ = dict(seat.environ) | {"SETTLE_PROFILE_MODULE": seat.module}
            seat.module = "services.bench.profiling"


class Sampler(threading.Thread):
    """Looks at the main thread's stack a few hundred times a second; counts the CPU time it used since the last look."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self._main = threading.main_thread().ident or 0
        self._clock = time.pthread_getcpuclockid(self._main)
        self._own: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._used = self._before = time.clock_gettime_ns(self._clock)

    def run(self) -> None:
        """Sample until the process ends."""
        while True:
            time.sleep(INTERVAL_SECONDS)
            frame = sys._current_frames().get(self._main)
            if frame is not None:
                self._count(frame)

    def _count(self, frame: FrameType) -> None:
        now = time.clock_gettime_ns(self._clock)
        used, self._before = now - self._before, now
        self._used += used
        self._own[f"{_name(frame)}:{frame.f_lineno}"] += used
        seen: set[str] = set()
        at: FrameType | None = frame
        while at is not None and len(seen) < FRAMES_MAX:
            seen.add(_name(at))
            at = at.f_back
        self._total.update(dict.fromkeys(seen, used))

    def report(self) -> str:
        """Self and total shares of the main thread's CPU time; `Runner.run` is the loop itself, grpc's and uvloop's C code."""
        lines = [f"{self._used / 1e9:.1f} s of CPU"]
        for title, counts in (("self", self._own), ("total", self._total)):
            lines.append(f"\n{title}")
            lines += [f"{count / max(self._used, 1):7.2%} {name}" for name, count in counts.most_common(LINES_MAX)]
        return "\n".join(lines)


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name} {frame.f_code.co_qualname if sys.version_info >= (3, 11) else frame.f_code.co_name}"


def main() -> None:
    """Run the module that SETTLE_PROFILE_MODULE names under the sampler."""
    module = os.environ["SETTLE_PROFILE_MODULE"]
    folder = Path(os.environ.get("SETTLE_PROFILE_DIR", "."))
    sampler = Sampler()
    sampler.start()
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{module}.txt").write_text(sampler.report(), encoding="utf-8")


if __name__ == "__main__":
    main()
