"""A sampler for a service under load: `python -m settle.bench.profiling MODULE` runs it and writes where its time went.

The report goes to SETTLE_PROFILE_DIR when the service ends: self and total CPU time by function.
"""

import os
import runpy
import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import NoReturn

INTERVAL_SECONDS = 0.004
FRAMES_MAX = 60
LINES_MAX = 70


class Sampler:
    """Looks at the main thread's stack each time the process has used a little more CPU."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._samples = 0

    def start(self) -> None:
        """Sample until the process ends, by a signal: a thread would only see the main one give up the lock."""
        signal.signal(signal.SIGPROF, self._count)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def _count(self, number: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._samples += 1
        self._own[f"{_name(frame)}:{frame.f_lineno}"] += 1
        seen: set[str] = set()
        while frame is not None and len(seen) < FRAMES_MAX:
            seen.add(_name(frame))
            frame = frame.f_back
        self._total.update(seen)

    def report(self) -> str:
        """Self and total shares of the CPU time; C code counts for the Python code that it returned to."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = [f"{self._samples * INTERVAL_SECONDS:.1f} s of CPU in {self._samples} samples"]
        for title, counts in (("self", self._own), ("total", self._total)):
            lines.append(f"\n{title}")
            lines += [f"{count / max(self._samples, 1):7.2%} {name}" for name, count in counts.most_common(LINES_MAX)]
        return "\n".join(lines)


def _name(frame: FrameType) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{path.parent.name}/{path.name} {frame.f_code.co_qualname}"


def main() -> None:
    """Run the module that SETTLE_PROFILE_MODULE names under the sampler."""
    module = os.environ["SETTLE_PROFILE_MODULE"]
    folder = Path(os.environ.get("SETTLE_PROFILE_DIR", "."))
    sampler = Sampler()
    sampler.start()

    def tell() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{module}.txt").write_text(sampler.report(), encoding="utf-8")

    leave = os._exit

    def told(status: int) -> NoReturn:
        tell()
        leave(status)

    os._exit = told  # a service leaves by it, with its connections open
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        tell()


if __name__ == "__main__":
    main()
