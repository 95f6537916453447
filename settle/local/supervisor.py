"""Keeps the engine's processes running: launches them, waits for their health, brings back what crashed."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from settle.local import children
from settle.local.endpoints import serving
from settle.local.prefixed import Pipe, last_line
from settle.local.refusals import DidNotStart
from settle.local.secured import said_by

WATCH_SECONDS = 0.2
HEALTH_SECONDS = 5.0
HEALTH_ANSWER_SECONDS = 3.0
STEADY_SECONDS = 30.0
"""A process that ran this long before it crashed is not in a loop of crashes."""
RESTARTS_FAST = 5
"""After this many crashes in a row a process comes back a little later each time, up to RESTART_SECONDS_MAX."""
RESTART_SECONDS_MAX = 10.0
DEFECTS_MAX = 10
"""A process that ends by itself this many times in a row right after its start is given up, for it always will."""
OUTAGE_STATUS = 2
"""How a service ends that cannot reach what it needs (services/runtime/main.py): it may pass, so it is no defect."""
_BY_SOMEBODY = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT})
"""Somebody ended it: no defect either."""


@dataclass(slots=True)
class Seat:
    """One process of the engine: how to start it, what runs on it now, and whether it should."""

    name: str
    module: str
    environ: Mapping[str, str]
    target: str
    metrics: str = ""
    vital: bool = True
    """Whether the engine ends with it, once it is given up."""
    child: children.Child | None = None
    pipe: Pipe | None = None
    wanted: bool = True
    crashes: int = 0
    defects: int = 0
    started_at: float = 0.0
    due_at: float = 0.0
    healthy: bool = False


class Server(Protocol):
    """PostgreSQL or a broker; `starting` is held by whoever starts it."""

    starting: threading.Lock

    @property
    def crashed(self) -> bool:
        """Whether it is ours and should run, but does not."""

    def start(self) -> None:
        """Start it again; a no-op if it runs."""


class Supervisor:
    """Watches seats and servers from threads of its own. `changed` is called after every process that came back."""

    def __init__(
        self, logs: Path, *, say: Callable[[str], None], changed: Callable[[], None], echo: bool, revive: bool
    ) -> None:
        self.seats: dict[str, Seat] = {}
        self.lock = threading.RLock()
        self._logs, self._say, self._changed, self._echo, self._revives = logs, say, changed, echo, revive
        self._stopping = threading.Event()
        self._failed = threading.Event()
        self._failure = ""
        self._watchers: list[threading.Thread] = []

    def launch(self, seat: Seat) -> None:
        """Start the seat's process; its lines go to its file in the logs folder."""
        pipe = Pipe(seat.name, self._logs / f"{seat.name}.log", self._echo)
        try:
            seat.child = children.start(seat.name, [sys.executable, "-P", "-m", seat.module], seat.environ, pipe.writer)
        finally:
            pipe.begin()
        seat.pipe = pipe
        seat.wanted, seat.started_at, seat.due_at, seat.healthy = True, time.monotonic(), 0.0, False

    def wait_ready(self, seconds: float) -> None:
        """Until every process that should run says SERVING; raises at once if one ends and nobody brings it back. One
        that is not vital may come later: on a busy machine the auditor gets next to nothing of it."""
        deadline = time.monotonic() + seconds
        for seat in sorted(self.seats.values(), key=lambda seat: not seat.vital):
            while seat.wanted and not serving(seat.target, tls=said_by(seat.environ)):
                log = self._logs / f"{seat.name}.log"
                if seat.child and not seat.child.running and not (self._watchers and self._revives):
                    raise DidNotStart(f"{seat.name} ended at its start; see {log}{self._last_words(seat)}")
                if time.monotonic() > deadline and not seat.vital:
                    self._say(f"{seat.name} does not serve yet")
                    break
                if time.monotonic() > deadline:
                    raise DidNotStart(f"{seat.name} is not ready; see {log}{self._last_words(seat)}")
                time.sleep(0.05)

    def watch(self, servers: Mapping[str, Server]) -> None:
        """Begin to watch what is ready now: the seats in one thread, each server in another, for it takes its time."""
        for seat in self.seats.values():
            seat.healthy = True
        jobs: list[tuple[str, Callable[[], None]]] = [("processes", self._watch_seats), ("health", self._watch_health)]
        jobs += [(name, partial(self._watch_server, name, server)) for name, server in servers.items()]
        self._watchers = [threading.Thread(target=job, name=f"watch {name}", daemon=True) for name, job in jobs]
        for watcher in self._watchers:
            watcher.start()

    def stop(self) -> None:
        """Watch no more; end every process, all of them told at once."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.join(5)
        running = [seat.child for seat in self.seats.values() if seat.child is not None]
        for child in running:
            child.interrupt_now()
        for child in running:
            child.stop()
        for seat in self.seats.values():
            if seat.pipe is not None:
                seat.pipe.finish()

    def wait_failed(self) -> str:
        """Until a process is given up; answers which and why."""
        self._failed.wait()
        return self._failure

    def _last_words(self, seat: Seat) -> str:
        if seat.pipe is not None and seat.child is not None and not seat.child.running:
            seat.pipe.finish()
        return last_line(self._logs / f"{seat.name}.log")

    def _watch_seats(self) -> None:
        while self._revives and not self._stopping.wait(WATCH_SECONDS):
            with self.lock:
                for seat in self.seats.values():
                    if seat.wanted and seat.child is not None and not seat.child.running:
                        self._revive(seat)

    def _revive(self, seat: Seat) -> None:
        """A crashed process comes back within 2 s; one that crashes again and again, a little later each time, until it
        is given up."""
        now = time.monotonic()
        if not seat.due_at:
            assert seat.child is not None
            status, steady = seat.child.process.returncode, now - seat.started_at >= STEADY_SECONDS
            seat.crashes = 1 if steady else seat.crashes + 1
            if status not in _BY_SOMEBODY:
                seat.defects = 0 if steady or status == OUTAGE_STATUS else seat.defects + 1
            if seat.defects >= DEFECTS_MAX:
                self._give_up(seat, status)
                return
            wait = pause_seconds(seat.crashes)
            seat.due_at = now + wait
            why = self._last_words(seat) if status > 0 else ""
            self._say(f"{seat.name} ended with status {status}; starts again in {wait:.0f} s{why}")
        if now >= seat.due_at:
            self.launch(seat)
            self._changed()

    def _give_up(self, seat: Seat, status: int) -> None:
        seat.wanted = False
        self._failure = (
            f"{seat.name} ended {seat.defects} times in a row soon after its start, the last time with status "
            f"{status}, and is given up; see {self._logs / f'{seat.name}.log'}{self._last_words(seat)}"
        )
        self._say(self._failure)
        if seat.vital:
            self._failed.set()

    def _watch_health(self) -> None:
        """Say when a process that runs stops or begins again to serve; it may wait for Kafka, so it is not ended."""
        while not self._stopping.wait(HEALTH_SECONDS):
            for seat in list(self.seats.values()):
                if self._stopping.is_set():
                    return
                now = serving(seat.target, HEALTH_ANSWER_SECONDS, said_by(seat.environ))
                if now != seat.healthy and seat.wanted and seat.child is not None and seat.child.running:
                    seat.healthy = now
                    self._say(f"{seat.name} serves" if now else f"{seat.name} runs but does not serve")

    def _watch_server(self, name: str, server: Server) -> None:
        crashes, crashed_at = 0, 0.0
        while self._revives and not self._stopping.wait(WATCH_SECONDS):
            if not server.crashed or server.starting.locked():
                continue
            now = time.monotonic()
            crashes, crashed_at = (crashes + 1 if now - crashed_at < STEADY_SECONDS else 1), now
            self._say(f"{name} does not run; starts again")
            try:
                server.start()
                self._changed()
            except Exception as error:  # whatever it was, it is said, and tried again
                self._say(f"{name} did not start: {error}")
            self._stopping.wait(pause_seconds(crashes))


def pause_seconds(crashes: int) -> float:
    """How long to wait before a process that has crashed so often in a row starts again."""
    return float(min(max(0, crashes - RESTARTS_FAST), RESTART_SECONDS_MAX))
